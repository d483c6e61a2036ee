"""A small family outside the repository, laid out as any other: model.py, cards/, weights/."""

import copy
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tfmed.zoo import registry

MODEL = """
import keras


def build(card, variant, modalities, **overrides):
    config = {**card["variants"][variant]["config"], **overrides}
    image = keras.Input((None, None, len(modalities)), name="image")
    model = keras.Model(image, keras.layers.Conv2D(config["filters"], 3, name="conv")(image))
    return model
"""

CARD: dict[str, Any] = {
    "name": "toy_seg",
    "family": "toy",
    "task": "semantic_segmentation",
    "title": "a toy",
    "description": "One convolution.",
    "inputs": {
        "modalities": [
            {"name": "t1", "title": "T1", "may_be_missing": False},
            {"name": "t2", "title": "T2", "may_be_missing": True},
        ],
        "spacing_mm": [1, 1, 1],
        "size": {"trained": [32, 32], "multiple_of": 1},
        "views": ["axial"],
        "normalisation": "none",
    },
    "outputs": {"description": "Filters.", "classes": []},
    "variants": {
        "small": {"title": "two filters", "parameters": 38, "config": {"filters": 2}},
        "large": {"title": "four filters", "parameters": 76, "config": {"filters": 4}},
    },
    "weights": {},
    "default_weights": None,
    "metrics": [],
    "reported": {"source": "nobody", "note": "nothing", "claims": []},
    "decisions": [],
    "intended_use": "Tests.",
    "limits": ["It is a toy."],
    "licence": "Apache-2.0",
    "citation": "none",
    "requires": {"python": ">=3.11", "tensorflow": "==2.21.*", "keras": "==3.15.*"},
}


def weights_entry(path: Path, **where: str) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "variant": "small",
        **where,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "dtype": "float32",
        "trained_on": {"data": "noise", "cases": 1, "split": "all", "split_hash": "0" * 16},
        "recipe": "none",
        "seed": 0,
        "hardware": "none",
        "hours": 1,
    }


@pytest.fixture
def card() -> dict[str, Any]:
    return copy.deepcopy(CARD)


@pytest.fixture
def family(tmp_path: Path, card: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a family ``toy`` installed by entry point from a package of its own."""
    folder = tmp_path / "site" / "toy_zoo" / "toy"
    (folder / "cards").mkdir(parents=True)
    (folder / "weights").mkdir()
    (folder / "model.py").write_text(MODEL)
    write_card(folder, card)
    info = tmp_path / "site" / "toy_zoo-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy_zoo\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tfmed.zoo]\ntoy = toy_zoo.toy\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield folder
    for name in [name for name in sys.modules if name.startswith("toy_zoo")]:
        del sys.modules[name]


def write_card(folder: Path, card: dict[str, Any]) -> None:
    (folder / "cards" / f"{card['name']}.json").write_text(json.dumps(card))


@pytest.fixture
def forget() -> Iterator[None]:
    """Takes out what a test registered."""
    yield
    registry._registered.clear()

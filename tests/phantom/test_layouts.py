"""Phantoms written in the datasets' layouts, read back by the datasets' readers."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfmed import datasets, phantom
from tfmed.errors import TfmedError

EDITIONS = {"brats2015": {1, 2, 3, 4}, "brats2018": {1, 2, 4}, "brats2023": {1, 2, 3}}


@pytest.fixture(scope="module")
def study() -> phantom.Study:
    return phantom.make("glioma", 1, anatomy="analytic", grade="HGG", spacing_mm=3.0)


@pytest.mark.parametrize("layout", phantom.LAYOUTS)
def test_readers_meet_what_they_expect(layout: str, study: phantom.Study, tmp_path: Path) -> None:
    phantom.write(study, tmp_path, layout)
    (case,) = datasets.scan(tmp_path)
    loaded = case.load()
    assert case.edition == layout
    assert set(case.modalities) == set(study.images)
    for name, image in study.images.items():
        np.testing.assert_array_equal(loaded.images[name].canonical().array, image.array)
    values = set(np.unique(loaded.labels.array)) - {0}
    assert values <= EDITIONS[layout]
    np.testing.assert_array_equal(loaded.labels.canonical().array > 0, study.labels.array > 0)


def test_the_sidecar_tells_the_volumes_of_the_label_map(study: phantom.Study, tmp_path: Path) -> None:
    folder = phantom.write(study, tmp_path)
    told = json.loads((folder / "phantom.json").read_text())
    counts = np.bincount(study.labels.array.ravel(), minlength=5)
    for value in range(1, 5):
        assert told["volumes_ml"].get(str(value), 0) == pytest.approx(counts[value] * 0.027, abs=1e-3)
    assert told["provenance"]["person"].startswith("analytic")


def test_images_are_stripped_integers(study: phantom.Study) -> None:
    masks = [image.array != 0 for image in study.images.values()]
    for image, mask in zip(study.images.values(), masks, strict=True):
        assert image.array.dtype == np.int16 and image.array.min() == 0
        np.testing.assert_array_equal(mask, masks[0])
    assert not study.labels.array[~masks[0]].any()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"kind": "fracture"}, "kind='fracture'"),
        ({"kind": "glioma", "grade": "V"}, "grade='V'"),
        ({"kind": "glioma", "anatomy": "/nowhere"}, "/nowhere"),
        ({"kind": "glioma", "anatomy": "analytic", "modalities": ("t1", "flar"), "spacing_mm": 5.0}, "flar"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_told_in_a_sentence(arguments: dict, sentence: str) -> None:
    with pytest.raises(TfmedError, match=sentence):
        phantom.make(**arguments)


def test_an_unknown_layout_is_told_in_a_sentence(study: phantom.Study, tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match="layout='brats1999'"):
        phantom.write(study, tmp_path, "brats1999")


def test_the_command_offers_what_the_library_has() -> None:
    from tfmed.tools import phantom as tool

    assert tool.KINDS == phantom.KINDS
    assert tuple(phantom.LAYOUTS) == tool.LAYOUTS


def test_the_command_ends_with_status_2_on_an_unknown_anatomy(tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("tfmed")),
        "phantom",
        str(tmp_path),
        "-n",
        "1",
        "--anatomy",
        "/nowhere",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "/nowhere" in done.stderr and "Traceback" not in done.stderr

"""Choosing thresholds: the curve of Dice over levels equals Dice computed level by level."""

import json
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.inference import zoo_entry
from tests.inference.heads import make_study
from tests.inference.threshold_model import ThresholdModel
from tfmed.evaluation.thresholds import choose, dice_by_level
from tfmed.tools import _publish as publish
from tfmed.zoo.registry import find

shape = (4, 3, 2)


@settings(deadline=None, max_examples=50)
@given(hnp.arrays(np.uint8, shape), hnp.arrays(bool, shape), st.integers(0, 255))
def test_every_level_has_the_dice_of_its_mask(probability: np.ndarray, truth: np.ndarray, level: int) -> None:
    found = probability >= level
    total = found.sum() + truth.sum()
    expected = 2 * (found & truth).sum() / total if total else 1.0
    assert np.isclose(dice_by_level(probability, truth)[level], expected)


class Faint(ThresholdModel):
    """Sure of nothing: .4 where the double finds a region and .2 where it does not."""

    def decode(self, outputs: dict[str, tf.Tensor], height: int, width: int) -> dict[str, tf.Tensor]:
        decoded = super().decode(outputs, height, width)
        return decoded | {"regions": tf.where(decoded["regions"] > 0, 0.4, 0.2)}


def test_a_threshold_parts_what_is_there_from_what_is_not() -> None:
    found = choose(Faint(), [make_study(seed=seed) for seed in range(2)])
    assert set(found) == {"whole", "core", "enhancing", "oedema"}, "no study holds non-enhancing core"
    assert all(0.2 <= threshold <= 0.4 for threshold in found.values())


def test_chosen_thresholds_enter_the_card(root: Path, tmp_path: Path) -> None:
    case = sorted((root / "HGG").iterdir())[0]
    shutil.copytree(case, tmp_path / "validation" / "HGG" / case.name)
    name = zoo_entry.register(tmp_path)
    folder = find(name).folder
    (folder / "cards").mkdir(exist_ok=True)
    words = ["thresholds", name, str(tmp_path / "validation")]
    result = CliRunner().invoke(publish.command, words, catch_exceptions=False)
    written = json.loads((folder / "cards" / f"{name}.json").read_text())["fusion"]["thresholds"]
    assert set(written) == {"whole", "core", "enhancing", "oedema"}
    assert f"from 1 cases: {written}" in result.output

"""Choosing thresholds: the curve of Dice over levels equals Dice computed level by level."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfmed.evaluation.thresholds import dice_by_level

shape = (4, 3, 2)


@settings(deadline=None, max_examples=50)
@given(hnp.arrays(np.uint8, shape), hnp.arrays(bool, shape), st.integers(0, 255))
def test_every_level_has_the_dice_of_its_mask(probability: np.ndarray, truth: np.ndarray, level: int) -> None:
    found = probability >= level
    total = found.sum() + truth.sum()
    expected = 2 * (found & truth).sum() / total if total else 1.0
    assert np.isclose(dice_by_level(probability, truth)[level], expected)

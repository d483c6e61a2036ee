"""Traces of a region in a lesion become what is painted around them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.inference.threshold_model import CARD
from tfmed.inference.rules import Rules
from tfmed.inference.traces import without_traces

RULES = Rules.from_card(CARD)
NECROSIS, OEDEMA, NON_ENHANCING, ENHANCING = 1, 2, 3, 4


def cleared(
    labels: np.ndarray, lesions: np.ndarray, least: dict[str, float], voxel_mm3: float = 1.0
) -> np.ndarray:
    """Without traces of less than `least`, everything certain."""
    certain = np.full(labels.shape, 255, np.uint8)
    return without_traces(labels, certain, lesions, replace(RULES, min_region_mm3=least), voxel_mm3)


def two_lesions() -> tuple[np.ndarray, np.ndarray]:
    """A lesion with three enhancing voxels and one with six, of ten voxels each."""
    labels = np.full((2, 10, 1), OEDEMA, np.uint8)
    labels[0, :3], labels[1, :6] = ENHANCING, ENHANCING
    lesions = np.repeat([[[1]], [[2]]], 10, axis=1)
    return labels, lesions


def test_less_than_the_least_becomes_core_in_its_lesion_alone() -> None:
    labels, lesions = two_lesions()
    result = cleared(labels, lesions, {"enhancing": 4})
    np.testing.assert_array_equal(result[0, :, 0], [NECROSIS] * 3 + [OEDEMA] * 7)
    np.testing.assert_array_equal(result[1], labels[1])


def test_voxels_count_by_their_certainty() -> None:
    labels, lesions = two_lesions()
    certainty = np.full(labels.shape, 51, np.uint8)
    certainty[0] = 255
    rules = replace(RULES, min_region_mm3={"enhancing": 2})
    result = without_traces(labels, certainty, lesions, rules)
    np.testing.assert_array_equal(result[0], labels[0])
    np.testing.assert_array_equal(result[1, :, 0], [NECROSIS] * 6 + [OEDEMA] * 4)


def test_volumes_are_in_mm3() -> None:
    labels, lesions = two_lesions()
    np.testing.assert_array_equal(cleared(labels, lesions, {"enhancing": 4}, voxel_mm3=2.0), labels)


def test_a_small_core_goes_with_all_that_it_holds() -> None:
    labels, lesions = two_lesions()
    labels[0, 3] = NON_ENHANCING
    result = cleared(labels, lesions, {"core": 5})
    assert set(np.unique(result[0])) == {OEDEMA}
    np.testing.assert_array_equal(result[1], labels[1])


@given(
    labels=arrays(np.uint8, (4, 4, 3), elements=st.integers(0, 4)),
    parts=arrays(np.uint8, (4, 4, 3), elements=st.integers(1, 3)),
    least=st.integers(0, 20),
)
def test_a_region_is_all_there_or_gone_and_the_tumour_stays(
    labels: np.ndarray, parts: np.ndarray, least: int
) -> None:
    lesions = np.where(labels > 0, parts, 0).astype(np.int32)
    result = cleared(labels, lesions, {"enhancing": least})
    np.testing.assert_array_equal(result > 0, labels > 0)
    for lesion in (1, 2, 3):
        before, after = (((x == ENHANCING) & (lesions == lesion)).sum() for x in (labels, result))
        assert after == (before if before >= least else 0)
    unchanged = labels != ENHANCING
    np.testing.assert_array_equal(result[unchanged], labels[unchanged])


@pytest.mark.parametrize("shape", [(0, 0, 0), (3, 3, 3)])
def test_nothing_found_stays_nothing(shape: tuple[int, int, int]) -> None:
    nothing = np.zeros(shape, np.uint8)
    assert not cleared(nothing, nothing.astype(np.int32), {"enhancing": 4}).any()

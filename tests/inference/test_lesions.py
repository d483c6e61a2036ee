"""Linking of 2D instances into 3D lesions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from tests.inference.threshold_model import CARD
from tfmed.inference.lesions import agree, find_lesions, link_slices
from tfmed.inference.rules import Rules

RULES = replace(Rules.from_card(CARD), min_volume_mm3=10.0)
SHAPE = (24, 22, 20)


def ball(centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """bool SHAPE, voxels within `radius` of `centre`."""
    grid = np.indices(SHAPE).astype(float) - np.reshape(centre, (3, 1, 1, 1))
    return (grid**2).sum(0) <= radius**2


def own(lesions: list[np.ndarray]) -> np.ndarray:
    """Owner maps [3, X, Y, Z] of a perfect network: in each slice one detection a lesion."""
    owner = np.zeros((3, *SHAPE), np.uint8)
    for number, lesion in enumerate(lesions, 1):
        owner[:, lesion] = number
    return owner


def labels_of(lesions: list[np.ndarray]) -> np.ndarray:
    return 2 * np.any(lesions, axis=0).astype(np.uint8)


def test_without_instances_a_lesion_is_what_hangs_together() -> None:
    small, large, speck = ball((5, 5, 5), 2.5), ball((16, 15, 13), 4), ball((3, 18, 16), 1)
    labels = labels_of([small, large, speck])
    lesions = find_lesions(labels, np.ones((3, *SHAPE), np.uint8), replace(RULES, linked=False))
    np.testing.assert_array_equal(lesions, large + 2 * small)


def test_two_separate_lesions_are_numbered_by_volume() -> None:
    small, large = ball((5, 5, 5), 2.5), ball((16, 15, 13), 4)
    lesions = find_lesions(labels_of([small, large]), own([small, large]), RULES)
    np.testing.assert_array_equal(lesions, small * 2 + large)


@pytest.mark.parametrize("axis", range(3))
def test_touching_lesions_stay_two_although_one_view_runs_through_both(axis: int) -> None:
    cube = np.zeros(SHAPE, bool)
    cube[8:16, 8:16, 8:16] = True
    below = np.indices(SHAPE)[axis] < 11
    first, second = cube & below, cube & ~below
    lesions = find_lesions(labels_of([first, second]), own([first, second]), RULES)
    np.testing.assert_array_equal(lesions, first * 2 + second)


def test_a_detection_missed_in_a_slice_does_not_split_a_lesion() -> None:
    lesion = ball((12, 11, 10), 5)
    owner = own([lesion])
    owner[0, :, :, 10] = 0
    owner[1, :, 8] = 0
    np.testing.assert_array_equal(find_lesions(labels_of([lesion]), owner, RULES), lesion)


def test_a_lesion_cut_in_two_by_one_view_stays_one() -> None:
    lesion = ball((12, 11, 10), 5)
    owner = own([lesion])
    owner[0, 12:][lesion[12:]] = 2
    np.testing.assert_array_equal(find_lesions(labels_of([lesion]), owner, RULES), lesion)


def test_detections_are_linked_by_what_of_them_lies_outside_the_tumour_too() -> None:
    first, second, outside = (np.zeros(SHAPE, bool) for _ in range(3))
    first[4:8, 4:8, 5] = second[8:12, 4:8, 6] = outside[4:12, 10:18, 5:7] = True
    owner = np.zeros((3, *SHAPE), np.uint8)
    owner[0] = first | second | outside
    lesions = find_lesions(labels_of([first, second]), owner, replace(RULES, min_views=1))
    np.testing.assert_array_equal(lesions, first | second)


def test_specks_and_what_only_one_view_saw_are_taken_out() -> None:
    lesion, speck, doubtful = ball((16, 15, 13), 4), ball((4, 4, 4), 1), ball((5, 15, 5), 2.5)
    owner = own([lesion, speck, doubtful])
    owner[1:, doubtful] = 0
    labels = labels_of([lesion, speck, doubtful])
    np.testing.assert_array_equal(find_lesions(labels, owner, RULES), lesion)
    kept = find_lesions(labels, owner, replace(RULES, min_views=1))
    np.testing.assert_array_equal(kept, lesion + 2 * doubtful)


def test_voxels_without_an_owner_go_to_the_nearest_lesion_that_they_touch() -> None:
    core, whole = ball((12, 11, 10), 3), ball((12, 11, 10), 5)
    np.testing.assert_array_equal(find_lesions(labels_of([whole]), own([core]), RULES), whole)


def test_a_tumour_that_no_instance_owns_is_no_lesion() -> None:
    lesion, unowned = ball((16, 15, 13), 4), ball((5, 5, 5), 3)
    np.testing.assert_array_equal(find_lesions(labels_of([lesion, unowned]), own([lesion]), RULES), lesion)


def test_nothing_found_is_no_lesion() -> None:
    nothing = np.zeros(SHAPE, np.uint8)
    assert not find_lesions(nothing, own([]), RULES).any()


def test_slices_are_linked_from_the_overlap_of_the_smaller_detection() -> None:
    owner = np.zeros((10, 10, 3), np.uint8)
    owner[0:8, 0:8, 0] = 1
    owner[0:2, 0:2, 1] = 3
    owner[1:3, 1:3, 2] = 2
    linked = link_slices(owner, 2, 0.5)
    assert linked[0, 0, 0] == linked[0, 0, 1] != linked[1, 1, 2]
    quarter = link_slices(owner, 2, 0.25)
    assert quarter[0, 0, 0] == quarter[1, 1, 2]


def test_ambiguous_triples_stay_open() -> None:
    groups = agree([(1, 1, 1), (2, 2, 1), (0, 0, 1), (0, 0, 0), (2, 1, 0)], [90, 80, 10, 5, 3])
    np.testing.assert_array_equal(groups, [1, 2, 0, 0, 0])


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(np.uint8, (3, 6, 7, 8), elements=st.integers(0, 2)))
def test_lesions_lie_in_the_tumour_and_are_numbered_without_gaps(owner: np.ndarray) -> None:
    labels = (owner > 0).sum(0).astype(np.uint8) // 2
    lesions = find_lesions(labels, owner, replace(RULES, min_volume_mm3=3.0))
    assert not lesions[labels == 0].any()
    sizes = np.bincount(lesions.ravel())[1:]
    assert (sizes >= 3).all() and (np.diff(sizes) <= 0).all()


@settings(max_examples=20, deadline=None)
@given(arrays.arrays(np.bool_, (7, 6, 5)), st.integers(0, 2))
def test_linking_perfect_slices_finds_at_most_the_components(mask: np.ndarray, axis: int) -> None:
    components, count = ndimage.label(mask)
    linked = link_slices(components.astype(np.int64), axis, 0.5)
    np.testing.assert_array_equal(linked > 0, mask)
    for number in range(1, linked.max() + 1):
        assert len(np.unique(components[linked == number])) <= 1
    assert len(np.unique(linked)) >= count

"""Scores against independent implementations, by hand, and where something is empty."""

import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from tfmed.evaluation.lesions import PENALTY_MM, components, lesion_wise, match
from tfmed.evaluation.metrics import METRICS, region_scores
from tfmed.evaluation.overlap import hd95, overlap

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
SHAPE = (20, 22, 16)
DIAGONAL = float(np.linalg.norm(np.array(SHAPE) * [1, 1, 2]))


def lesion_dice(found: np.ndarray, truth: np.ndarray) -> float:
    return lesion_wise(found, truth, np.ones(3))["lesion_dice"]


def matching(found: np.ndarray, truth: np.ndarray) -> dict:
    return match(found, truth, 1.0).scores()


def blobs(seed: int, threshold: float) -> np.ndarray:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 2)
    return field > threshold * field.std()


def box(start: tuple[int, int, int], size: tuple[int, int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))] = True
    return mask


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 1.5))
def test_overlap_agrees_with_simpleitk(seed: int, threshold: float) -> None:
    found, truth = blobs(seed, threshold), blobs(seed + 1, threshold)
    truth[0, 0, 0] = found[0, 0, 0] = True
    filter_ = sitk.LabelOverlapMeasuresImageFilter()
    filter_.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (found, truth)))
    scores = overlap(found, truth, truth.size)
    assert scores["dice"] == pytest.approx(filter_.GetDiceCoefficient())
    assert 1 - scores["sensitivity"] == pytest.approx(filter_.GetFalseNegativeError())
    assert 1 - scores["precision"] == pytest.approx(filter_.GetFalseDiscoveryRate())
    assert 1 - scores["specificity"] == pytest.approx(filter_.GetFalsePositiveError())
    assert scores["accuracy"] == pytest.approx((found == truth).mean())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_hd95_agrees_with_all_pairs_of_surface_voxels(seed: int) -> None:
    found, truth = blobs(seed, 1.0), blobs(seed + 1, 1.0)
    truth[3, 3, 3] = found[9, 9, 9] = True
    points = [
        np.argwhere(mask & (ndimage.convolve(mask.astype(int), _cross(), mode="constant") < 7)) * [1, 1, 2]
        for mask in (found, truth)
    ]
    distance = cdist(*points)
    expected = max(np.percentile(distance.min(1), 95), np.percentile(distance.min(0), 95))
    assert hd95(found, truth, np.array([1.0, 1, 2]), 99.0) == pytest.approx(expected)


def _cross() -> np.ndarray:
    return ndimage.generate_binary_structure(3, 1).astype(int)


THERE = 125 / np.prod(SHAPE)
# Nothing found and nothing there; nothing found; nothing there. The table of docs/evaluation.md.
EMPTY = {
    "dice": (1, 0, 0),
    "sensitivity": (None, 0, None),
    "precision": (None, None, 0),
    "specificity": (1, 1, 1 - THERE),
    "accuracy": (1, 1 - THERE, 1 - THERE),
    "hd95_mm": (0, DIAGONAL, DIAGONAL),
    "volume_error_ml": (0, -0.25, 0.25),
    "lesion_dice": (1, 0, 0),
    "lesion_hd95_mm": (0, PENALTY_MM, PENALTY_MM),
    "lesion_f1": (1, 0, 0),
    "false_lesions": (0, 0, 1),
    "pq": (1, 0, 0),
    "sq": (None, None, None),
    "rq": (1, 0, 0),
}


@pytest.mark.parametrize(
    ("column", "found", "truth"), [(0, False, False), (1, False, True), (2, True, False)]
)
def test_what_empty_means(column: int, found: bool, truth: bool) -> None:
    mask = box((4, 4, 4), (5, 5, 5))
    scores = region_scores(mask & found, mask & truth, AFFINE)
    assert tuple(scores) == METRICS
    assert scores == pytest.approx({name: values[column] for name, values in EMPTY.items()})


def test_the_table_of_what_empty_means_is_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text("utf-8")
    for name in EMPTY:
        assert re.search(rf"^\| .*`{name}`.* \|", text, re.M), name


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(0.8, 1.4),
    st.lists(st.integers(0, 2), max_size=3, unique=True),
    st.permutations(range(3)),
)
def test_scores_are_the_same_however_the_grid_is_turned(
    seed: int, threshold: float, flips: list[int], order: list[int]
) -> None:
    def turned(mask: np.ndarray) -> np.ndarray:
        return np.flip(mask, flips).transpose(order)

    found, truth = blobs(seed, threshold), blobs(seed + 1, threshold)
    affine = np.diag([*np.array([1.0, 1, 2])[list(order)], 1])
    assert region_scores(turned(found), turned(truth), affine) == pytest.approx(
        region_scores(found, truth, AFFINE)
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 1.8), st.floats(0.5, 1.8))
def test_scores_stay_in_their_bounds(seed: int, one: float, other: float) -> None:
    scores = region_scores(blobs(seed, one), blobs(seed // 2, other), AFFINE)
    for name, value in scores.items():
        if (
            name not in ("hd95_mm", "lesion_hd95_mm", "volume_error_ml", "false_lesions")
            and value is not None
        ):
            assert 0 <= value <= 1, name
    assert 0 <= scores["hd95_mm"] <= DIAGONAL and 0 <= scores["lesion_hd95_mm"] <= PENALTY_MM
    if scores["sq"] is not None:
        assert scores["sq"] >= 0.5 and scores["pq"] == pytest.approx(scores["sq"] * scores["rq"])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.6, 1.4))
def test_swapping_prediction_and_truth_swaps_what_can_be_swapped(seed: int, threshold: float) -> None:
    one, other = blobs(seed, threshold), blobs(seed + 7, threshold)
    forth, back = region_scores(one, other, AFFINE), region_scores(other, one, AFFINE)
    for name in ("dice", "accuracy", "hd95_mm", "lesion_f1", "pq", "sq", "rq"):
        assert forth[name] == pytest.approx(back[name]), name
    assert forth["sensitivity"] == pytest.approx(back["precision"])
    assert forth["volume_error_ml"] == pytest.approx(-back["volume_error_ml"])


def test_a_perfect_prediction_has_perfect_scores() -> None:
    mask = box((2, 2, 2), (5, 5, 5)) | box((12, 12, 8), (5, 6, 5))
    scores = region_scores(mask, mask, AFFINE)
    assert [scores[key] for key in ("dice", "lesion_dice", "lesion_f1")] == [1, 1, 1]
    assert [scores[key] for key in ("hd95_mm", "volume_error_ml", "false_lesions")] == [0, 0, 0]


def test_lesion_dice_counts_missed_and_false_lesions_alike() -> None:
    first, second, false = box((1, 1, 1), (5, 5, 5)), box((14, 14, 1), (5, 5, 5)), box((1, 14, 11), (4, 4, 4))
    half = box((1, 1, 1), (5, 5, 5)) & (np.indices(SHAPE)[0] < 4)
    dice = 2 * half.sum() / (half.sum() + first.sum())
    assert lesion_dice(half, first | second) == pytest.approx(dice / 2)
    assert lesion_dice(half | false, first | second) == pytest.approx(dice / 3)


def test_a_lesion_found_in_two_parts_is_one() -> None:
    whole = box((4, 4, 4), (9, 5, 5))
    parts = whole & (np.indices(SHAPE)[0] != 8)
    assert lesion_dice(parts, whole) == pytest.approx(2 * 200 / (200 + 225))


def test_lesions_under_50_mm3_count_in_no_way() -> None:
    large, small = box((1, 1, 1), (5, 5, 5)), box((12, 12, 10), (3, 3, 3))
    assert lesion_dice(large, large | small) == 1
    assert lesion_dice(large | small, large | small) == 1
    assert matching(components(large), components(large | small))["lesion_f1"] == 1


def test_each_lesion_matches_once() -> None:
    truth = box((2, 2, 2), (12, 6, 6))
    found = truth.astype(int)
    found[8:] *= 2
    matches = matching(found, components(truth))
    assert (matches["lesion_f1"], matches["false_lesions"]) == (pytest.approx(2 / 3), 1)


def test_a_match_needs_a_tenth_in_common() -> None:
    truth = components(box((2, 2, 2), (10, 10, 10)))
    for width, f1 in ((1, 1.0), (0, 0.0)):
        found = components(box((2, 2, 2), (1 if width else 0, 10, 10)) | box((14, 14, 2), (4, 4, 4)))
        assert matching(found, truth)["lesion_f1"] == pytest.approx(2 / 3 * f1)


def test_lesion_hd95_charges_missed_and_false_lesions_374_mm() -> None:
    first, second, false = box((1, 1, 1), (5, 5, 5)), box((14, 14, 1), (5, 5, 5)), box((1, 14, 11), (4, 4, 4))
    moved = np.roll(first, 1, axis=0)
    near = hd95(moved, first, np.ones(3), 0)
    for found, truth, expected in (
        (moved, first, near),
        (moved, first | second, (near + PENALTY_MM) / 2),
        (moved | false, first | second, (near + 2 * PENALTY_MM) / 3),
    ):
        assert lesion_wise(found, truth, np.ones(3))["lesion_hd95_mm"] == pytest.approx(expected)


def test_a_piece_near_a_lesion_belongs_to_it_and_one_farther_off_is_false() -> None:
    truth = box((2, 2, 2), (5, 5, 5))
    for gap, false in ((2, False), (3, True)):
        piece = box((7 + gap, 2, 2), (2, 5, 5))
        expected = 2 * 125 / (125 + 125 + 50) if not false else 1 / 2
        assert lesion_dice(truth | piece, truth) == pytest.approx(expected)


def test_panoptic_quality_by_hand() -> None:
    truth = components(box((1, 1, 1), (6, 6, 6)) | box((12, 12, 8), (6, 6, 6)))
    found = components(box((1, 1, 1), (6, 6, 4)) | box((12, 1, 1), (5, 5, 5)))
    scores = matching(found, truth)
    assert (scores["pq"], scores["sq"], scores["rq"]) == pytest.approx((2 / 3 / 2, 2 / 3, 1 / 2))


def test_nearness_counts_diagonal_steps_within_a_plane() -> None:
    truth, piece = box((2, 2, 2), (5, 5, 5)), box((9, 9, 2), (2, 2, 5))
    assert lesion_dice(truth | piece, truth) == pytest.approx(2 * 125 / (125 + 125 + 20))

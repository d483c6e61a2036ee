"""Scores against independent implementations, by hand, and where something is empty."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from tfmed.evaluation.metrics import components, hd95, lesion_dice, lesion_matches, overlap, region_scores

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
SHAPE = (20, 22, 16)
DIAGONAL = float(np.linalg.norm(np.array(SHAPE) * [1, 1, 2]))


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


@pytest.mark.parametrize(
    ("found", "truth", "expected"),
    [
        (
            False,
            False,
            {"dice": 1, "sensitivity": None, "precision": None, "specificity": 1, "hd95_mm": 0,
             "volume_error_ml": 0, "lesion_dice": 1, "lesion_f1": 1, "false_lesions": 0},
        ),
        (
            False,
            True,
            {"dice": 0, "sensitivity": 0, "precision": None, "specificity": 1, "hd95_mm": DIAGONAL,
             "volume_error_ml": -0.25, "lesion_dice": 0, "lesion_f1": 0, "false_lesions": 0},
        ),
        (
            True,
            False,
            {"dice": 0, "sensitivity": None, "precision": 0, "specificity": 1 - 125 / np.prod(SHAPE),
             "hd95_mm": DIAGONAL, "volume_error_ml": 0.25, "lesion_dice": 0, "lesion_f1": 0,
             "false_lesions": 1},
        ),
    ],
)  # fmt: skip
def test_what_empty_means(found: bool, truth: bool, expected: dict) -> None:
    mask = box((4, 4, 4), (5, 5, 5))
    assert region_scores(mask & found, mask & truth, AFFINE) == pytest.approx(expected)


def test_a_perfect_prediction_has_perfect_scores() -> None:
    mask = box((2, 2, 2), (5, 5, 5)) | box((12, 12, 8), (5, 6, 5))
    scores = region_scores(mask, mask, AFFINE)
    assert [scores[key] for key in ("dice", "lesion_dice", "lesion_f1")] == [1, 1, 1]
    assert [scores[key] for key in ("hd95_mm", "volume_error_ml", "false_lesions")] == [0, 0, 0]


def test_lesion_dice_counts_missed_and_false_lesions_alike() -> None:
    first, second, false = box((1, 1, 1), (5, 5, 5)), box((12, 12, 1), (5, 5, 5)), box((1, 14, 11), (4, 4, 4))
    half = box((1, 1, 1), (5, 5, 5)) & (np.indices(SHAPE)[0] < 4)
    dice = 2 * half.sum() / (half.sum() + first.sum())
    assert lesion_dice(half, first | second, 1.0) == pytest.approx(dice / 2)
    assert lesion_dice(half | false, first | second, 1.0) == pytest.approx(dice / 3)


def test_a_lesion_found_in_two_parts_is_one() -> None:
    whole = box((4, 4, 4), (9, 5, 5))
    parts = whole & (np.indices(SHAPE)[0] != 8)
    assert lesion_dice(parts, whole, 1.0) == pytest.approx(2 * 200 / (200 + 225))


def test_lesions_under_50_mm3_count_in_no_way() -> None:
    large, small = box((1, 1, 1), (5, 5, 5)), box((12, 12, 10), (3, 3, 3))
    assert lesion_dice(large, large | small, 1.0) == 1
    assert lesion_dice(large | small, large | small, 1.0) == 1
    assert lesion_matches(components(large), components(large | small), 1.0)["lesion_f1"] == 1


def test_each_lesion_matches_once() -> None:
    truth = box((2, 2, 2), (12, 6, 6))
    found = truth.astype(int)
    found[8:] *= 2
    matches = lesion_matches(found, components(truth), 1.0)
    assert matches == {"lesion_f1": pytest.approx(2 / 3), "false_lesions": 1}


def test_a_match_needs_a_tenth_in_common() -> None:
    truth = components(box((2, 2, 2), (10, 10, 10)))
    for width, f1 in ((1, 1.0), (0, 0.0)):
        found = components(box((2, 2, 2), (1 if width else 0, 10, 10)) | box((14, 14, 2), (4, 4, 4)))
        assert lesion_matches(found, truth, 1.0)["lesion_f1"] == pytest.approx(2 / 3 * f1)

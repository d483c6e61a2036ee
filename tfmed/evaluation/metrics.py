"""Scores of one region of one study.

What a score is where nothing was found or nothing is there (None is left out of means):

| score        | nothing found, nothing there | nothing found | nothing there |
|--------------|------------------------------|---------------|---------------|
| dice         | 1                            | 0             | 0             |
| sensitivity  | None                         | 0             | None          |
| precision    | None                         | None          | 0             |
| specificity  | 1                            | 1             | share of voxels left alone |
| hd95_mm      | 0                            | diagonal of the volume | diagonal of the volume |
| volume_error_ml | 0                         | - volume there | volume found |
| lesion_dice  | 1                            | 0             | 0             |
| lesion_f1    | 1                            | 0             | 0             |
| false_lesions | 0                           | 0             | lesions found |
"""

from typing import Any

import numpy as np

from tfmed import geometry
from tfmed.inference.boxes import mask_box

# What BraTS 2023 ignores, and how far it lets parts of one lesion lie apart.
MIN_LESION_MM3 = 50.0
SAME_LESION_VOXELS = 3
MATCH_IOU = 0.1

Scores = dict[str, float | None]


def region_scores(
    found: np.ndarray,
    truth: np.ndarray,
    affine: np.ndarray,
    found_instances: np.ndarray | None = None,
) -> Scores:
    """All scores of a region.

    Args:
        found, truth: bool [X, Y, Z].
        affine: index to world mm, of both.
        found_instances: int [X, Y, Z], which lesion each found voxel belongs to, for the lesion scores; the
            26-connected components of `found` by default.
    """
    spacing = np.array(geometry.spacing_mm(affine))
    voxel_mm3 = geometry.voxel_volume_mm3(affine)
    box = mask_box(found | truth)
    small_found, small_truth = found[box], truth[box]
    instances = components(small_found) if found_instances is None else found_instances[box] * small_found
    diagonal = float(np.linalg.norm(spacing * found.shape))
    return (
        overlap(small_found, small_truth, truth.size)
        | {"hd95_mm": hd95(small_found, small_truth, spacing, diagonal)}
        | {"volume_error_ml": (int(small_found.sum()) - int(small_truth.sum())) * voxel_mm3 / 1000}
        | {"lesion_dice": lesion_dice(small_found, small_truth, voxel_mm3)}
        | lesion_matches(instances, components(small_truth), voxel_mm3)
    )


def overlap(found: np.ndarray, truth: np.ndarray, voxels: int) -> Scores:
    """Dice, sensitivity, precision and specificity; `voxels` is the size of the uncropped volume."""
    both, n_found, n_truth = int((found & truth).sum()), int(found.sum()), int(truth.sum())
    negatives = voxels - n_truth
    return {
        "dice": 2 * both / (n_found + n_truth) if n_found + n_truth else 1.0,
        "sensitivity": both / n_truth if n_truth else None,
        "precision": both / n_found if n_found else None,
        "specificity": 1 - (n_found - both) / negatives if negatives else None,
    }


def hd95(found: np.ndarray, truth: np.ndarray, spacing_mm: np.ndarray, penalty_mm: float) -> float:
    """The 95th percentile Hausdorff distance in mm: the greater of the two directed ones.

    A directed one is the 95th percentile, over the surface voxels of one mask (those with a face neighbour
    outside), of the distance to the nearest surface voxel of the other. `penalty_mm` where one is empty.
    """
    from scipy import ndimage

    if not found.any() or not truth.any():
        return 0.0 if found.any() == truth.any() else penalty_mm
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (found, truth)]
    directed = [
        np.percentile(ndimage.distance_transform_edt(~to, sampling=spacing_mm)[start], 95)
        for start, to in (surfaces, surfaces[::-1])
    ]
    return float(max(directed))


def lesion_dice(found: np.ndarray, truth: np.ndarray, voxel_mm3: float) -> float:
    """Lesion-wise Dice after BraTS 2023: sum of Dice over true lesions / (true lesions + false ones).

    Parts of a mask are one lesion if they touch once dilated by three voxels. A true lesion of 50 mm3 or more
    is compared with all found lesions that touch its dilated self; a found lesion that touches none is false.
    Smaller true lesions count neither way, and what touches only them is not false.
    """
    if not found.any() and not truth.any():
        return 1.0
    true_lesions, near_truth = _grouped(truth)
    found_lesions, _ = _grouped(found)
    dices = []
    for number in range(1, int(true_lesions.max(initial=0)) + 1):
        lesion = true_lesions == number
        if lesion.sum() * voxel_mm3 >= MIN_LESION_MM3:
            touching = np.unique(found_lesions[(near_truth == number) & found])
            merged = np.isin(found_lesions, touching[touching > 0])
            dices.append(2 * (merged & lesion).sum() / (merged.sum() + lesion.sum()))
    touched = np.unique(found_lesions[near_truth > 0])
    false = int(found_lesions.max(initial=0)) - int((touched > 0).sum())
    return float(sum(dices) / (len(dices) + false)) if dices or false else 1.0


def lesion_matches(found: np.ndarray, truth: np.ndarray, voxel_mm3: float) -> dict[str, Any]:
    """`lesion_f1` and `false_lesions` of instance maps int [X, Y, Z], lesions of 50 mm3 and more.

    Pairs are the one-to-one assignment with the greatest sum of IoU; those with IoU >= .1 match.
    """
    from scipy.optimize import linear_sum_assignment

    iou = _iou_table(found, truth)[_large(found, voxel_mm3)][:, _large(truth, voxel_mm3)]
    hits = int((iou[linear_sum_assignment(-iou)] >= MATCH_IOU).sum())
    false, missed = iou.shape[0] - hits, iou.shape[1] - hits
    return {
        "lesion_f1": 2 * hits / (2 * hits + missed + false) if hits + missed + false else 1.0,
        "false_lesions": float(false),
    }


def components(mask: np.ndarray) -> np.ndarray:
    """26-connected components of bool [X, Y, Z], int32, numbered from 1."""
    from scipy import ndimage

    return ndimage.label(mask, np.ones((3, 3, 3)))[0]


def _grouped(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lesions of a mask whose parts may lie a little apart, and the same dilated."""
    from scipy import ndimage

    padded = np.pad(mask, SAME_LESION_VOXELS)
    near = components(ndimage.binary_dilation(padded, iterations=SAME_LESION_VOXELS))
    inner = tuple(slice(SAME_LESION_VOXELS, -SAME_LESION_VOXELS) for _ in range(3))
    return near[inner] * mask, near[inner]


def _large(instances: np.ndarray, voxel_mm3: float) -> np.ndarray:
    """bool by instance number from 0 (which is no instance)."""
    large = np.bincount(instances.ravel()) * voxel_mm3 >= MIN_LESION_MM3
    large[0] = False
    return large


def _iou_table(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of every instance of `a` (rows) with every one of `b` (columns), by number from 0."""
    rows, columns = int(a.max()) + 1, int(b.max()) + 1
    pairs = a.ravel().astype(np.int64) * columns + b.ravel()
    both = np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)
    either = both.sum(1, keepdims=True) + both.sum(0, keepdims=True) - both
    return both / np.maximum(either, 1)

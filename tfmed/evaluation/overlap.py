"""Scores of two masks voxel by voxel, and the distance of their surfaces."""

import numpy as np

Scores = dict[str, float | None]


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    """2 |A and B| / (|A| + |B|) of two boolean arrays; 1 where both are empty."""
    total = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0


def overlap(found: np.ndarray, truth: np.ndarray, voxels: int) -> Scores:
    """Dice, sensitivity, precision, specificity and accuracy of two boolean arrays of one shape.

    `voxels` is the size of the uncropped volume; what lies outside the arrays is in neither mask.
    """
    both, n_found, n_truth = int((found & truth).sum()), int(found.sum()), int(truth.sum())
    negatives = voxels - n_truth
    return {
        "dice": dice(found, truth),
        "sensitivity": both / n_truth if n_truth else None,
        "precision": both / n_found if n_found else None,
        "specificity": 1 - (n_found - both) / negatives if negatives else None,
        "accuracy": 1 - (n_found + n_truth - 2 * both) / voxels,
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

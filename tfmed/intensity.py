"""Normalisation of intensities: background, foreground, robust mean and deviation.

MR intensities have no unit, so each modality of each study is scaled by its own voxels inside the head. The
graph that is exported does the same arithmetic in TensorFlow; whoever changes one changes both.
"""

import numpy as np

CLIP_DEVIATIONS = 3.0
SCALE_FLOOR = 1e-6


def background(array: np.ndarray) -> float:
    """The value outside the head: the middle one of the sorted values of the six border faces of [x, y, z].

    Element n // 2 of the n values, edges counted once for each face that they belong to. Unlike an averaged
    median it is a value that occurs, so a constant background is found exactly, whatever its value.
    """
    x, y, z = array[[0, -1]], array[:, [0, -1]], array[:, :, [0, -1]]
    values = np.concatenate([faces.ravel() for faces in (x, y, z)])
    return float(np.partition(values, values.size // 2)[values.size // 2])


def foreground(array: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Boolean [x, y, z]: voxels inside ``mask`` (non-zero); without one, those that aren't background."""
    return array != background(array) if mask is None else np.asarray(mask) != 0


def moments(array: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """(center, scale) of the voxels inside the boolean ``mask``: mean and standard deviation (float64,
    divided by n).

    Taken twice: over all, then over those within 3 deviations of the first mean, so that a few bright voxels
    don't set the scale. Each deviation is at least 1e-6; the mean of no voxels is 0.
    """
    values = np.asarray(array[mask], np.float64)
    center, scale = _mean_and_deviation(values)
    return _mean_and_deviation(values[np.abs(values - center) <= CLIP_DEVIATIONS * scale])


def normalise(array: np.ndarray, center: float, scale: float, mask: np.ndarray) -> np.ndarray:
    """(array - center) / scale inside the boolean ``mask``, exactly 0 outside; in float32, same shape."""
    scaled = (np.asarray(array, np.float32) - np.float32(center)) / np.float32(scale)
    return np.where(mask, scaled, np.float32(0))


def _mean_and_deviation(values: np.ndarray) -> tuple[float, float]:
    center, scale = (float(values.mean()), float(values.std())) if values.size else (0.0, 0.0)
    return center, max(scale, SCALE_FLOOR)

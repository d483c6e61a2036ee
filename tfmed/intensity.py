"""Normalisation of intensities: background, foreground, robust mean and deviation.

MR intensities have no unit, so each modality of each study is scaled by its own voxels inside the head. The
graph that is exported does the same arithmetic in TensorFlow; whoever changes one changes both.
"""

import numpy as np

CLIP_DEVIATIONS = 3.0
SCALE_FLOOR = 1e-6

# What differs from the background by less may be noise of the air or the ringing of an interpolation: so many
# median deviations of the border, and this part of the difference that 1 % of the voxels exceed.
NOISE_DEVIATIONS, NOISE_PART = 7.5, 0.02
# It is, if as many voxels as this part of the head differ from the background by less, and lie outside the
# head. Of ringing little is left in integers: 3 to 14 %, where in floats it fills the volume. Within the
# head, values may well come close to the background's, as z-scores do to 0.
NOISE_EXCESS = 0.03
# A head lies on one side of the background if this part of it does.
ONE_SIDED = 0.8
# All are judged by a grid of about so many voxels, in a tenth of the time that all would take.
SAMPLE = 200_000


def background(array: np.ndarray) -> float:
    """The value outside the head: the middle one of the sorted values of the six border faces of [x, y, z].

    Element n // 2 of the n finite values (0 if there is none), edges counted once for each face that they
    belong to. Unlike an averaged median it is a value that occurs, so a constant background is found exactly,
    whatever its value.
    """
    border = _border(array)
    border = border[np.isfinite(border)]
    return _middle(border) if border.size else 0.0


def foreground(array: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Boolean [x, y, z]: voxels inside ``mask`` (non-zero); without one, those that aren't background.

    Where much of what lies outside the head differs by next to nothing (noise of the air, ringing of an
    interpolation), the foreground is what stands out of it: the largest pieces, without their holes.
    """
    if mask is not None:
        return np.asarray(mask) != 0
    from scipy import ndimage

    border = _border(array)
    outside = _middle(border)
    step = max(round((array.size / SAMPLE) ** (1 / 3)), 1)
    some = array[::step, ::step, ::step]
    above = _above(some, outside)
    noise = NOISE_DEVIATIONS * float(np.median(np.abs(_above(border, outside))))
    least = max(noise, NOISE_PART * float(np.percentile(np.abs(above), 99)))
    head = ndimage.binary_fill_holes(np.abs(above) > least)
    if ((some != outside) & ~head).sum() <= NOISE_EXCESS * head.sum():
        return array != outside
    bright = float(np.mean(above[head] > 0)) if head.any() else 0.0
    return _solid(_stands_out(_above(array, outside), least, bright))


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


def _border(array: np.ndarray) -> np.ndarray:
    """Values [n] of the six border faces; those of edges once for each face that they belong to."""
    faces = array[[0, -1]], array[:, [0, -1]], array[:, :, [0, -1]]
    return np.concatenate([face.ravel() for face in faces])


def _middle(values: np.ndarray) -> float:
    """Element n // 2 of the n sorted values."""
    return float(np.partition(values, values.size // 2)[values.size // 2])


def _above(values: np.ndarray, outside: float) -> np.ndarray:
    """By how much values exceed the background's, float32."""
    return values.astype(np.float32) - np.float32(outside)


def _stands_out(above: np.ndarray, least: float, bright: float) -> np.ndarray:
    """Voxels farther than ``least`` from the background, on the one side where most of the head lies, if most
    of it does: the first wave of ringing is high, and on the other. ``bright``: the part of the head above.
    """
    if abs(bright - 0.5) < ONE_SIDED - 0.5:
        return np.abs(above) > least
    return above > least if bright > 0.5 else above < -least


def _solid(mask: np.ndarray) -> np.ndarray:
    """The mask without specks, cracks and holes; of its pieces, those of a tenth of the largest or more."""
    from scipy import ndimage

    # The majority of 27 voxels.
    mask = ndimage.uniform_filter(mask.astype(np.float32), 3, mode="nearest") > 0.5
    pieces, count = ndimage.label(mask)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept = sizes * 10 >= max(sizes.max(), 1)
    return ndimage.binary_fill_holes(kept[pieces])


def _mean_and_deviation(values: np.ndarray) -> tuple[float, float]:
    center, scale = (float(values.mean()), float(values.std())) if values.size else (0.0, 0.0)
    return center, max(scale, SCALE_FLOOR)

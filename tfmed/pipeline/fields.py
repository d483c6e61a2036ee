"""Smooth random fields and resampling of slices: pure functions on arrays."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

HALF = np.float32(0.5)
Window = tuple[slice, slice]
EVERYTHING = (slice(None), slice(None))


@lru_cache(maxsize=64)
def spline_basis(length: int, controls: int) -> np.ndarray:
    """Uniform cubic B-spline basis [length, controls] float32; each row sums to 1.

    ``controls`` - 3 equal intervals cover the ``length`` pixels from edge to edge (Unser, IEEE SPM 1999).
    """
    place = (np.arange(length) + 0.5) / length * (controls - 3)
    first = np.minimum(place.astype(int), controls - 4)
    t = place - first
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    basis = np.zeros((length, controls), np.float32)
    np.put_along_axis(basis, first[:, None] + np.arange(4), weights.T.astype(np.float32), axis=1)
    return basis


def smooth_field(controls: np.ndarray, size: tuple[int, int], window: Window = EVERYTHING) -> np.ndarray:
    """The ``window`` of the cubic B-spline surface [H, W] float32 with control values [n, m], at least 4."""
    rows, columns = (spline_basis(length, n) for length, n in zip(size, controls.shape, strict=True))
    return rows[window[0]] @ controls.astype(np.float32) @ columns[window[1]].T


@lru_cache(maxsize=1)
def _normal_quantiles() -> np.ndarray:
    """The 65536 quantiles of the standard normal distribution at (k + 0.5) / 65536, float32."""
    from scipy import special

    return special.ndtri((np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float32)


def white_noise(count: int, chance: np.random.BitGenerator) -> np.ndarray:
    """Standard normal values [count] float32; none beyond 4.4.

    Each is a quantile picked by 16 random bits (inversion; Devroye 1986, chapter II), a quarter of the time
    that exact draws take.
    """
    bits = chance.random_raw(-(-count // 4)).view(np.uint16)
    return _normal_quantiles().take(bits[:count])


def resample(
    planes: Sequence[np.ndarray], labels: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Look up M planes [h, w] (bilinear) and labels [h, w] (nearest) at fractional places; all 0 outside.

    ``rows`` and ``columns`` [H, W] float32 are places in pixels of the input, whose centres are whole
    numbers. Returns ``brain`` [H, W] bool, which tells where any plane is other than 0, per plane its values
    there [n] float32 in the order of ``values[brain]``, per plane the numbers (0 to n - 1) of those that are
    absent, and the labels [H, W]. Half of a slice is no brain, so what follows works on the n values alone.
    Absent, and exactly 0, is a value whose nearest pixel is exactly 0: the rim of the brain stays sharp.
    """
    framed, (framed_labels,) = _framed(planes, labels.shape), _framed([labels], labels.shape)
    known = framed != 0
    inside = known.any(axis=0)
    stride = labels.shape[1] + 2
    down, across = (
        np.clip(place, -1, length - np.float32(0.001)) + np.float32(1)
        for place, length in zip((rows, columns), labels.shape, strict=True)
    )
    nearest = _flat_index(down + HALF, across + HALF, stride)
    brain = inside.take(nearest)
    absent = [
        np.flatnonzero(~plane.take(nearest[brain])) if uneven else np.empty(0, np.intp)
        for plane, uneven in zip(known, (known != inside).any(axis=1), strict=True)
    ]
    values = _bilinear(framed, stride, down[brain], across[brain])
    for plane, numbers in zip(values, absent, strict=True):
        plane[numbers] = 0
    return brain, values, absent, framed_labels.take(nearest)


def _framed(planes: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Planes [h, w] with a border of one pixel of zeros around them, as rows [M, (h + 2) * (w + 2)]."""
    rows, columns = shape[0] + 2, shape[1] + 2
    framed = np.zeros((len(planes), rows, columns), planes[0].dtype if planes else np.float32)
    for inner, plane in zip(framed[:, 1:-1, 1:-1], planes, strict=True):
        inner[:] = plane
    # No -1: with no plane at all NumPy cannot tell the length.
    return framed.reshape(len(planes), rows * columns)


def _flat_index(down: np.ndarray, across: np.ndarray, stride: int) -> np.ndarray:
    """Index, in rows of ``stride`` pixels, of the pixel that starts at or before a place counted from 0."""
    # 32 bits as long as possible: a conversion to 64 costs as much as four sums in 32.
    index = down.astype(np.int32)
    index *= np.int32(stride)
    index += across.astype(np.int32)
    return index.astype(np.intp)


def _bilinear(planes: np.ndarray, stride: int, down: np.ndarray, across: np.ndarray) -> list[np.ndarray]:
    """Per plane of [M, h * stride] its values [n] at places [n]; a plane at a time, which a cache holds."""
    corner = _flat_index(down, across, stride)
    down, across = down - np.floor(down), across - np.floor(across)

    def between(plane: np.ndarray) -> np.ndarray:
        left, right = plane.take(corner), plane[1:].take(corner)
        right -= left
        right *= across
        right += left
        return right

    def within(plane: np.ndarray) -> np.ndarray:
        upper, lower = between(plane), between(plane[stride:])
        lower -= upper
        lower *= down
        lower += upper
        return lower

    return [within(plane) for plane in planes]

"""Smooth random fields and separable resampling: everything random in space is made from these."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True, eq=False)
class Taps:
    """One axis of a separable resampling: sample i is the sum over t of weights[t, i] * source[index[t, i]].

    index [t, n] and weights [t, n] float32. Few taps beat a matrix product, whose threads get in each other's
    way where several processes share the cores, and whose sums depend on the machine.
    """

    index: np.ndarray
    weights: np.ndarray
    source: int


@lru_cache(maxsize=2048)
def _spline(length: int, step: float) -> Taps:
    """Cubic B-splines with knots every ``step`` samples, weights of unit 2-norm."""
    position = np.arange(length) / step + 1
    base = position.astype(int)
    t = np.abs(position - base - np.arange(-1, 3)[:, None])
    weights = np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, (2 - t) ** 3 / 6)
    weights /= np.sqrt((weights**2).sum(0))
    return Taps(base + np.arange(-1, 3)[:, None], weights.astype(np.float32), int(base[-1]) + 3)


@lru_cache(maxsize=512)
def linear_taps(length: int, source: int, start: float, step: float) -> Taps:
    """Linear interpolation at positions start + step*i of an axis of ``source`` samples, edges held."""
    position = np.clip(start + step * np.arange(length), 0, source - 1)
    low = np.minimum(position.astype(int), max(source - 2, 0))
    fraction = (position - low).astype(np.float32)
    high = np.minimum(low + 1, source - 1)
    return Taps(np.stack([low, high]), np.stack([1 - fraction, fraction]), source)


def dense_taps(matrix: np.ndarray) -> Taps:
    """The taps of a small matrix [n, source]."""
    n, source = matrix.shape
    index = np.repeat(np.arange(source)[:, None], n, 1)
    return Taps(index, np.ascontiguousarray(matrix.T, dtype=np.float32), source)


# Elements of a block of ``_resampled``: its temporaries stay in the second cache.
BLOCK = 1 << 16


def apply_axes(array: np.ndarray, taps: Sequence[Taps | None]) -> np.ndarray:
    """Resamples the last ``len(taps)`` axes of a float32 ``array`` (None leaves an axis)."""
    first = array.ndim - len(taps)
    for axis, tap in reversed(list(enumerate(taps, first))):
        if tap is not None:
            before, after = array.shape[:axis], array.shape[axis + 1 :]
            lines = array.reshape(math.prod(before), tap.source, math.prod(after))
            array = _resampled(lines, tap).reshape(*before, -1, *after)
    return array


def _resampled(array: np.ndarray, tap: Taps) -> np.ndarray:
    """Resamples the middle axis of an array [before, source, after], block by block."""
    before, _, after = array.shape
    length = tap.index.shape[1]
    result = np.empty((before, length, after), np.float32)
    rows = max(1, BLOCK // (length * after))
    columns = max(1, BLOCK // after)
    for row in range(0, before, rows):
        source = array[row : row + rows]
        for start in range(0, length, columns):
            part = slice(start, start + columns)
            result[row : row + rows, part] = _weighted(source, tap.index[:, part], tap.weights[:, part])
    return result


def _weighted(source: np.ndarray, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = source.take(index[0], axis=1, mode="clip")
    total *= weights[0][:, None]
    for at, weight in zip(index[1:], weights[1:], strict=True):
        part = source.take(at, axis=1, mode="clip")
        part *= weight[:, None]
        total += part
    return total


def noise(
    shape: tuple[int, ...], step: float, rng: np.random.Generator, channels: int | None = None
) -> np.ndarray:
    """Smooth Gaussian noise of zero mean and unit variance.

    White noise on knots ``step`` samples apart, joined by cubic B-splines; its correlation length is
    about ``step`` samples. float32 of ``shape``, or [channels, *shape].
    """
    taps: list[Taps | None] = [_spline(n, step) for n in shape]
    knots = tuple(t.source for t in taps if t)
    lead = () if channels is None else (channels,)
    return apply_axes(rng.standard_normal(lead + knots, dtype=np.float32), taps)


BANK = 1024


@lru_cache(maxsize=16)
def _bank(step: float) -> np.ndarray:
    rng = np.random.default_rng([int(step * 1000), 0xBA])
    if not step:
        return rng.standard_normal((BANK, BANK), dtype=np.float32)
    return noise((BANK, BANK), step, rng)


def window(shape: tuple[int, int], step: float, rng: np.random.Generator) -> np.ndarray:
    """Noise like ``noise`` (white for ``step`` 0) for one slice.

    A random window, mirrored and turned at random, of a fixed plane of 1024 x 1024 samples: drawing anew is
    too slow for a hundred slices a second.
    """
    plane = _bank(step)
    x, y, turn = (int(v) for v in rng.integers(0, (BANK - shape[0], BANK - shape[1], 8)))
    if turn & 1:
        plane = plane.T
    part = plane[x : x + shape[0], y : y + shape[1]]
    return part[:: -1 if turn & 2 else 1, :: -1 if turn & 4 else 1]


def grain(shape: tuple[int, ...], step: float, rng: np.random.Generator, channels: int) -> np.ndarray:
    """Noise [channels, *shape] of a volume, drawn anew, or of a slice (an axis of length 1), from windows."""
    if 1 not in shape:
        if not step:
            return rng.standard_normal((channels, *shape), dtype=np.float32)
        return noise(shape, step, rng, channels)
    flat = tuple(n for n in shape if n > 1)
    return np.stack([window(flat, step, rng) for _ in range(channels)]).reshape(channels, *shape)  # type: ignore[arg-type]


def zoom(array: np.ndarray, shape: tuple[int, int, int], start: np.ndarray, step: float) -> np.ndarray:
    """Linear resampling of the last three axes: sample i of an axis lies at source index start + step*i."""
    source = array.shape[-3:]
    return apply_axes(
        array, [linear_taps(n, s, float(o), step) for n, s, o in zip(shape, source, start, strict=True)]
    )


def sample(array: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """Trilinear samples of ``array`` [x,y,z] at index ``coordinates`` [3, ...]; edges held, float32."""
    low, weights = corners(coordinates, array.shape)
    flat, strides = array.ravel(), (array.shape[1] * array.shape[2], array.shape[2], 1)
    total = np.zeros(coordinates.shape[1:], np.float32)
    for offset, weight in weighted_corners(low, weights, strides):
        total += flat[offset] * weight
    return total


def corners(coordinates: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Lower corner (int32) and fraction (float32) of trilinear interpolation, both [3, ...]."""
    top = np.array(shape, np.float32).reshape(3, *[1] * (coordinates.ndim - 1)) - 1.001
    held = np.clip(coordinates, 0, top).astype(np.float32)
    low = held.astype(np.int32)
    return low, held - low


def weighted_corners(low: np.ndarray, fraction: np.ndarray, strides: tuple[int, int, int]):  # noqa: ANN201
    """Yields (flat index, weight) of the eight corners."""
    base = low[0] * strides[0] + low[1] * strides[1] + low[2]
    for i in (0, 1):
        wx = fraction[0] if i else 1 - fraction[0]
        for j in (0, 1):
            wxy = wx * (fraction[1] if j else 1 - fraction[1])
            for k in (0, 1):
                offset = base + (i * strides[0] + j * strides[1] + k)
                yield offset, wxy * (fraction[2] if k else 1 - fraction[2])


def extent(mask: np.ndarray) -> tuple[slice, ...] | None:
    """Bounding box of the true voxels, None where there are none."""
    slices = []
    for axis in range(mask.ndim):
        where = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        if not len(where):
            return None
        slices.append(slice(int(where[0]), int(where[-1]) + 1))
    return tuple(slices)

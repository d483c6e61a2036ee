"""Smooth random fields and separable resampling: everything random in space is made from these."""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=4096)
def _spline(length: int, step: float) -> np.ndarray:
    """Cubic B-spline matrix [length, knots] with knots every ``step`` samples, rows of unit 2-norm."""
    knots = int(np.ceil(length / step)) + 4
    t = np.abs(np.arange(length)[:, None] / step - (np.arange(knots)[None] - 2))
    weights = np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.where(t < 2, (2 - t) ** 3 / 6, 0))
    return (weights / np.sqrt((weights**2).sum(1, keepdims=True))).astype(np.float32)


@lru_cache(maxsize=256)
def linear_matrix(length: int, source: int, start: float, step: float) -> np.ndarray:
    """Matrix [length, source] that samples at positions start + step*i of the source axis, edges held."""
    position = np.clip(start + step * np.arange(length), 0, source - 1)
    low = np.minimum(position.astype(int), max(source - 2, 0))
    matrix = np.zeros((length, source), np.float32)
    rows = np.arange(length)
    matrix[rows, low] = 1 - (position - low)
    if source > 1:
        matrix[rows, low + 1] = position - low
    return matrix


def apply_axes(array: np.ndarray, matrices: list[np.ndarray | None]) -> np.ndarray:
    """Multiplies the last ``len(matrices)`` axes of ``array`` by one matrix each (None leaves an axis)."""
    first = array.ndim - len(matrices)
    for axis, matrix in enumerate(matrices, first):
        if matrix is None:
            continue
        if axis == array.ndim - 1:
            array = array @ matrix.T
        elif axis == array.ndim - 2:
            array = matrix @ array
        else:
            moved = np.moveaxis(array, axis, 0)
            product = matrix @ moved.reshape(moved.shape[0], -1)
            array = np.moveaxis(product.reshape(matrix.shape[0], *moved.shape[1:]), 0, axis)
    return np.ascontiguousarray(array, dtype=np.float32)


def noise(
    shape: tuple[int, ...], step: float, rng: np.random.Generator, channels: int | None = None
) -> np.ndarray:
    """Smooth Gaussian noise of zero mean and unit variance.

    White noise on knots ``step`` samples apart, joined by cubic B-splines; its correlation length is
    about ``step`` samples. float32 of ``shape``, or [channels, *shape].
    """
    matrices = [_spline(n, step) for n in shape]
    knots = tuple(m.shape[1] for m in matrices)
    lead = () if channels is None else (channels,)
    return apply_axes(rng.standard_normal(lead + knots, dtype=np.float32), matrices)


def zoom(array: np.ndarray, shape: tuple[int, int, int], start: np.ndarray, step: float) -> np.ndarray:
    """Linear resampling of the last three axes: sample i of an axis lies at source index start + step*i."""
    source = array.shape[-3:]
    return apply_axes(
        array, [linear_matrix(n, s, float(o), step) for n, s, o in zip(shape, source, start, strict=True)]
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

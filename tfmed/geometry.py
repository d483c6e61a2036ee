"""Affines, orientations and grids: pure functions on arrays.

Everywhere ``affine`` is a 4x4 float64 matrix that takes an array index (i, j, k, 1) to world millimetres in
RAS+ (x to the right, y to the front, z up). The index of a voxel is its centre. Arrays are indexed [x, y, z]
in the order of their file; ``shape`` is the length of the three axes. Points are [..., 3].
"""

from itertools import permutations, product
from typing import Literal

import numpy as np

Shape = tuple[int, int, int]
Interpolation = Literal["linear", "nearest"]
GRID_TOLERANCE_VOXELS = 1e-3


def spacing_mm(affine: np.ndarray) -> tuple[float, float, float]:
    """Distance between neighbouring voxel centres along each array axis, in mm."""
    x, y, z = np.linalg.norm(np.asarray(affine, np.float64)[:3, :3], axis=0)
    return float(x), float(y), float(z)


def voxel_volume_mm3(affine: np.ndarray) -> float:
    """Volume of one voxel: the absolute determinant of the affine's linear part."""
    return float(abs(np.linalg.det(np.asarray(affine, np.float64)[:3, :3])))


def apply(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points [..., 3] taken through an affine (index to world, or any other 4x4), float64 [..., 3]."""
    affine = np.asarray(affine, np.float64)
    return np.asarray(points, np.float64) @ affine[:3, :3].T + affine[:3, 3]


def check_affine(affine: np.ndarray) -> np.ndarray:
    """The affine as float64 [4, 4]; ValueError where it is not finite, not affine, or singular."""
    affine = np.array(affine, np.float64)
    if affine.shape != (4, 4):
        raise ValueError(f"an affine is 4x4. Received: {'x'.join(map(str, affine.shape))}")
    if not np.isfinite(affine).all():
        raise ValueError("the affine holds NaN or infinity")
    if not np.array_equal(affine[3], [0, 0, 0, 1]):
        raise ValueError(f"the last row of an affine is 0 0 0 1. Received: {affine[3].tolist()}")
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if (lengths == 0).any() or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-6:
        raise ValueError(f"the affine is singular, its axes are {affine[:3, :3].T.tolist()}")
    return affine


def orientation(affine: np.ndarray) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """How the array axes lie in the world.

    Returns (axes, signs), both by world axis: ``axes[w]`` is the array axis closest to world axis w (0 right,
    1 front, 2 up) and ``signs[w]`` is +1 where its index grows along w, else -1. Closest: the one-to-one
    assignment with the greatest sum of absolute cosines; of equals the first in lexicographic order.
    """
    linear = np.asarray(affine, np.float64)[:3, :3]
    cosines = linear / np.linalg.norm(linear, axis=0)
    sums = {axes: sum(abs(cosines[w, axes[w]]) for w in range(3)) for axes in permutations(range(3))}
    best = max(sums.values())
    axes = next(axes for axes, total in sums.items() if total >= best - 1e-9)
    x, y, z = (1 if cosines[w, axes[w]] >= 0 else -1 for w in range(3))
    return (axes[0], axes[1], axes[2]), (x, y, z)


def axis_codes(affine: np.ndarray) -> str:
    """The world direction in which each array axis grows, as three letters of LR, PA and IS: "RAS", "LPS"."""
    axes, signs = orientation(affine)
    codes = [""] * 3
    for world, letters in enumerate(("LR", "PA", "IS")):
        codes[axes[world]] = letters[(signs[world] + 1) // 2]
    return "".join(codes)


def reorient(
    array: np.ndarray, affine: np.ndarray, axes: tuple[int, int, int], signs: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Permute and flip: axis w of the result is axis ``axes[w]``, reversed where ``signs[w]`` is -1.

    The array is a view; the affine follows, so that every voxel keeps its place in the world.
    """
    affine = np.asarray(affine, np.float64)
    step = np.zeros((4, 4))
    step[3, 3] = 1
    for new, (old, sign) in enumerate(zip(axes, signs, strict=True)):
        step[old, new] = sign
        step[old, 3] = 0 if sign > 0 else array.shape[old] - 1
    flips = tuple(slice(None, None, sign) for sign in signs)
    return array.transpose(axes)[flips], affine @ step


def canonical(array: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Permute and flip the axes to the closest RAS+; nothing is interpolated, the array is a view."""
    return reorient(array, affine, *orientation(affine))


def corners(shape: Shape) -> np.ndarray:
    """Indices [8, 3] of the eight corner voxels."""
    return np.array(list(product(*((0, length - 1) for length in shape))), np.float64)


def grid_distance(shape: Shape, affine: np.ndarray, other_affine: np.ndarray) -> float:
    """How far apart two grids of one shape are: the greatest distance between equal corners, in voxels.

    A voxel here is the smallest spacing of the first grid.
    """
    ends = corners(shape)
    apart = np.linalg.norm(apply(affine, ends) - apply(other_affine, ends), axis=1)
    return float(apart.max() / min(spacing_mm(affine)))


def same_grid(
    shape: Shape,
    affine: np.ndarray,
    other_shape: Shape,
    other_affine: np.ndarray,
    tolerance_voxels: float = GRID_TOLERANCE_VOXELS,
) -> bool:
    """Whether two grids have one shape and lie within ``tolerance_voxels`` of one another."""
    return (
        tuple(shape) == tuple(other_shape) and grid_distance(shape, affine, other_affine) <= tolerance_voxels
    )


def overlap(shape: Shape, affine: np.ndarray, other_shape: Shape, other_affine: np.ndarray) -> bool:
    """Whether any of 9x9x9 points spread over the second grid lies within the first."""
    steps = np.linspace(0, 1, 9)
    spread = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3) * (np.array(other_shape) - 1)
    places = apply(np.linalg.inv(affine), apply(other_affine, spread))
    return bool(((places > -0.5) & (places < np.array(shape) - 0.5)).all(axis=1).any())


def isotropic_grid(shape: Shape, affine: np.ndarray, spacing: float = 1.0) -> tuple[Shape, np.ndarray]:
    """The grid of ``spacing`` mm along the same axes that covers the same box, voxel edge to voxel edge.

    Axes keep their directions (oblique stays oblique; axes that aren't at right angles become the nearest
    that are); lengths are rounded to whole voxels and the box's centre is kept. A grid that has this spacing
    already, within a thousandth of a voxel over its length, is returned as it is.
    """
    affine = np.asarray(affine, np.float64)
    directions = nearest_rotation(affine)
    step = directions.T @ affine[:3, :3]
    if (np.abs(step - spacing * np.eye(3)) * np.array(shape) <= GRID_TOLERANCE_VOXELS * spacing).all():
        return shape, affine
    box = np.array(list(product(*((-length / 2, length / 2) for length in shape))))
    x, y, z = (max(1, round(float(extent) / spacing)) for extent in np.ptp(box @ step.T, axis=0))
    result = np.eye(4)
    result[:3, :3] = directions * spacing
    centre = apply(affine, (np.array(shape) - 1) / 2)
    result[:3, 3] = centre - result[:3, :3] @ ((np.array((x, y, z)) - 1) / 2)
    return (x, y, z), result


def nearest_rotation(affine: np.ndarray) -> np.ndarray:
    """The orthogonal 3x3 matrix nearest to the directions of the array axes (polar decomposition).

    A mirrored grid stays mirrored: the determinant keeps its sign.
    """
    linear = np.asarray(affine, np.float64)[:3, :3]
    left, _, right = np.linalg.svd(linear / np.linalg.norm(linear, axis=0))
    return left @ right


def resample(
    array: np.ndarray,
    affine: np.ndarray,
    shape: Shape,
    target_affine: np.ndarray,
    interpolation: Interpolation = "linear",
    fill: float = 0.0,
) -> np.ndarray:
    """Values of ``array`` [x, y, z] at the voxel centres of the target grid.

    Within the outer half voxel the border value is continued; farther outside the result is ``fill``.
    ``linear`` gives float32 (float64 for float64), ``nearest`` keeps the dtype. Along an axis that gets
    coarser than its voxels ``linear`` first averages over the new voxel's width (a box filter), so that fine
    detail doesn't alias.
    """
    from scipy import ndimage

    to_index = np.linalg.inv(np.asarray(affine, np.float64)) @ np.asarray(target_affine, np.float64)
    if interpolation == "nearest":
        work, order = np.asarray(array), 0
    else:
        work = np.asarray(array).astype(np.float64 if array.dtype == np.float64 else np.float32, copy=False)
        widths = np.abs(to_index[:3, :3]).max(axis=1)
        for axis, width in enumerate(int(np.floor(w + 1e-6)) for w in widths):
            if width > 1:
                work = ndimage.uniform_filter1d(work, width, axis=axis, mode="nearest")
        order = 1
    return _sample(work, to_index, shape, order, fill)


def _sample(array: np.ndarray, to_index: np.ndarray, shape: Shape, order: int, fill: float) -> np.ndarray:
    """Sample at ``to_index`` of every target voxel; farther than half a voxel outside comes ``fill``."""
    from scipy import ndimage

    out = ndimage.affine_transform(
        array,
        to_index[:3, :3],
        to_index[:3, 3],
        output_shape=shape,
        order=order,
        mode="nearest",
        prefilter=False,
    )
    # The place in the source of a target voxel is a sum of one term an axis: no grid of coordinates is built.
    i, j, k = np.ogrid[: shape[0], : shape[1], : shape[2]]
    for axis, length in enumerate(array.shape):
        row = to_index[axis]
        place = row[0] * i + row[1] * j + row[2] * k + row[3]
        out[(place < -0.5 - 1e-6) | (place > length - 0.5 + 1e-6)] = fill
    return out

"""From a head's own grid to the grid of the phantom: coordinate maps, and labels with partial volume."""

from dataclasses import dataclass

import numpy as np

from tfmed.phantom.anatomy import Anatomy
from tfmed.phantom.fields import corners, noise, weighted_corners, zoom
from tfmed.phantom.tissues import Tissue


@dataclass(frozen=True)
class Grid:
    """A RAS-like grid around the brain's centre: index i of an axis lies at (i - centre) * spacing_mm."""

    shape: tuple[int, int, int]
    spacing_mm: float

    def millimetres(self) -> np.ndarray:
        """Positions of all voxels relative to the brain's centre, float32 [3, *shape]."""
        axes = [(np.arange(n, dtype=np.float32) - (n - 1) / 2) * self.spacing_mm for n in self.shape]
        return np.stack(np.meshgrid(*axes, indexing="ij"))

    def coarse(self, spacing_mm: float) -> "Grid":
        """The grid of the same extent with larger voxels."""
        return Grid(
            tuple(int(np.ceil(n * self.spacing_mm / spacing_mm)) for n in self.shape),  # type: ignore[arg-type]
            spacing_mm,
        )


BRATS = Grid((240, 240, 155), 1.0)


def person_map(grid: Grid, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Where in the head (mm from its brain's centre) each voxel of ``grid`` is taken from, [3, *shape].

    Rotation sd 5 deg, scale sd 5 %, shear sd 3 %, mirrored half of the time, and smooth displacements of sd
    4 mm at 40 mm and 1.6 mm at 18 mm, all times ``strength``.
    """
    position = grid.millimetres()
    angles = rng.normal(0, np.deg2rad(5) * strength, 3)
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        matrix = matrix @ turn
    matrix = matrix @ np.diag(np.exp(rng.normal(0, 0.05 * strength, 3)))
    matrix = matrix @ (np.eye(3) + np.triu(rng.normal(0, 0.03 * strength, (3, 3)), 1))
    if rng.random() < 0.5:
        matrix[0] *= -1
    shift = rng.normal(0, 3 * strength, 3).reshape(3, 1, 1, 1)
    mapped = np.tensordot(matrix.astype(np.float32), position + shift.astype(np.float32), 1)
    for amplitude, scale in ((4.0, 40.0), (1.6, 18.0)):
        draw = amplitude * strength * rng.uniform(0.3, 1.2)
        mapped += draw * noise(grid.shape, scale / grid.spacing_mm, rng, channels=3)
    return mapped


def nearest_codes(anatomy: Anatomy, mapped: np.ndarray) -> np.ndarray:
    """Tissue codes at the mapped positions (mm, [3, ...]), nearest voxel, OUTSIDE beyond the head's grid."""
    index = np.rint(mapped + anatomy.centre.reshape(3, 1, 1, 1)).astype(np.int32)
    inside = np.ones(index.shape[1:], bool)
    for axis, length in enumerate(anatomy.codes.shape):
        inside &= (index[axis] >= 0) & (index[axis] < length)
        np.clip(index[axis], 0, length - 1, out=index[axis])
    return np.where(inside, anatomy.codes[tuple(index)], np.uint8(Tissue.OUTSIDE))


def mixed_codes(anatomy: Anatomy, mapped: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two strongest tissues at the mapped positions and the share of the first.

    ``mapped`` [3, n] in mm. Returns (first, second, share), uint8 [n] each; the share is in 255ths, at least
    half. The shares are those of trilinear interpolation between the head's voxels, the partial volume of a
    1 mm scan.
    """
    low, fraction = corners(mapped + anatomy.centre[:, None].astype(np.float32), anatomy.codes.shape)
    flat = anatomy.codes.ravel()
    strides = (anatomy.codes.shape[1] * anatomy.codes.shape[2], anatomy.codes.shape[2], 1)
    base = low[0] * strides[0] + low[1] * strides[1] + low[2]
    offsets = [i * strides[0] + j * strides[1] + k for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    labels = np.stack([flat[base + offset] for offset in offsets])
    first, share = labels[0].copy(), np.full(labels.shape[1], 255, np.uint8)
    mixed = np.flatnonzero((labels != labels[0]).any(0))
    second = first.copy()
    first[mixed], second[mixed], share[mixed] = _strongest(labels[:, mixed], fraction[:, mixed])
    return first, second, share


def _strongest(labels: np.ndarray, fraction: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    zeros = np.zeros_like(fraction, np.int32)
    weights = np.stack([w for _, w in weighted_corners(zeros, fraction, (0, 0, 0))])
    sums = np.zeros_like(weights)
    for i in range(8):
        for j in range(8):
            sums[i] += weights[j] * (labels[j] == labels[i])
    columns = np.arange(labels.shape[1])
    best = sums.argmax(0)
    first, strength = labels[best, columns], sums[best, columns]
    sums[labels == first] = 0
    best = sums.argmax(0)
    rest = sums[best, columns]
    second = np.where(rest > 0, labels[best, columns], first)
    share = strength / np.maximum(strength + rest, 1e-6)
    return first, second, np.rint(255 * share).astype(np.uint8)


def refine(field: np.ndarray, coarse: Grid, fine: Grid, box: tuple[slice, slice, slice]) -> np.ndarray:
    """Linear resampling of a field [..., *coarse.shape] to the voxels ``box`` of the fine grid."""
    starts = []
    for s, n, m in zip(box, fine.shape, coarse.shape, strict=True):
        first_mm = (s.start - (n - 1) / 2) * fine.spacing_mm
        starts.append(first_mm / coarse.spacing_mm + (m - 1) / 2)
    shape = tuple(s.stop - s.start for s in box)
    return zoom(field, shape, np.array(starts), fine.spacing_mm / coarse.spacing_mm)

"""Latent volumes: a head with its lesions as fractions of tissues, before any contrast is chosen."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.phantom import anatomy as anatomies
from tfmed.phantom import kinds, surroundings
from tfmed.phantom.channels import CHANNELS, DEPTH, LESION, SPOTS
from tfmed.phantom.fields import extent, sample
from tfmed.phantom.kinds.base import Ground, Options, Scene
from tfmed.phantom.shell import whole_head
from tfmed.phantom.tissues import Tissue
from tfmed.phantom.warp import BRATS, Grid, mixed_codes, nearest_codes, person_map, refine

__all__ = ["CHANNELS", "DEPTH", "LESION", "SHELL_MM", "SPOTS", "Latent", "build"]

SHELL_MM = 6.0


@dataclass(frozen=True, eq=False)
class Latent:
    """``channels`` uint8 [9,x,y,z] (``CHANNELS``) of the voxels ``box`` of ``grid``.

    first, second: ``Tissue`` codes; share: of the first, in 255ths; depth: 128 + 8 per mm below the surface
    of the brain's hull, 0 beyond the shell; the rest: fractions in 255ths; those of the lesion's four parts
    (``Kind.parts``) sum to at most 255, the remainder is healthy tissue.
    """

    channels: np.ndarray
    box: tuple[slice, slice, slice]
    grid: Grid
    kind: str
    diagnosis: str
    provenance: dict = field(default_factory=dict)

    def labels(self, edition: str | None = None) -> np.ndarray:
        """The label map of ``box`` in the values of an edition of the kind, uint8 [x,y,z]."""
        return label_maker(self.kind, edition)(self.channels, self.provenance)

    def volumes_ml(self) -> dict[str, float]:
        """Volume in ml of each label value, as {"1": ml, ...}."""
        counts = np.bincount(self.labels().ravel())
        voxel_ml = self.grid.spacing_mm**3 / 1000
        return {str(v): round(float(n) * voxel_ml, 3) for v, n in enumerate(counts) if v and n}


def label_maker(kind: str, edition: str | None = None) -> Callable[[np.ndarray, dict[str, Any]], np.ndarray]:
    """What makes labels of an edition (by default the kind's first) of channels and provenance."""
    editions = kinds.get(kind).editions
    if edition is None:
        edition = next(iter(editions))
    if edition not in editions:
        raise TfmedError(
            f"A phantom of kind {kind} has no labels of this edition. Received: edition={edition!r}."
            f" Known: {', '.join(editions)}."
        )
    return editions[edition]


def build(
    kind: str,
    seed: int,
    anatomy: str = "mni152",
    grid: Grid = BRATS,
    options: Options | None = None,
) -> Latent:
    """The latent volume of a seed."""
    options = options or Options()
    rng = np.random.default_rng([seed, 0x7F])
    head = anatomies.get(anatomy, rng)
    if options.skull:
        head = whole_head(head)
    disease = kinds.get(kind).pathology(options)
    coarse = grid.coarse(max(2.0, grid.spacing_mm))
    mapped = person_map(coarse, rng)
    codes = nearest_codes(head, mapped)
    mapped, codes = _widen_ventricles(head, mapped, codes, coarse, disease.widening_mm(rng))
    depth_mm = surroundings.surface_depth(codes, coarse)
    ground = Ground(head, codes, mapped, depth_mm, coarse)
    shift = disease.grow(ground, rng)
    if shift is not None:
        mapped, codes = _displaced(head, mapped, shift, coarse)
        depth_mm = surroundings.surface_depth(codes, coarse)
    fields = surroundings.distances(codes, depth_mm, coarse)
    shown = _shown(codes, fields[0], options.skull)
    box = _box(shown, coarse, grid)
    layers = [mapped, fields] if shift is None else [mapped, fields, shift]
    fine = refine(np.concatenate(layers), coarse, grid, box)
    near = fine[3] > -SHELL_MM
    if options.skull:
        near |= refine(shown.astype(np.float32), coarse, grid, box) > 0
    mixture = _mixture(head, fine[:3], near)
    _widen_sulci(mixture, disease.sulci(rng))
    plan = surroundings.draw(rng, disease.severity)
    scene = Scene(head, mixture, fine[:3], fine[3:7], fine[7:], box, coarse, grid)
    spots = surroundings.add(mixture, plan, fine[3:7], fine[:3], grid.spacing_mm, rng, options.skull)
    lesion = disease.paint(scene, rng)
    if lesion is None:
        lesion = np.zeros((4, *spots.shape), np.uint8)
    depth = np.where(near, np.clip(128 + 8 * fine[3], 1, 255), 0).astype(np.uint8)
    channels = np.stack([mixture.first, mixture.second, mixture.share, depth, _bytes(spots)])
    channels[:, depth == 0] = 0
    provenance = head.provenance | {"kind": kind, "seed": seed, "grid": list(grid.shape)} | disease.facts
    if options.skull:
        provenance["skull"] = True
    return Latent(np.concatenate([channels, lesion]), box, grid, kind, disease.diagnosis, provenance)


def _bytes(fraction: np.ndarray) -> np.ndarray:
    return np.rint(255 * fraction).astype(np.uint8)


def _displaced(
    head: anatomies.Anatomy, mapped: np.ndarray, shift_mm: np.ndarray, coarse: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """The map and its codes after everything moved by ``shift_mm`` [3,x,y,z] (small against its scale)."""
    active = extent(np.abs(shift_mm).max(0) > 0.05)
    if active is None:
        return mapped, nearest_codes(head, mapped)
    starts = np.array([s.start for s in active], np.float32).reshape(3, 1, 1, 1)
    shape = shift_mm[0][active].shape
    index = np.stack(np.meshgrid(*[np.arange(n, dtype=np.float32) for n in shape], indexing="ij"))
    index = index + starts - shift_mm[(slice(None), *active)] / coarse.spacing_mm
    moved = mapped.copy()
    for axis in range(3):
        moved[axis][active] = sample(mapped[axis], index)
    return moved, nearest_codes(head, moved)


def _widen_ventricles(
    head: anatomies.Anatomy, mapped: np.ndarray, codes: np.ndarray, coarse: Grid, amount_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ventricles pushed wider or narrower: ageing, atrophy, youth; in steps of at most 2.5 mm."""
    from scipy import ndimage

    steps = max(1, int(np.ceil(abs(amount_mm) / 2.5)))
    for _ in range(steps):
        inside = ndimage.gaussian_filter(
            (codes == Tissue.VENTRICLE).astype(np.float32), 6 / coarse.spacing_mm
        )
        outwards = -np.stack(np.gradient(inside))
        largest = float(np.sqrt((outwards**2).sum(0)).max())
        if largest < 1e-6:
            break
        mapped, codes = _displaced(head, mapped, outwards * (amount_mm / steps / largest), coarse)
    return mapped, codes


def _shown(codes: np.ndarray, depth: np.ndarray, skull: bool) -> np.ndarray:
    """Voxels of the coarse grid that a latent volume keeps: the brain with a shell around it, or the head."""
    shown = depth > -SHELL_MM
    return shown | (codes != Tissue.OUTSIDE) if skull else shown


def _box(shown: np.ndarray, coarse: Grid, grid: Grid) -> tuple[slice, slice, slice]:
    ratio = coarse.spacing_mm / grid.spacing_mm
    slices = []
    for axis, where in enumerate(extent(shown) or ()):
        n, m = grid.shape[axis], coarse.shape[axis]
        low = (where.start - (m - 1) / 2) * ratio + (n - 1) / 2
        high = (where.stop - 1 - (m - 1) / 2) * ratio + (n - 1) / 2
        slices.append(slice(max(0, int(low)), min(n, int(np.ceil(high)) + 1)))
    return tuple(slices)  # type: ignore[return-value]


def _mixture(head: anatomies.Anatomy, mapped: np.ndarray, near: np.ndarray) -> surroundings.Mixture:
    arrays = [np.zeros(near.shape, np.uint8) for _ in range(3)]
    for array, values in zip(arrays, mixed_codes(head, mapped[:, near]), strict=True):
        array[near] = values
    return surroundings.Mixture(*arrays)


def _widen_sulci(mixture: surroundings.Mixture, amount: float) -> None:
    """Moves the share of mixed cortex and fluid by ``amount`` 255ths towards fluid: atrophy of the cortex."""
    if not amount:
        return
    for cortex, fluid, sign in ((mixture.first, mixture.second, -1), (mixture.second, mixture.first, 1)):
        pair = (cortex == Tissue.CORTEX) & (fluid == Tissue.CSF)
        moved = mixture.share[pair].astype(np.float32) + sign * amount
        mixture.share[pair] = np.clip(moved, 0, 255).astype(np.uint8)

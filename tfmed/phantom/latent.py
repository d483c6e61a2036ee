"""Latent volumes: a head with its lesions as fractions of tissues, before any contrast is chosen."""

from dataclasses import dataclass, field

import numpy as np

from tfmed.phantom import anatomy as anatomies
from tfmed.phantom import glioma, surroundings
from tfmed.phantom.fields import extent, sample
from tfmed.phantom.tissues import Tissue
from tfmed.phantom.warp import BRATS, Grid, mixed_codes, nearest_codes, person_map, refine

CHANNELS = ("first", "second", "share", "depth", "spots", "necrosis", "oedema", "non_enhancing", "enhancing")
DEPTH, SPOTS, LESION = 3, 4, 5
SHELL_MM = 6.0


@dataclass(frozen=True, eq=False)
class Latent:
    """``channels`` uint8 [9,x,y,z] (``CHANNELS``) of the voxels ``box`` of ``grid``.

    first, second: ``Tissue`` codes; share: of the first, in 255ths; depth: 128 + 8 per mm below the surface
    of the brain's hull, 0 beyond the shell; the rest: fractions in 255ths; the four of the lesion sum to at
    most 255, the remainder is healthy tissue.
    """

    channels: np.ndarray
    box: tuple[slice, slice, slice]
    grid: Grid
    diagnosis: str
    provenance: dict = field(default_factory=dict)

    def labels(self) -> np.ndarray:
        """The label map of ``box`` in BRATS 2015 values, uint8 [x,y,z]."""
        return labels(self.channels[LESION:])


def labels(fractions: np.ndarray) -> np.ndarray:
    """BRATS 2015 labels of lesion fractions, uint8 [4, ...] (necrosis, oedema, non-enhancing, enhancing).

    Core where necrosis + non-enhancing + enhancing >= 128; of it necrosis where it makes at least half, else
    enhancing where it is no less than non-enhancing, else non-enhancing. Outside the core, oedema where it is
    at least half of what the core leaves.
    """
    necrosis, oedema, non_enhancing, enhancing = fractions.astype(np.int16)
    solid = non_enhancing + enhancing
    core = necrosis + solid
    inside = np.where(necrosis >= solid, 1, np.where(enhancing >= non_enhancing, 4, 3))
    around = np.where((oedema > 0) & (2 * oedema >= 255 - core), 2, 0)
    return np.where(core >= 128, inside, around).astype(np.uint8)


def build(
    kind: str, seed: int, anatomy: str = "mni152", grid: Grid = BRATS, grade: str | None = None
) -> Latent:
    """The latent volume of a seed: kind "glioma" or "healthy"."""
    rng = np.random.default_rng([seed, 0x7F])
    head = anatomies.get(anatomy, rng)
    coarse = grid.coarse(max(2.0, grid.spacing_mm))
    mapped = person_map(coarse, rng)
    codes = nearest_codes(head, mapped)
    mapped, codes = _widen_ventricles(head, mapped, codes, coarse, rng)
    provenance = head.provenance | {"kind": kind, "seed": seed, "grid": list(grid.shape)}
    plan = growth = None
    shift = np.zeros((3, *coarse.shape), np.float32)
    if kind == "glioma":
        plan = glioma.draw(rng, grade)
        depth = surroundings.surface_depth(codes, coarse)
        growth = glioma.grow(plan, codes, depth, coarse, rng)
        shift = growth.push
        mapped, codes = _displaced(head, mapped, shift, coarse)
        provenance["grade"] = plan.grade
    fields = surroundings.distances(codes, coarse)
    box = _box(fields[0], coarse, grid)
    fine = refine(np.concatenate([mapped, fields, shift]), coarse, grid, box)
    mixture = _mixture(head, fine[:3], fine[3], rng)
    severity = 1.0 if plan else 1.8
    spots = surroundings.add(
        mixture, surroundings.draw(rng, severity), fine[3:7], fine[:3], grid.spacing_mm, rng
    )
    lesion = np.zeros((4, *spots.shape), np.uint8)
    if plan and growth:
        lesion = _lesion(plan, growth, mixture, fine, box, coarse, grid, rng)
    depth = np.where(fine[3] > -SHELL_MM, np.clip(128 + 8 * fine[3], 1, 255), 0).astype(np.uint8)
    channels = np.stack([mixture.first, mixture.second, mixture.share, depth, _bytes(spots)])
    channels[:, depth == 0] = 0
    return Latent(
        np.concatenate([channels, lesion]), box, grid, plan.grade if plan else "healthy", provenance
    )


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
    head: anatomies.Anatomy, mapped: np.ndarray, codes: np.ndarray, coarse: Grid, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Ventricles pushed wider or narrower by up to 2.5 mm: ageing, atrophy, youth."""
    from scipy import ndimage

    inside = ndimage.gaussian_filter((codes == Tissue.VENTRICLE).astype(np.float32), 6 / coarse.spacing_mm)
    outwards = -np.stack(np.gradient(inside))
    largest = float(np.sqrt((outwards**2).sum(0)).max())
    if largest < 1e-6:
        return mapped, codes
    return _displaced(head, mapped, outwards * (rng.uniform(-1.5, 2.5) / largest), coarse)


def _box(depth: np.ndarray, coarse: Grid, grid: Grid) -> tuple[slice, slice, slice]:
    ratio = coarse.spacing_mm / grid.spacing_mm
    slices = []
    for axis, where in enumerate(extent(depth > -SHELL_MM) or ()):
        n, m = grid.shape[axis], coarse.shape[axis]
        low = (where.start - (m - 1) / 2) * ratio + (n - 1) / 2
        high = (where.stop - 1 - (m - 1) / 2) * ratio + (n - 1) / 2
        slices.append(slice(max(0, int(low)), min(n, int(np.ceil(high)) + 1)))
    return tuple(slices)  # type: ignore[return-value]


def _mixture(
    head: anatomies.Anatomy, mapped: np.ndarray, depth: np.ndarray, rng: np.random.Generator
) -> surroundings.Mixture:
    near = depth > -SHELL_MM
    arrays = [np.zeros(depth.shape, np.uint8) for _ in range(3)]
    for array, values in zip(arrays, mixed_codes(head, mapped[:, near]), strict=True):
        array[near] = values
    mixture = surroundings.Mixture(*arrays)
    if rng.random() < 0.5:
        _widen_sulci(mixture, rng.uniform(-40, 110))
    return mixture


def _widen_sulci(mixture: surroundings.Mixture, amount: float) -> None:
    """Moves the share of mixed cortex and fluid by ``amount`` 255ths towards fluid: atrophy of the cortex."""
    for cortex, fluid, sign in ((mixture.first, mixture.second, -1), (mixture.second, mixture.first, 1)):
        pair = (cortex == Tissue.CORTEX) & (fluid == Tissue.CSF)
        moved = mixture.share[pair].astype(np.float32) + sign * amount
        mixture.share[pair] = np.clip(moved, 0, 255).astype(np.uint8)


def _lesion(
    plan: glioma.Plan, growth: glioma.Growth, mixture: surroundings.Mixture, fine: np.ndarray,
    box: tuple[slice, ...], coarse: Grid, grid: Grid, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Lesion fractions in 255ths on the fine box, uint8 [4,x,y,z]: the growth, moved with what it pushed."""
    shape = fine.shape[1:]
    axes = [
        ((np.arange(s.start, s.stop, dtype=np.float32) - (n - 1) / 2) * grid.spacing_mm)
        for s, n in zip(box, grid.shape, strict=True)
    ]
    radius = growth.radius_mm + ((plan.oedema_ml + plan.core_ml) * 240) ** (1 / 3) + 60
    near = tuple(
        slice(int(np.searchsorted(a, c - radius)), int(np.searchsorted(a, c + radius)))
        for a, c in zip(axes, growth.centre_mm, strict=True)
    )
    position = [axes[i][near[i]].reshape([-1 if i == a else 1 for a in range(3)]) for i in range(3)]
    index = np.stack([np.broadcast_to(p, fine[0][near].shape) for p in position])
    index = (index - fine[(slice(7, 10), *near)]) / coarse.spacing_mm
    index += (np.array(coarse.shape, np.float32).reshape(3, 1, 1, 1) - 1) / 2
    core, oedema = sample(growth.core, index), sample(growth.oedema, index)
    tight = extent(np.maximum(core, oedema) > -7) or tuple(slice(0, n) for n in core.shape)
    position = [p[tuple(tight[a] if p.shape[a] > 1 else slice(None) for a in range(3))] for p in position]
    final = tuple(slice(n.start + t.start, n.start + t.stop) for n, t in zip(near, tight, strict=True))
    fractions = glioma.parts(plan, growth, core[tight], oedema[tight], position, grid.spacing_mm, rng)
    fractions = _within_tissue(fractions, plan, mixture, final, fine[3][final])
    whole = np.zeros((4, *shape), np.uint8)
    # Rounded down, so that parts that fill a voxel never make more than the whole of it.
    whole[(slice(None), *final)] = (255 * fractions).astype(np.uint8)
    return whole


def _within_tissue(
    fractions: np.ndarray, plan: glioma.Plan, mixture: surroundings.Mixture, final: tuple[slice, ...],
    depth: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Core only in the head and outside the ventricles; oedema fainter in grey matter, none in fluid."""
    receptive = np.zeros(len(Tissue), np.float32)
    receptive[Tissue.CORTEX : Tissue.CHOROID] = plan.grey_oedema
    receptive[[Tissue.WHITE, Tissue.CEREBELLAR_WHITE, Tissue.BRAIN_STEM, Tissue.VENTRAL_DC]] = 1
    receptive[[Tissue.THALAMUS, Tissue.PALLIDUM]] = (1 + plan.grey_oedema) / 2
    solid = np.ones(len(Tissue), np.float32)
    solid[[Tissue.OUTSIDE, Tissue.VENTRICLE, Tissue.DURA, Tissue.SKULL]] = 0
    share = mixture.share[final].astype(np.float32) / 255
    first, second = mixture.first[final], mixture.second[final]
    core_room = (solid[first] * share + solid[second] * (1 - share)) * np.clip(0.5 + depth / 2, 0, 1)
    oedema_room = receptive[first] * share + receptive[second] * (1 - share)
    return fractions * np.stack([core_room, oedema_room, core_room, core_room])

"""Gliomas of both grades: a plan of what grows, its growth in an anatomy, the parts it turns into."""

from dataclasses import dataclass, replace

import numpy as np

from tfmed.phantom import outlines
from tfmed.phantom.fields import noise
from tfmed.phantom.growth import arrival, level, signed_distance
from tfmed.phantom.tissues import FLUID, INFRATENTORIAL, WHITE, Tissue, member, table
from tfmed.phantom.warp import Grid


@dataclass(frozen=True)
class Plan:
    """What is drawn before anything grows. Lengths in mm, volumes in ml.

    outline: "core" or "whole" where the shape of that is given instead of grown.
    """

    grade: str
    core_ml: float
    oedema_ml: float
    foci: int
    infratentorial: bool
    grey_speed: float
    roughness_mm: float
    core_edge_mm: float
    oedema_edge_mm: float
    rim_mm: float
    necrotic: bool
    necrosis_patches_mm: float
    rim_completeness: float
    one_sided: float
    grey_oedema: float
    push_mm: float
    push_reach_mm: float
    spread_mm: float = 25.0
    outline: str | None = None

    def resected(self, rng: np.random.Generator) -> "Plan":
        """After surgery: a cavity for most of the core, a thin broken rim, little that pushes."""
        return replace(
            self,
            necrotic=True,
            rim_mm=rng.uniform(0.8, 2.5),
            necrosis_patches_mm=rng.uniform(0.3, 1.2),
            rim_completeness=rng.uniform(-0.8, 0.8),
            one_sided=rng.uniform(0.5, 2.5),
            push_mm=0.1 * self.push_mm,
        )

    def solid(self, rng: np.random.Generator) -> "Plan":
        """One smaller piece that enhances nearly throughout: no necrosis, oedema scarce or absent."""
        core_ml = max(0.7, self.core_ml * rng.uniform(0.15, 1))
        return replace(
            self,
            core_ml=core_ml,
            oedema_ml=core_ml * rng.uniform(0.05, 1) if rng.random() < 0.5 else 0.0,
            foci=1,
            necrotic=False,
            rim_completeness=rng.normal(2, 0.5),
            one_sided=0.0,
        )

    def outlined(self, rng: np.random.Generator) -> "Plan":
        """Of a shape that is not grown, its core or the whole of it, often in several places.

        Rims are thinner and thicker than usual, and necrosis is more often patchy, in high grades.
        """
        plan = replace(
            self,
            foci=1 if rng.random() < 0.7 else int(rng.integers(2, 5)),
            spread_mm=rng.uniform(15, 70),
            outline="whole" if self.oedema_ml > 0 and rng.random() < 0.5 else "core",
            rim_mm=float(np.exp(rng.uniform(np.log(1.2), np.log(12)))),
            necrosis_patches_mm=rng.uniform(0, 6),
        )
        if self.grade == "LGG":
            return plan
        return replace(plan, rim_completeness=rng.uniform(-0.5, 3), necrotic=bool(rng.random() < 0.75))


def draw(rng: np.random.Generator, grade: str | None = None) -> Plan:
    """A plan: "HGG" in three of four cases where no grade is given; volumes 1 to 250 ml.

    They are log-normal around a core of 19 ml and 3 times as much oedema in high grade, 32 ml and 0.7 times
    in low grade, but for one in twelve, which was found early and is small.
    """
    high = rng.random() < 0.75 if grade is None else grade == "HGG"
    core = np.exp(rng.normal(np.log(19 if high else 32), 0.8))
    ratio = np.exp(rng.normal(np.log(3.0), 0.55)) if high else np.exp(rng.normal(np.log(0.7), 0.8))
    if rng.random() < 0.08:
        core, ratio = np.exp(rng.uniform(np.log(0.7), np.log(5))), rng.uniform(0, 4)
    core = float(np.clip(core, 0.7, 130))
    oedema = 0.0 if rng.random() < (0.03 if high else 0.2) else float(min(core * ratio, 215 - core))
    enhances = high or rng.random() < 0.35
    completeness = rng.normal(1.3, 0.9) if high else rng.normal(-1.7, 0.5)
    reach = rng.uniform(8, 16)
    radius = (core * 1000 * 0.24) ** (1 / 3)
    return Plan(
        grade="HGG" if high else "LGG",
        core_ml=core,
        oedema_ml=oedema,
        foci=1 if rng.random() < 0.85 else int(rng.integers(2, 4)),
        infratentorial=bool(rng.random() < 0.07),
        grey_speed=rng.uniform(0.1, 0.8),
        roughness_mm=rng.uniform(0.3, 2.0),
        core_edge_mm=rng.uniform(1, 2.5) if high else rng.uniform(1.5, 6),
        oedema_edge_mm=rng.uniform(1.5, 7),
        rim_mm=float(np.clip(np.exp(rng.normal(np.log(4.2), 0.45)), 1.5, 14)),
        necrotic=bool(rng.random() < (0.9 if high else 0.15)),
        necrosis_patches_mm=rng.uniform(0, 3.5) if high else rng.uniform(3, 6),
        rim_completeness=float(completeness) if enhances else -np.inf,
        one_sided=float(rng.uniform(0.8, 3)) if rng.random() < 0.35 else 0.0,
        grey_oedema=rng.uniform(0.3, 1.0),
        push_mm=float(min(rng.uniform(0.05, 0.4) * radius * (1 if high else 0.6), 0.55 * reach)),
        push_reach_mm=reach,
    )


@dataclass(frozen=True, eq=False)
class Growth:
    """Where a glioma grew, on the coarse grid: signed distances in mm, positive inside, float32 [x,y,z]."""

    core: np.ndarray
    oedema: np.ndarray
    push: np.ndarray
    axis: np.ndarray
    centre_mm: np.ndarray
    radius_mm: float


def grow(
    plan: Plan, codes: np.ndarray, depth: np.ndarray, grid: Grid, rng: np.random.Generator,
    lesion: np.ndarray | None = None,
) -> Growth:  # fmt: skip
    """Grows the core, then the oedema from its edge, in tissue ``codes`` of the coarse ``grid``.

    ``depth``: mm below the brain's surface. ``lesion``, boolean [x,y,z], part of it in the ``room`` for a
    core: what ``plan.outline`` is cut from; the outline is drawn where there is none. ``push`` of the result
    is the displacement in mm, [3,x,y,z], by which the core moves what surrounds it (outwards); it dies away
    at the skull.
    """
    seeds = _seeds(plan, codes, depth, rng) if lesion is None else np.argwhere(lesion)
    box = _reach(codes, seeds, plan, grid)
    local = codes[box]
    seeds = np.clip(seeds - [s.start for s in box], 0, np.array(local.shape) - 1)
    if plan.outline:
        given = None if lesion is None else lesion[box]
        core, whole = _outlined(plan, room(local, depth[box]), seeds, given, grid, rng)
    else:
        core, whole = _grown_core(plan, local, seeds, grid, rng), None
    if whole is None:
        whole = _grown_oedema(plan, local, core, grid, rng) if plan.oedema_ml > 0 else core
    push = _push(core, plan, grid) * np.clip(depth[box] / 14, 0, 1)
    where = np.argwhere(core) if core.any() else np.array([np.array(core.shape) // 2])
    offset = np.array([s.start for s in box]) - (np.array(grid.shape) - 1) / 2
    direction = rng.normal(size=3)
    return Growth(
        _spread_out(signed_distance(core, grid.spacing_mm), box, grid, -40),
        _spread_out(signed_distance(whole, grid.spacing_mm), box, grid, -40),
        np.stack([_spread_out(p, box, grid, 0) for p in push]),
        direction / np.linalg.norm(direction),
        (where.mean(0) + offset) * grid.spacing_mm,
        float((core.sum() * _voxel_ml(grid) * 240) ** (1 / 3)),
    )


def room(codes: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Where a core may lie: boolean [x,y,z], below the brain's surface and outside the ventricles."""
    return (depth > 0) & (codes != Tissue.VENTRICLE)


def _voxel_ml(grid: Grid) -> float:
    return grid.spacing_mm**3 / 1000


def _outlined(
    plan: Plan, free: np.ndarray, seeds: np.ndarray, lesion: np.ndarray | None, grid: Grid,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
    """Core, and the whole where the outline is that: a part of it then is core, as much as planned."""
    all_ml = plan.core_ml + plan.oedema_ml
    voxels = (all_ml if plan.outline == "whole" else plan.core_ml) / _voxel_ml(grid)
    if lesion is None:
        outline = outlines.drawn(free, seeds, voxels, rng)
    else:
        outline = outlines.trimmed(lesion & free, voxels, rng)
    if plan.outline == "core":
        return outline, None
    places = outlines.inner_places(outline, plan.foci, rng)
    return outlines.drawn(outline, places, outline.sum() * plan.core_ml / all_ml, rng), outline


def _grown_core(
    plan: Plan, local: np.ndarray, seeds: np.ndarray, grid: Grid, rng: np.random.Generator
) -> np.ndarray:
    from scipy import ndimage

    start = np.zeros(local.shape, np.float32)
    start[tuple(seeds.T)] = 1
    voxels = plan.core_ml / _voxel_ml(grid)
    speed = np.exp(0.5 * noise(local.shape, 14 / grid.spacing_mm, rng) - 0.1)
    when = arrival(start, _diffusion(local, plan.grey_speed, speed, grid, rng), 0.5 * speed, voxels)
    core = when <= level(when, voxels)
    core = ndimage.binary_closing(np.pad(core, 3), iterations=2)[3:-3, 3:-3, 3:-3]
    return core & (local != Tissue.VENTRICLE)


def _grown_oedema(
    plan: Plan, local: np.ndarray, core: np.ndarray, grid: Grid, rng: np.random.Generator
) -> np.ndarray:
    from scipy import ndimage

    voxels = plan.oedema_ml / _voxel_ml(grid)
    total = core.sum() + voxels
    speed = np.exp(0.45 * noise(local.shape, 18 / grid.spacing_mm, rng) - 0.1)
    spread = arrival(core, _diffusion(local, 0.06, speed, grid, rng), 0.5 * speed * _white(local), total)
    # Fluid fills the white matter between the tips of its fingers: no voxel of the front stands alone.
    blunt = ndimage.gaussian_filter((spread <= level(spread, total)).astype(np.float32), 0.9)
    late = np.where((_white(local) > 0) & ~core, 1 - blunt, np.inf)
    return (late <= min(level(late, voxels), 0.95)) | core


def _seeds(plan: Plan, codes: np.ndarray, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    allowed = (depth > 6) & member(codes, (Tissue.WHITE, Tissue.THALAMUS, Tissue.HIPPOCAMPUS))
    if plan.infratentorial and member(codes, INFRATENTORIAL).sum() > 500:
        allowed = (depth > 6) & member(codes, INFRATENTORIAL)
    if not allowed.any():
        allowed = member(codes, (*WHITE, Tissue.CORTEX))
    candidates = np.argwhere(allowed)
    first = candidates[rng.integers(len(candidates))]
    distance = np.linalg.norm(candidates - first, axis=1)
    near = candidates[(distance > 5) & (distance < plan.spread_mm)]
    others = near[rng.integers(len(near), size=plan.foci - 1)] if len(near) else candidates[:0]
    return np.concatenate([first[None], others])


def _reach(codes: np.ndarray, seeds: np.ndarray, plan: Plan, grid: Grid) -> tuple[slice, slice, slice]:
    radius_mm = ((plan.core_ml + plan.oedema_ml) * 1000 * 0.24) ** (1 / 3)
    margin = int((2.0 * radius_mm + 12) / grid.spacing_mm)
    low = np.maximum(seeds.min(0) - margin, 0)
    high = np.minimum(seeds.max(0) + margin + 1, codes.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))  # type: ignore[return-value]


def _white(codes: np.ndarray) -> np.ndarray:
    """How readily fluid spreads: 1 in white matter, little in grey, not at all in fluid or outside."""
    values = table({WHITE: 1.0, (Tissue.THALAMUS, Tissue.PALLIDUM, Tissue.PUTAMEN): 0.4}, 0.12)
    values[[Tissue.OUTSIDE, Tissue.VESSEL, Tissue.DURA, Tissue.CHOROID, *FLUID, *range(17, len(Tissue))]] = 0
    return values[codes]


def _diffusion(
    codes: np.ndarray, grey: float, speed: np.ndarray, grid: Grid, rng: np.random.Generator
) -> np.ndarray:
    white = member(codes, WHITE)
    scalar = np.where(white, 1.0, np.where(_white(codes) > 0, grey, 0.0)) * speed * 0.07
    fibres = np.exp(0.7 * noise(codes.shape, 20 / grid.spacing_mm, rng, channels=3))
    fibres /= fibres.mean(0)
    return np.minimum(scalar * np.where(white, fibres, 1.0), 1 / 6.5).astype(np.float32)


def _push(core: np.ndarray, plan: Plan, grid: Grid) -> np.ndarray:
    from scipy import ndimage

    blurred = ndimage.gaussian_filter(
        core.astype(np.float32), plan.push_reach_mm / grid.spacing_mm, mode="nearest"
    )
    outwards = -np.stack(np.gradient(blurred))
    return outwards * (plan.push_mm / max(float(np.sqrt((outwards**2).sum(0)).max()), 1e-6))


def _spread_out(local: np.ndarray, box: tuple[slice, ...], grid: Grid, fill: float) -> np.ndarray:
    whole = np.full(grid.shape, fill, np.float32)
    whole[box] = local
    return whole


def parts(
    plan: Plan, growth: Growth, core: np.ndarray, oedema: np.ndarray, position: list[np.ndarray],
    spacing_mm: float, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Fractions of necrosis, oedema, non-enhancing and enhancing core: float32 [4,x,y,z], sum at most 1.

    ``core`` and ``oedema`` [x,y,z]: the signed distances on the fine grid; ``position``: three broadcastable
    arrays of mm from the brain's centre.
    """
    shape = core.shape

    def rough(scale_mm: float) -> np.ndarray:
        return noise(shape, max(scale_mm / spacing_mm, 1.0), rng)

    core = core + plan.roughness_mm * (0.7 * rough(9) + 0.4 * rough(4))
    oedema = np.maximum(oedema + 1.2 * plan.roughness_mm * rough(8) + 0.5 * rough(3.5), core - 0.5)
    in_core = np.clip(0.5 + core / plan.core_edge_mm, 0, 1)
    in_oedema = np.clip(0.5 + oedema / plan.oedema_edge_mm, 0, 1) if plan.oedema_ml > 0 else in_core
    necrosis = np.zeros(shape, np.float32)
    if plan.necrotic:
        rim = plan.rim_mm * np.exp(0.35 * rough(12) - 0.05)
        inner = core - rim + plan.necrosis_patches_mm * (rough(11) - 0.4) + 0.6 * rough(4)
        inner -= 4 * np.maximum(rough(7) - 1.3, 0)
        necrosis = np.clip(0.5 + np.minimum(inner, core - 1.2) / 1.5, 0, 1)
    enhancing = np.zeros(shape, np.float32)
    if np.isfinite(plan.rim_completeness):
        side = sum(p * a for p, a in zip(position, growth.axis, strict=True)) - growth.centre_mm @ growth.axis
        presence = plan.rim_completeness + rough(13) + 0.5 * rough(5)
        presence = presence - plan.one_sided * side / max(growth.radius_mm, 3)
        enhancing = np.clip(0.5 + 2.0 * presence, 0, 1)
    solid = in_core * (1 - necrosis)
    return np.stack(
        [in_core * necrosis, (1 - in_core) * in_oedema, solid * (1 - enhancing), solid * enhancing]
    ).astype(np.float32)

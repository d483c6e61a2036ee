"""What fools a model in a healthy head: vessels, sinuses, dura, choroid plexus, ventricle rims, age spots."""

from dataclasses import dataclass

import numpy as np

from tfmed.phantom.fields import extent, noise
from tfmed.phantom.growth import distance_to, signed_distance
from tfmed.phantom.tissues import FLUID, INFRATENTORIAL, WHITE, Tissue, member
from tfmed.phantom.warp import Grid

FAR_MM = 60.0
# Choroid plexus of both lateral ventricles: healthy adults have 1 to 4 ml on MRI, so this is wide. Much more
# would be a mass that enhances, and calling it healthy teaches a model to overlook one.
PLEXUS_ML = (0.5, 6.0)
PLEXUS_SHARE = 0.35


@dataclass(frozen=True)
class Plan:
    """How much of each thing there is; drawn once a volume."""

    sinuses: bool
    vessel_width: float
    spots: float
    rim: float
    rim_mm: float
    plexus_ml: float
    lacunes: float


def draw(rng: np.random.Generator, severity: float = 1.0) -> Plan:
    """Vessels in most heads; age spots in six of ten, severe in some (``severity`` makes them more)."""
    return Plan(
        sinuses=bool(rng.random() < 0.8),
        vessel_width=rng.uniform(0.03, 0.1),
        spots=severity * rng.choice([0.0, rng.uniform(0.1, 0.6), rng.uniform(0.6, 1.2)], p=[0.4, 0.4, 0.2]),
        rim=min(1.0, severity * rng.uniform(0, 0.9)),
        rim_mm=rng.uniform(1, 3.5),
        plexus_ml=rng.uniform(*PLEXUS_ML),
        lacunes=rng.uniform(0, 1) if rng.random() < 0.3 else 0.0,
    )


def hull(codes: np.ndarray, spacing_mm: float) -> np.ndarray:
    """The brain with its sulci and ventricles filled: tissue closed over 8 mm, boolean [x,y,z]."""
    from scipy import ndimage

    tissue = (codes >= Tissue.VENTRICLE) & (codes <= Tissue.CHOROID)
    steps = max(1, round(8 / spacing_mm))
    padded = ndimage.binary_closing(np.pad(tissue, steps + 1), iterations=steps)
    return ndimage.binary_fill_holes(padded)[(slice(steps + 1, -steps - 1),) * 3]


def surface_depth(codes: np.ndarray, grid: Grid) -> np.ndarray:
    """Depth in mm below the surface of the brain's hull, negative outside; float32 [x,y,z]."""
    near = _brain_box(codes)
    depth = np.full(grid.shape, -FAR_MM, np.float32)
    depth[near] = signed_distance(hull(codes[near], grid.spacing_mm), grid.spacing_mm)
    return depth


def distances(codes: np.ndarray, depth: np.ndarray, grid: Grid) -> np.ndarray:
    """On the coarse grid in mm, float32 [4,x,y,z]: the ``surface_depth``, and the distances to

    the ventricles, to cerebellum with brain stem and to the cerebral cortex as negative numbers.
    """
    near = _brain_box(codes)
    result = np.full((4, *grid.shape), -FAR_MM, np.float32)
    result[0] = depth
    for channel, members in enumerate([(Tissue.VENTRICLE,), INFRATENTORIAL, (Tissue.CORTEX,)], 1):
        mask = member(codes[near], members)
        if mask.any():
            result[channel][near] = distance_to(mask, grid.spacing_mm)
    return result


def _brain_box(codes: np.ndarray, margin: int = 5) -> tuple[slice, ...]:
    tissue = (codes >= Tissue.VENTRICLE) & (codes <= Tissue.CHOROID)
    box = extent(tissue) or tuple(slice(0, n) for n in codes.shape)
    return tuple(
        slice(max(s.start - margin, 0), min(s.stop + margin, n))
        for s, n in zip(box, codes.shape, strict=True)
    )


@dataclass(eq=False)
class Mixture:
    """Two tissues a voxel and the first one's share in 255ths: uint8 [x,y,z] each; changed in place."""

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray

    def put(self, where: np.ndarray, tissue: Tissue, fraction: np.ndarray | float = 1.0) -> None:
        """Makes ``tissue`` the first component of the voxels ``where``, with ``fraction`` (0..1) of them."""
        self.second[where] = self.first[where]
        self.first[where] = tissue
        amount = fraction[where] if isinstance(fraction, np.ndarray) else fraction
        self.share[where] = np.rint(np.clip(amount, 0, 1) * 255)


def add(
    mixture: Mixture, plan: Plan, fields: np.ndarray, head_mm: np.ndarray, spacing_mm: float,
    rng: np.random.Generator, skull: bool = False,
) -> np.ndarray:  # fmt: skip
    """Puts vessels, dura and choroid plexus into ``mixture``; returns the fraction of bright spots.

    ``fields``: the ``distances`` on the mixture's grid; ``head_mm`` [3,x,y,z]: positions in the head's own
    frame, in which the midline is x = 0; ``skull``: the mixture has skull and scalp of its own, else bone is
    put close around the brain. The result is float32 [x,y,z] in 0..1.
    """
    depth, ventricle, cerebellum, _ = fields
    shape = depth.shape

    def rough(scale_mm: float) -> np.ndarray:
        return noise(shape, max(scale_mm / spacing_mm, 1.0), rng)

    patches, fine = rough(14), rough(4.5)
    tissue = (mixture.first > Tissue.CSF) & (mixture.first <= Tissue.CHOROID)
    open_space = member(mixture.first, FLUID) if skull else ~tissue
    mixture.put(open_space & (depth < -1.5), Tissue.DURA)
    if not skull:
        mixture.put(open_space & (depth < -3.2 + 0.4 * patches), Tissue.SKULL)
    _add_covers(mixture, plan, fields, head_mm, open_space, patches)
    tubes = np.exp(-(rough(11) ** 2 + rough(12) ** 2) / (2 * plan.vessel_width**2))
    in_white = member(mixture.first, WHITE)
    tubes *= np.where(in_white, 0.25, 1.0) * (depth > -2)
    mixture.put((tubes > 0.3) & (mixture.first != Tissue.OUTSIDE), Tissue.VESSEL, tubes)
    _add_plexus(mixture, plan.plexus_ml, fine + 0.5 * patches, head_mm, spacing_mm)
    if plan.lacunes:
        mixture.put((depth > 8) & tissue & (fine > 4.2 - 0.7 * plan.lacunes), Tissue.CSF, 0.8)
    spots = np.clip(1.5 * (fine + 0.6 * patches - 3.3 + 1.2 * plan.spots + 1.4 * np.exp(ventricle / 7)), 0, 1)
    rim = plan.rim * np.clip(1.2 + (ventricle + 0.7 * patches) / plan.rim_mm, 0, 1)
    amount = np.maximum(spots if plan.spots else 0.0, rim)
    amount[~in_white | (depth < 4) | (cerebellum > -1)] = 0
    return amount.astype(np.float32)


def _add_plexus(
    mixture: Mixture, plexus_ml: float, texture: np.ndarray, head_mm: np.ndarray, spacing_mm: float
) -> None:
    """In the back of the lateral ventricles, where ``texture`` is highest; most of them stays fluid."""
    place = (np.abs(head_mm[0]) > 6) & (head_mm[1] < 0) & (mixture.first == Tissue.VENTRICLE)
    values = texture[place]
    voxels = min(round(1000 * plexus_ml / spacing_mm**3), int(PLEXUS_SHARE * values.size))
    if voxels:
        least = np.partition(values, -voxels)[-voxels]
        mixture.put(place & (texture >= least), Tissue.CHOROID, 0.8)


def _add_covers(
    mixture: Mixture,
    plan: Plan,
    fields: np.ndarray,
    head_mm: np.ndarray,
    open_space: np.ndarray,
    patches: np.ndarray,
) -> None:
    depth, _, cerebellum, cortex = fields
    lateral, y, z = np.abs(head_mm[0]), head_mm[1], head_mm[2]
    fluid = member(mixture.first, FLUID)
    mixture.put(fluid & (lateral < 1.2) & (depth > 0) & (z > -5) & (y + z < 85), Tissue.DURA, 0.6)
    mixture.put(open_space & (cerebellum > -2.2) & (cortex > -2.2) & (depth > 0), Tissue.DURA, 0.5)
    if not plan.sinuses:
        return
    top = (z > -20) & ~((y > 35) & (z < 15)) & ((z > 30) | (y < -35) | (y > 45))
    sagittal = (lateral < 4.0 + patches) & (depth < 1.0) & (depth > -5.5) & top
    transverse = (cerebellum > -9) & (cortex > -9) & (depth < 3 + patches) & (depth > -5) & (y < -30)
    straight = (lateral < 2.5) & (cerebellum > -5) & (cortex > -7) & (y < -25)
    mixture.put(open_space & (sagittal | transverse | straight), Tissue.VESSEL, 0.9)

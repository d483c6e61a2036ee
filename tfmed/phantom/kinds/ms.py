"""Multiple sclerosis: many small lesions, around the ventricles, below the cortex, below the tentorium."""

from typing import Any

import numpy as np

from tfmed.phantom import real_lesions
from tfmed.phantom.channels import LESION
from tfmed.phantom.fields import noise
from tfmed.phantom.kinds.base import PARENCHYMA, Kind, Pathology, Scene
from tfmed.phantom.signals import Signals
from tfmed.phantom.tissues import WHITE, Tissue

PARTS = ("lesion", "black_hole", "enhancing", "diffuse")
MOST_LESIONS = 500
# Where lesions lie; shares of lesions, drawn around these means.
PLACES = ("periventricular", "juxtacortical", "infratentorial", "deep")
SHARES = np.array([0.42, 0.22, 0.09, 0.27])
WHITE_LESIONS = {WHITE: 1.0, tuple(t for t in PARENCHYMA if t not in WHITE): 0.7, (Tissue.CORTEX,): 0.45}


class MultipleSclerosis(Pathology):
    """Lesions of one to sixty millilitres in all; of a real patient where masks are given."""

    severity = 0.3
    diagnosis = "ms"

    def widening_mm(self, rng: np.random.Generator) -> float:
        return rng.uniform(-1.0, 3.5)

    def paint(self, scene: Scene, rng: np.random.Generator) -> np.ndarray:
        spacing, shape = scene.grid.spacing_mm, scene.mixture.first.shape
        if self.options.lesions:
            mask = real_lesions.draw(self.options.lesions, rng)
            total, _ = mask.painted(scene.head, scene.head_mm, scene.fields[0], rng)
            self.facts |= mask.facts
            rough = noise(shape, max(5 / spacing, 1.0), rng)
            hole = total**2 * np.clip(2 * (rough - 0.9), 0, 1)
            active = (total - hole) * np.clip(3 * (noise(shape, max(9 / spacing, 1.0), rng) - 2.2), 0, 1)
        else:
            total, hole, active = self._drawn(scene, rng)
        room = scene.room(WHITE_LESIONS)
        for fraction in (total, hole, active):
            fraction *= room
        haze = self._haze(scene, rng) * (1 - total)
        parts = np.stack([total - np.maximum(hole, active), np.maximum(hole - active, 0), active, haze])
        return (255 * np.clip(parts, 0, 1)).astype(np.uint8)

    def _drawn(self, scene: Scene, rng: np.random.Generator) -> list[np.ndarray]:
        """All lesions, the black holes and the active parts among them: fractions float32 [x,y,z]."""
        shape, spacing = scene.mixture.first.shape, scene.grid.spacing_mm
        spots = _spots(scene)
        shares = rng.dirichlet(12 * SHARES) * [len(s) > 0 for s in spots]
        load_ml = float(np.clip(np.exp(rng.normal(np.log(11), 0.9)), 1.2, 60))
        rough = noise(shape, max(3 / spacing, 1.0), rng)
        painted = [np.zeros(shape, np.float32) for _ in range(3)]
        sum_ml, counts = 0.0, np.zeros(len(PLACES), int)
        while sum_ml < load_ml and counts.sum() < MOST_LESIONS and shares.any():
            place = int(rng.choice(len(PLACES), p=shares / shares.sum()))
            centre = np.array(np.unravel_index(int(rng.choice(spots[place])), shape))
            axes_mm = np.exp(rng.normal(np.log(2.2), 0.5)) * np.exp(rng.normal(0, 0.22, 3))
            if place == 0:
                axes_mm[0] *= rng.uniform(1.0, 2.2)
            sum_ml += float(4.19 * np.prod(np.minimum(axes_mm, 14))) / 1000
            counts[place] += 1
            _blob(painted, scene, centre, np.minimum(axes_mm, 14), place == 0, rough, rng)
        self.facts |= {"lesions": int(counts.sum())} | dict(zip(PLACES, counts.tolist(), strict=True))
        return painted

    def _haze(self, scene: Scene, rng: np.random.Generator) -> np.ndarray:
        """Dirty-appearing white matter near the ventricles, in four of ten patients; part of no label."""
        if rng.random() > 0.4:
            return np.zeros(scene.mixture.first.shape, np.float32)
        patches = noise(scene.mixture.first.shape, 16 / scene.grid.spacing_mm, rng)
        near = np.exp(scene.fields[1] / rng.uniform(5, 12)) * (scene.fields[2] < -3)
        amount = np.clip(near * (0.5 + 0.5 * patches), 0, 1) * scene.room({WHITE: 1.0})
        return amount.astype(np.float32)


def _spots(scene: Scene) -> list[np.ndarray]:
    """Flat indices of the voxels in which a lesion of each of ``PLACES`` may have its centre."""
    first = scene.mixture.first
    depth, ventricle, below, cortex = scene.fields
    white = (first == Tissue.WHITE) & (depth > 5)
    masks = (
        white & (ventricle > -6) & (below < -6),
        white & (cortex > -3.5) & (ventricle < -12),
        ((first == Tissue.CEREBELLAR_WHITE) | (first == Tissue.BRAIN_STEM)) & (depth > 3),
        white & (ventricle <= -6) & (cortex <= -3.5),
    )
    return [np.flatnonzero(mask) for mask in masks]


def _blob(
    painted: list[np.ndarray], scene: Scene, centre: np.ndarray, axes_mm: np.ndarray, radial: bool,
    rough: np.ndarray, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Paints an ellipsoid with an uneven edge; its long axis away from the ventricle where ``radial``."""
    spacing, shape = scene.grid.spacing_mm, rough.shape
    reach = int(np.ceil((1.5 * axes_mm.max() + 1.5) / spacing))
    box = tuple(
        slice(max(int(c) - reach, 0), min(int(c) + reach + 1, n)) for c, n in zip(centre, shape, strict=True)
    )
    middle = centre - rng.uniform(-0.5, 0.5, 3)
    axes = [(np.arange(s.start, s.stop) - m) * spacing for s, m in zip(box, middle, strict=True)]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"))
    turn = _turn(_outwards(scene.fields[1], centre) if radial else rng.normal(size=3), rng)
    radius = np.sqrt((np.tensordot(turn / axes_mm[:, None], offsets, 1) ** 2).sum(0))
    radius = radius * (1 + 0.22 * rough[box])
    thinnest = float(axes_mm.min())
    solid = np.clip(0.5 + (1 - radius) * thinnest / 1.1, 0, 1)
    kind = rng.random()
    np.maximum(painted[0][box], solid, out=painted[0][box])
    if kind < 0.3:
        inner = np.clip(0.5 + (rng.uniform(0.45, 0.9) - radius) * thinnest / 1.1, 0, 1)
        np.maximum(painted[1][box], inner, out=painted[1][box])
    elif kind < 0.37:
        ring = solid - np.clip(0.5 + (rng.uniform(0.0, 0.7) - radius) * thinnest / 1.1, 0, 1)
        np.maximum(painted[2][box], np.maximum(ring, 0), out=painted[2][box])


def _outwards(distance: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The direction in which a field falls fastest at a voxel, not normalised, [3]."""
    top = np.array(distance.shape) - 2
    around = [np.clip([at - step, at + step], 1, top) for step in 2 * np.eye(3, dtype=int)]
    return np.array([distance[tuple(low)] - distance[tuple(high)] for low, high in around])


def _turn(axis: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A rotation whose first row is ``axis``, and else random, [3,3]."""
    basis = np.column_stack([axis + 1e-6 * rng.normal(size=3), rng.normal(size=(3, 2))])
    return np.linalg.qr(basis)[0].T


def ms2008(channels: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """MS lesion challenge 2008: 1 where lesion, black hole and active lesion make half, uint8 [...]."""
    return (channels[LESION : LESION + 3].astype(np.int16).sum(0) >= 128).astype(np.uint8)


def signals(facts: dict[str, Any], rng: np.random.Generator) -> Signals:
    """Lesions bright on T2 and FLAIR; black holes dark on T1; active ones take up contrast agent."""
    relaxation = np.array(
        [
            (rng.uniform(1250, 1750), rng.uniform(105, 175), rng.uniform(0.76, 0.84), rng.uniform(0.9, 1.2)),
            (rng.uniform(1800, 3200), rng.uniform(130, 280), rng.uniform(0.8, 0.9), rng.uniform(1.1, 1.7)),
            (rng.uniform(1150, 1600), rng.uniform(110, 180), rng.uniform(0.82, 0.9), rng.uniform(0.8, 1.2)),
            (rng.uniform(900, 1020), rng.uniform(76, 92), 0.72, 0.8),
        ]
    )
    gadolinium = np.array([np.inf, np.inf, rng.uniform(400, 900), np.inf])
    signs = {
        "flair": (1, 1, 1, 0), "t2": (1, 1, 1, 0), "pd": (1, 1, 1, 0), "t1": (-1, -1, -1, 0),
        "t1c": (-1, -1, 1, 0), "dwi": (0, 0, 0, 0), "adc": (1, 1, 0, 0),
    }  # fmt: skip
    return Signals(relaxation, gadolinium, signs)


KIND = Kind(
    MultipleSclerosis,
    {"ms2008": ms2008},
    modalities=("flair", "t1", "t2"),
    options=frozenset({"lesions", "skull"}),
    signals=signals,
    parts=PARTS,
)

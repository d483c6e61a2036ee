"""Gliomas: where the growth of ``tfmed.phantom.glioma`` lies in a head, and what its label maps say."""

from typing import Any

import numpy as np

from tfmed.phantom import glioma, real_lesions
from tfmed.phantom.channels import LESION
from tfmed.phantom.fields import extent, sample
from tfmed.phantom.kinds.base import Ground, Kind, Options, Pathology, Scene
from tfmed.phantom.tissues import WHITE, Tissue

PARTS = ("necrosis", "oedema", "non_enhancing", "enhancing")


class Glioma(Pathology):
    """A glioma of the grade asked for, or of either."""

    severity = 1.0

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.plan: glioma.Plan
        self.growth: glioma.Growth

    def grow(self, ground: Ground, rng: np.random.Generator) -> np.ndarray:
        self.plan = glioma.draw(rng, self.options.grade)
        if self.options.drawn or self.options.lesions:
            self.plan = self.plan.outlined(rng)
            self.facts["outline"] = self.plan.outline
        if self.options.cavity:
            self.plan = self.plan.resected(rng)
            self.facts["cavity"] = True
        if self.options.solid:
            self.plan = self.plan.solid(rng)
            self.facts["solid"] = True
        lesion = self._lesion(ground, rng) if self.options.lesions else None
        self.growth = glioma.grow(self.plan, ground.codes, ground.depth, ground.grid, rng, lesion)
        self.diagnosis = self.facts["grade"] = self.plan.grade
        return self.growth.push

    def _lesion(self, ground: Ground, rng: np.random.Generator) -> np.ndarray | None:
        """A real lesion brought into the head, boolean [x,y,z]; None where it misses all tissue there."""
        mask = real_lesions.draw(self.options.lesions or "", rng)
        painted = mask.painted(ground.head, ground.head_mm, ground.depth, rng)[0] > 0.5
        self.facts |= mask.facts
        return painted if (painted & glioma.room(ground.codes, ground.depth)).any() else None

    def paint(self, scene: Scene, rng: np.random.Generator) -> np.ndarray:
        near, position, index = self._place(scene)
        core, oedema = sample(self.growth.core, index), sample(self.growth.oedema, index)
        tight = extent(np.maximum(core, oedema) > -7) or tuple(slice(0, n) for n in core.shape)
        position = [p[tuple(tight[a] if p.shape[a] > 1 else slice(None) for a in range(3))] for p in position]
        final = tuple(slice(n.start + t.start, n.start + t.stop) for n, t in zip(near, tight, strict=True))
        core, oedema = core[tight], oedema[tight]
        fractions = glioma.parts(self.plan, self.growth, core, oedema, position, scene.grid.spacing_mm, rng)
        fractions *= self._room(scene, final)
        whole = np.zeros((4, *scene.mixture.first.shape), np.uint8)
        # Rounded down, so that parts that fill a voxel never make more than the whole of it.
        whole[(slice(None), *final)] = (255 * fractions).astype(np.uint8)
        return whole

    def _place(self, scene: Scene) -> tuple[tuple[slice, ...], list[np.ndarray], np.ndarray]:
        """The sub-box that the glioma may reach, its voxels' mm, and their index in the coarse growth."""
        axes = [
            ((np.arange(s.start, s.stop, dtype=np.float32) - (n - 1) / 2) * scene.grid.spacing_mm)
            for s, n in zip(scene.box, scene.grid.shape, strict=True)
        ]
        growth, coarse = self.growth, scene.coarse
        radius = growth.radius_mm + ((self.plan.oedema_ml + self.plan.core_ml) * 240) ** (1 / 3) + 60
        near = tuple(
            slice(int(np.searchsorted(a, c - radius)), int(np.searchsorted(a, c + radius)))
            for a, c in zip(axes, growth.centre_mm, strict=True)
        )
        position = [axes[i][near[i]].reshape([-1 if i == a else 1 for a in range(3)]) for i in range(3)]
        index = np.stack([np.broadcast_to(p, scene.mixture.first[near].shape) for p in position])
        index = (index - scene.shift_mm[(slice(None), *near)]) / coarse.spacing_mm
        index += (np.array(coarse.shape, np.float32).reshape(3, 1, 1, 1) - 1) / 2
        return near, position, index

    def _room(self, scene: Scene, final: tuple[slice, ...]) -> np.ndarray:
        """Core only in the head and outside the ventricles; oedema fainter in grey matter, none in fluid."""
        grey = self.plan.grey_oedema
        tissue = tuple(t for t in Tissue if Tissue.CORTEX <= t < Tissue.CHOROID)
        receptive = {tissue: grey, WHITE: 1.0, (Tissue.THALAMUS, Tissue.PALLIDUM): (1 + grey) / 2}
        closed = (Tissue.OUTSIDE, Tissue.VENTRICLE, Tissue.DURA, Tissue.SKULL)
        solid = {tuple(t for t in Tissue if t not in closed): 1.0}
        core = scene.room(solid, final) * np.clip(0.5 + scene.fields[0][final] / 2, 0, 1)
        return np.stack([core, scene.room(receptive, final), core, core])


def brats2015(channels: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """BRATS 2015 labels of the lesion's fractions, uint8 [...].

    Core where necrosis + non-enhancing + enhancing >= 128; of it necrosis where it makes at least half, else
    enhancing where it is no less than non-enhancing, else non-enhancing. Outside the core, oedema where it is
    at least half of what the core leaves. After a resection ("cavity" in ``facts``) the first part is the
    cavity, which is no tumour: 0.
    """
    labels = _regions(channels)
    if facts.get("cavity"):
        labels[labels == 1] = 0
    return labels


def _regions(channels: np.ndarray) -> np.ndarray:
    necrosis, oedema, non_enhancing, enhancing = channels[LESION:].astype(np.int16)
    solid = non_enhancing + enhancing
    core = necrosis + solid
    inside = np.where(necrosis >= solid, 1, np.where(enhancing >= non_enhancing, 4, 3))
    around = np.where((oedema > 0) & (2 * oedema >= 255 - core), 2, 0)
    return np.where(core >= 128, inside, around).astype(np.uint8)


def brats2018(channels: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """As ``brats2015``, with non-enhancing core counted as necrosis (1)."""
    return np.array([0, 1, 2, 1, 4], np.uint8)[brats2015(channels, facts)]


def brats2023(channels: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """As ``brats2018``, with enhancing core numbered 3."""
    return np.array([0, 1, 2, 1, 3], np.uint8)[brats2015(channels, facts)]


def brats2024(channels: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """As ``brats2023``, with the resection cavity numbered 4."""
    values = [0, 4 if facts.get("cavity") else 1, 2, 1, 3]
    return np.array(values, np.uint8)[_regions(channels)]


KIND = Kind(
    Glioma,
    {"brats2015": brats2015, "brats2018": brats2018, "brats2023": brats2023, "brats2024": brats2024},
    modalities=("flair", "t1", "t1c", "t2"),
    options=frozenset({"grade", "cavity", "solid", "drawn", "lesions", "skull"}),
    parts=PARTS,
)

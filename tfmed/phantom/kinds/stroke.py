"""Ischaemic strokes: real ones from masks, or infarcts of vascular territories; contrast by their age."""

from typing import Any

import numpy as np

from tfmed.phantom import real_lesions
from tfmed.phantom.channels import LESION
from tfmed.phantom.fields import extent, noise
from tfmed.phantom.growth import signed_distance
from tfmed.phantom.kinds.base import PARENCHYMA, Ground, Kind, Options, Pathology, Scene
from tfmed.phantom.signals import Signals, log_uniform
from tfmed.phantom.territories import ARTERIES, DEEP, ROOTS, normalised, territories
from tfmed.phantom.warp import refine

PARTS = ("infarct", "penumbra", "haemorrhage", "cavity")
SHARES = {
    "MCA superior": 0.24,
    "MCA inferior": 0.24,
    "ACA": 0.07,
    "PCA": 0.12,
    "lenticulostriate": 0.17,
    "thalamic": 0.06,
    "cerebellar": 0.1,
}
DAY_H = 24.0
# Hours from the onset, and what an infarct's values are there relative to healthy tissue.
AGES_H = np.array([1, 6, 24, 72, 168, 336, 720, 2160, 9000])
DIFFUSION = np.array([0.75, 0.6, 0.5, 0.52, 0.7, 1.0, 1.4, 1.8, 2.1])
T2 = np.array([1.02, 1.1, 1.35, 1.55, 1.6, 1.55, 1.7, 1.9, 2.1])
T1 = np.array([1.0, 1.03, 1.12, 1.25, 1.3, 1.3, 1.4, 1.55, 1.7])


class Stroke(Pathology):
    """One arterial stroke: a real mask's shape, or one to five foci in one territory of one side."""

    diagnosis = "stroke"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.fields = np.zeros(0)
        self.coarse: Any = None

    def grow(self, ground: Ground, rng: np.random.Generator) -> None:
        # Half of them are days old, as those of SISS; the rest between the first hours and half a year.
        drawn = log_uniform(rng, 20, 350) if rng.random() < 0.5 else log_uniform(rng, 2, 4400)
        self.facts["age_h"] = round(self.options.age_h or drawn, 1)
        if self.options.lesions:
            return
        self.coarse = ground.grid
        self.fields = self._infarct(ground, rng)

    def _infarct(self, ground: Ground, rng: np.random.Generator) -> np.ndarray:
        """Infarct and hypoperfused region as lengths in mm, positive inside: float32 [2,x,y,z]."""
        place = normalised(ground.head, ground.head_mm)
        owners = territories(ground.codes, place)
        name = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        side = -1 if rng.random() < 0.5 else 1
        territory = (owners == ARTERIES.index(name)) & (place[0] * side > 0.02)
        spots = np.argwhere(territory & (ground.depth > 2))
        if not len(spots):
            spots = np.argwhere(owners > 0)
            territory = owners > 0
        voxel_ml = ground.grid.spacing_mm**3 / 1000
        available = territory.sum() * voxel_ml
        typical = 2.5 if name in DEEP else 28
        volume = float(np.clip(np.exp(rng.normal(np.log(typical), 1.1)), 0.6, 0.9 * available))
        foci = 1 if rng.random() < 0.75 else int(rng.integers(2, 6))
        distance = np.full(ground.codes.shape, np.inf, np.float32)
        for seed in spots[rng.integers(len(spots), size=foci)]:
            distance = np.minimum(distance, _reach(ground, place, seed, ROOTS.get(name), side, rng))
        limit = signed_distance(territory, ground.grid.spacing_mm)
        self.facts |= {"territory": f"{'left' if side < 0 else 'right'} {name}", "foci": foci}
        more = volume * rng.uniform(1.4, 4)
        levels = [_quantile(distance[territory], v / voxel_ml) for v in (volume, max(more, volume + 2))]
        return np.stack([np.minimum(level - distance, limit + 1.5) for level in levels])

    def paint(self, scene: Scene, rng: np.random.Generator) -> np.ndarray:
        core, wide = self._masks(scene, rng)
        active = extent(np.maximum(core, wide) > 0) or tuple(slice(0, 1) for _ in core.shape)
        core, wide = core[active], wide[active]
        room = scene.room({PARENCHYMA: 1.0}, active)
        core, wide = core * room, wide * room
        shape, spacing = core.shape, scene.grid.spacing_mm

        def rough(scale_mm: float) -> np.ndarray:
            return noise(shape, max(scale_mm / spacing, 1.0), rng)

        age = self.facts["age_h"]
        penumbra = np.clip(wide - core, 0, 1) if age < DAY_H else np.zeros_like(core)
        bled = 0.12 * (12 < age < 1500) * float(rng.random() < 0.25)
        blood = np.clip(2 * (rough(7) + 0.5 * rough(3) - 2.4 + 9 * bled), 0, 1) if bled else 0 * core
        hollow = float(np.interp(age, [500, 4000], [0, 1]))
        cavity = np.clip(2 * (rough(9) + 0.4 * rough(4) - 2.2 + 2.4 * hollow), 0, 1) if hollow else 0 * core
        blood = blood * (1 - cavity)
        parts = np.stack([core * (1 - blood - cavity), penumbra, core * blood, core * cavity])
        whole = np.zeros((4, *scene.mixture.first.shape), np.uint8)
        whole[(slice(None), *active)] = (255 * np.clip(parts, 0, 1)).astype(np.uint8)
        return whole

    def _masks(self, scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Fractions 0..1 of infarct, and of infarct with penumbra, float32 [x,y,z] each."""
        if self.options.lesions:
            mask = real_lesions.draw(self.options.lesions, rng)
            core, wide = mask.painted(scene.head, scene.head_mm, scene.fields[0], rng)
            self.facts |= mask.facts
            return core, wide
        lengths = refine(self.fields, self.coarse, scene.grid, scene.box)
        rough = noise(lengths.shape[1:], max(6 / scene.grid.spacing_mm, 1.0), rng, channels=2)
        lengths += np.array([0.9, 2.0], np.float32).reshape(2, 1, 1, 1) * rough
        core, wide = np.clip(0.5 + lengths / 1.6, 0, 1)
        return core, wide


def _reach(
    ground: Ground, place: np.ndarray, seed: np.ndarray, root: tuple[float, float, float] | None, side: int,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """How late blood misses a voxel, in mm: from ``seed`` in a wedge that opens from the artery's root.

    Without a root (perforating arteries) it is the distance from the seed. float32 [x,y,z].
    """
    half = np.ptp(ground.head.box_mm, axis=1).reshape(3, 1, 1, 1) / 2
    at = (slice(None), *seed)
    rough = noise(ground.codes.shape, 14 / ground.grid.spacing_mm, rng)
    apart = np.sqrt((((place - place[at].reshape(3, 1, 1, 1)) * half) ** 2).sum(0))
    if root is None:
        return (apart + 1.2 * rough).astype(np.float32)
    origin = np.array(root, np.float32).reshape(3, 1, 1, 1) * [[[[side]]], [[[1]]], [[[1]]]]
    spokes = (place - origin) * half
    length = np.sqrt((spokes**2).sum(0))
    axis = spokes[at] / max(float(length[tuple(seed)]), 1.0)
    along = np.tensordot(axis, spokes, 1)
    aside = np.sqrt(np.maximum(length**2 - along**2, 0))
    wedge = aside * np.clip(40 / np.maximum(length, 8), 0.6, 2.5)
    short = np.maximum(0.75 * float(length[tuple(seed)]) - length, 0)
    distance = np.where(along > 0, wedge + 1.3 * short, apart + 40)
    return (0.8 * distance + 0.2 * apart + 2.5 * rough).astype(np.float32)


def _quantile(values: np.ndarray, count: float) -> float:
    ordered = np.sort(values)
    return float(ordered[min(len(ordered) - 1, int(count))])


def siss(channels: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """ISLES 2015 SISS: 1 where infarct, its blood and its cavity make up at least half, uint8 [...]."""
    fractions = channels[LESION:].astype(np.int16)
    return (fractions[0] + fractions[2] + fractions[3] >= 128).astype(np.uint8)


def spes(channels: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """ISLES 2015 SPES: 1 the infarct's core as in ``siss``, 2 penumbra where both make half, uint8 [...]."""
    core = siss(channels, facts)
    both = channels[LESION:].astype(np.int16).sum(0) >= 128
    return np.where(both & (core == 0), 2, core).astype(np.uint8)


def signals(facts: dict[str, Any], rng: np.random.Generator) -> Signals:
    """An infarct by its age: diffusion falls at once and passes normal after one to two weeks; T2 follows.

    Time courses are rounded from reviews of diffusion MRI in stroke (low ADC for 7 to 10 days, T2 bright
    after 6 hours, cavities and gliosis after weeks), jittered by 8 to 12 %.
    """
    age = np.log(float(np.clip(facts["age_h"], 1, 9000)))
    diffusion, t2, t1 = (np.interp(age, np.log(AGES_H), course) for course in (DIFFUSION, T2, T1))
    jitter = np.exp(rng.normal(0, 1, 3) * [0.08, 0.07, 0.12])
    infarct = (1050 * t1 * jitter[0], 84 * t2 * jitter[1], 0.8, 0.8 * diffusion * jitter[2])
    penumbra = (1070, 84, 0.79, 0.8 * rng.uniform(0.9, 1))
    blood = (rng.uniform(500, 1500), rng.uniform(25, 120), 0.8, 0.6)
    cavity = (rng.uniform(2400, 4000), log_uniform(rng, 350, 1300), 0.97, rng.uniform(2, 3))
    fresh = facts["age_h"] < 240
    takes_up = 72 < facts["age_h"] < 700 and rng.random() < 0.5
    gadolinium = np.array([rng.uniform(450, 950) if takes_up else np.inf, np.inf, np.inf, np.inf])
    perfusion = np.array(
        [[0.25, 0.35, rng.uniform(4, 8), 1.6], [0.5, 1.0, rng.uniform(3, 6), 1.45], [0.2, 0.3, 5, 1.5],
         [0.02, 0.02, 0.3, 0.5]]
    )  # fmt: skip
    signs = {
        "flair": (1 if facts["age_h"] > 6 else 0, 0, 0, 0),
        "t2": (1 if facts["age_h"] > 6 else 0, 0, 0, 1),
        "t1": (-1 if facts["age_h"] > 24 else 0, 0, 0, -1),
        "dwi": (1 if fresh else 0, 0, 0, -1),
        "adc": (-1 if fresh and facts["age_h"] < 170 else 0, 0, -1, 1),
        "cbf": (-1, -1, -1, -1),
        "tmax": (1, 1, 1, -1),
        "ttp": (1, 1, 1, -1),
    }
    return Signals(np.array([infarct, penumbra, blood, cavity]), gadolinium, signs, perfusion)


KIND = Kind(
    Stroke,
    {"isles2015_siss": siss, "isles2015_spes": spes},
    modalities=("flair", "t1", "t2", "dwi"),
    options=frozenset({"lesions", "age_h", "skull"}),
    signals=signals,
    parts=PARTS,
)

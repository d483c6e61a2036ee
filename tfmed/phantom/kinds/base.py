"""What a kind of phantom is: a disease that acts on a head, and the names of what it leaves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmed.phantom.anatomy import Anatomy
from tfmed.phantom.signals import Signals
from tfmed.phantom.surroundings import Mixture
from tfmed.phantom.tissues import Tissue, table
from tfmed.phantom.warp import Grid

PARENCHYMA = tuple(t for t in Tissue if Tissue.CORTEX <= t <= Tissue.AMYGDALA)


@dataclass(frozen=True)
class Options:
    """What a caller may fix of a phantom; None leaves it to chance.

    grade: "HGG" or "LGG" of a glioma. cavity: the glioma was operated on. solid: it enhances nearly
    throughout, with little or no oedema. drawn: the shape of its core, or of all of it, is drawn by chance
    instead of grown. lesions: a file, folder or glob of real lesion masks, for stroke and MS, or for the
    outlines of gliomas. age_h: hours since the stroke. cdr: clinical dementia rating of Alzheimer's disease,
    0.5, 1 or 2. skull: the whole head instead of the brain.
    """

    grade: str | None = None
    cavity: bool = False
    solid: bool = False
    drawn: bool = False
    lesions: str | None = None
    age_h: float | None = None
    cdr: float | None = None
    skull: bool = False

    def given(self) -> set[str]:
        """Names of the options that aren't left to chance."""
        return {name for name, value in self.__dict__.items() if value not in (None, False)}


@dataclass(frozen=True, eq=False)
class Ground:
    """A head on the coarse grid, on which diseases grow.

    codes uint8 [x,y,z]; head_mm [3,x,y,z]: places in the head's own frame, midline at x = 0; depth [x,y,z]:
    mm below the brain's surface.
    """

    head: Anatomy
    codes: np.ndarray
    head_mm: np.ndarray
    depth: np.ndarray
    grid: Grid


@dataclass(frozen=True, eq=False)
class Scene:
    """A head on the voxels ``box`` of the fine grid, into which lesions are painted.

    fields: see ``surroundings.distances``; shift_mm [3,x,y,z]: how far ``Pathology.grow`` pushed things,
    [0,x,y,z] where it pushed nothing.
    """

    head: Anatomy
    mixture: Mixture
    head_mm: np.ndarray
    fields: np.ndarray
    shift_mm: np.ndarray
    box: tuple[slice, slice, slice]
    coarse: Grid
    grid: Grid

    def room(self, receptive: dict[tuple[Tissue, ...], float], where: tuple[slice, ...] = ()) -> np.ndarray:
        """How receptive (0..1) the tissues of each voxel are: float32 [x,y,z] of the sub-box ``where``."""
        values = table(receptive)
        share = self.mixture.share[where].astype(np.float32) / 255
        return values[self.mixture.first[where]] * share + values[self.mixture.second[where]] * (1 - share)


class Pathology:
    """A disease of one head; this one is none. Methods are called in the order in which they stand here.

    ``severity`` scales the age-related findings of the surroundings.
    """

    severity = 1.8
    diagnosis = "healthy"

    def __init__(self, options: Options) -> None:
        self.options = options
        self.facts: dict[str, Any] = {}

    def widening_mm(self, rng: np.random.Generator) -> float:
        """How far the walls of the ventricles are pushed outwards."""
        return rng.uniform(-1.5, 2.5)

    def grow(self, ground: Ground, rng: np.random.Generator) -> np.ndarray | None:
        """Grows on the coarse grid; returns the displacement of what is around, mm [3,x,y,z], if any."""
        return None

    def sulci(self, rng: np.random.Generator) -> float:
        """By how many 255ths the mixture of cortex and fluid moves towards fluid."""
        return rng.uniform(-40, 110) if rng.random() < 0.5 else 0.0

    def paint(self, scene: Scene, rng: np.random.Generator) -> np.ndarray | None:
        """Changes the tissues of the scene, and returns fractions of the lesion's parts in 255ths.

        uint8 [4,x,y,z] that sum to at most 255 a voxel, or None where there is no lesion.
        """
        return None


@dataclass(frozen=True)
class Kind:
    """A kind of phantom.

    editions: by name, what makes a label map (uint8 [...]) of channels [9, ...] and the provenance; the first
    one is the default. modalities: the default. options: names of the ``Options`` that apply. signals: the
    lesion's physics, from the provenance and chance, None where it is a glioma's. parts: names of the
    lesion's four parts, none where there is no lesion.
    """

    pathology: Callable[[Options], Pathology]
    editions: dict[str, Callable[[np.ndarray, dict[str, Any]], np.ndarray]]
    modalities: tuple[str, ...]
    options: frozenset[str] = frozenset({"skull"})
    signals: Callable[[dict[str, Any], np.random.Generator], Signals] | None = None
    parts: tuple[str, ...] = field(default=())

"""Count slices, volumes and intensities of a dataset: what there is to learn from."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmed import io
from tfmed.datasets.case import Case
from tfmed.datasets.editions import meaning
from tfmed.errors import TfmedError
from tfmed.geometry import voxel_volume_mm3
from tfmed.intensity import foreground
from tfmed.study import Volume

VIEWS = ("axial", "coronal", "sagittal")
# The canonical axis that each view's slices are counted along.
AXES = {"axial": 2, "coronal": 1, "sagittal": 0}
PERCENTILES = (1, 50, 99)

Slices = dict[str, int]


@dataclass(frozen=True)
class CaseStats:
    """Of one case, by modality: slices that show the head (by view), volume of the head in ml, percentiles of
    its intensities. By label value: slices that show it (by view), volume in ml."""

    case: Case
    slices: dict[str, Slices]
    head_ml: dict[str, float]
    intensities: dict[str, tuple[float, ...]]
    label_slices: dict[str, Slices]
    label_ml: dict[str, float]


@dataclass
class Stats:
    """Sums over cases. ``slices`` by (class, modality); a class is a diagnosis or the meaning of a label."""

    slices: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    cases: Counter[tuple[str, str]] = field(default_factory=Counter)
    volumes_ml: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    intensities: dict[str, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, case: CaseStats) -> None:
        name = case.case.diagnosis or "unknown"
        for modality, slices in case.slices.items():
            self._count(name, modality, slices)
            self.intensities[modality].append(case.intensities[modality])
            for label, label_slices in case.label_slices.items():
                self._count(label, modality, label_slices)
        if case.head_ml:
            self.volumes_ml["head"].append(next(iter(case.head_ml.values())))
        for label, volume in case.label_ml.items():
            self.volumes_ml[label].append(volume)

    def _count(self, name: str, modality: str, slices: Slices) -> None:
        self.slices[name, modality].update(slices)
        self.cases[name, modality] += 1

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values that JSON can hold."""
        return {
            "slices": [
                {"class": name, "modality": modality, "cases": self.cases[name, modality], **counts}
                for (name, modality), counts in self.slices.items()
            ],
            "volumes_ml": {
                name: {"cases": len(values), **_five(values)} for name, values in self.volumes_ml.items()
            },
            "intensities": {
                modality: {
                    f"percentile_{rank}": _five([row[place] for row in rows])
                    for place, rank in enumerate(PERCENTILES)
                }
                for modality, rows in self.intensities.items()
            },
        }


def measure(case: Case) -> CaseStats:
    """Read all files of a case and count. TfmedError where one can't be read."""
    slices, head_ml, intensities = {}, {}, {}
    for modality, path in case.modalities.items():
        volume = io.load(path).canonical()
        inside = foreground(volume.array)
        slices[modality] = _slices(inside)
        head_ml[modality] = _millilitres(inside, volume)
        values = volume.array[inside] if inside.any() else np.zeros(1)
        intensities[modality] = tuple(float(value) for value in np.percentile(values, PERCENTILES))
    label_slices, label_ml = _labels(case)
    return CaseStats(case, slices, head_ml, intensities, label_slices, label_ml)


def _labels(case: Case) -> tuple[dict[str, Slices], dict[str, float]]:
    slices: dict[str, Slices] = {}
    millilitres: dict[str, float] = {}
    if case.labels:
        labels = io.load_labels(case.labels, case.edition).canonical()
        for value in np.unique(labels.array[labels.array != 0]):
            found = labels.array == value
            name = meaning(case.edition, int(value))
            slices[name], millilitres[name] = _slices(found), _millilitres(found, labels)
    return slices, millilitres


def measured(cases: list[Case], workers: int = 1) -> Iterator[tuple[Case, CaseStats | str]]:
    """Each case with what was counted, or with the sentence that says why it couldn't be."""
    if workers <= 1:
        yield from ((case, _measured(case)) for case in cases)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from zip(cases, pool.map(_measured, cases), strict=True)


def _measured(case: Case) -> CaseStats | str:
    try:
        return measure(case)
    except TfmedError as error:
        return str(error)


def _slices(inside: np.ndarray) -> Slices:
    """How many slices of each view hold any of the voxels."""
    axes = {view: tuple({0, 1, 2} - {axis}) for view, axis in AXES.items()}
    return {view: int(np.count_nonzero(inside.any(axis=others))) for view, others in axes.items()}


def _millilitres(inside: np.ndarray, volume: Volume) -> float:
    return float(np.count_nonzero(inside) * voxel_volume_mm3(volume.affine) / 1000)


def _five(values: list[float]) -> dict[str, float]:
    """Least, quarter, median, three quarters, most."""
    names = ("least", "quarter", "median", "three_quarters", "most")
    return dict(zip(names, map(float, np.percentile(values, (0, 25, 50, 75, 100))), strict=True))

"""Small cases on disk, and a source without any disk."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfmed import io
from tfmed.datasets import Case
from tfmed.pipeline.source import slices_with
from tfmed.study import LabelMap, Volume

MODALITIES = ("flair", "t1", "t1c", "t2")


def head(
    shape: tuple[int, int, int] = (32, 36, 28), seed: int = 0
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Images [x, y, z] int16 of an off-centre ellipsoid in zeros, an off-centre lesion in it, and labels."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, length) for length in shape), indexing="ij")
    brain = ((x - 0.1) / 0.7) ** 2 + (y / 0.8) ** 2 + ((z + 0.05) / 0.75) ** 2 < 1
    distance = np.sqrt((x - 0.3) ** 2 + (y - 0.2) ** 2 + (z - 0.1) ** 2)
    labels = np.select([distance < 0.12, distance < 0.25, distance < 0.4], [1, 4, 2], 0).astype(np.uint8)
    images = {
        name: ((300 + 50 * number + 200 * y + 30 * rng.standard_normal(shape) + 80 * labels) * brain).astype(
            np.int16
        )
        for number, name in enumerate(MODALITIES)
    }
    return images, labels


def write(
    folder: Path, case_id: str, affine: np.ndarray | None = None, seed: int = 0, **fields: object
) -> Case:
    """A case as NIfTI files of ``head``; ``fields`` override those of the Case."""
    folder.mkdir(parents=True, exist_ok=True)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) if affine is None else affine
    images, labels = head(seed=seed)
    files = {name: folder / f"{quoted(case_id)}_{name}.nii.gz" for name in (*images, "labels")}
    for name, array in images.items():
        io.save(Volume(array, affine), files[name])
    io.save(LabelMap(labels, affine, "brats2015"), files["labels"])
    known = {
        "id": case_id,
        "patient": case_id,
        "timepoint": None,
        "modalities": {name: files[name] for name in images},
        "labels": files["labels"],
        "edition": "brats2015",
        "diagnosis": "HGG",
        "dataset": "test",
    }
    return Case(**(known | fields))  # type: ignore[arg-type]


def quoted(case_id: str) -> str:
    return case_id.replace("/", "_")


@dataclass(frozen=True, eq=False)
class MemoryCase:
    id: str
    patient: str
    diagnosis: str | None
    shape: tuple[int, int, int]
    lesion_slices: tuple[np.ndarray, ...]
    brain_slices: tuple[np.ndarray, ...]
    image: np.ndarray
    labels: np.ndarray


class MemorySource:
    """A source of ``count`` heads; a slice is brighter by ``chance`` times a number from rng."""

    modalities = MODALITIES
    edition = "brats2015"

    def __init__(self, count: int = 3, chance: float = 0.0, lesions: bool = True) -> None:
        self.chance = chance
        self.cases = [self._case(number, lesions) for number in range(count)]

    def _case(self, number: int, lesions: bool) -> MemoryCase:
        images, labels = head(seed=number)
        image = np.stack([array / 100 for array in images.values()], -1).astype(np.float32)
        labels = labels if lesions else np.zeros_like(labels)
        return MemoryCase(
            f"case{number}",
            f"patient{number}",
            "HGG",
            labels.shape,
            slices_with(labels > 0),
            slices_with(image.any(-1)),
            image,
            labels,
        )

    def slice(
        self, case: int, view: int, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        found = self.cases[case]
        image = found.image.take(index, axis=2 - view)
        image = np.where(image == 0, 0, image + self.chance * rng.standard_normal()).astype(np.float32)
        return image, found.labels.take(index, axis=2 - view)

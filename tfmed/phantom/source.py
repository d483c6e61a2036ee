"""Latent volumes on disk, and slices of them with a new contrast and scanner at every call."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.phantom import contrast as contrasts
from tfmed.phantom import kinds, moments, variation
from tfmed.phantom import scanner as scanners
from tfmed.phantom.channels import CHANNELS, DEPTH
from tfmed.phantom.latent import Latent, label_maker

VIEWS = ("axial", "coronal", "sagittal")
FORMAT = "tfmed-latent-1"
# Scanners' bias fields reach further than those of whole phantoms, which tests are drawn from.
TRAINING_BIAS = 2 * scanners.BIAS


def save(latent: Latent, path: Path, patient: str) -> None:
    """Writes a latent volume as HDF5: its slices of each view in turn, so that any slice is one chunk."""
    import h5py

    marked = latent.labels()
    meta = {
        "format": FORMAT,
        "channels": CHANNELS,
        "kind": latent.kind,
        "edition": next(iter(kinds.get(latent.kind).editions)),
        "patient": patient,
        "diagnosis": latent.diagnosis,
        "box": [[s.start, s.stop] for s in latent.box],
        "provenance": latent.provenance,
        "volumes_ml": latent.volumes_ml(),
    }
    partial = path.with_name(f".{path.name}.part{os.getpid()}")
    with h5py.File(partial, "w") as file:
        file.attrs["meta"] = json.dumps(meta)
        for view, name in enumerate(VIEWS):
            planes = np.ascontiguousarray(np.moveaxis(latent.channels, 3 - view, 0))
            file.create_dataset(name, data=planes, chunks=(1, *planes.shape[1:]), compression="lzf")
            axes = tuple(a for a in range(3) if a != 2 - view)
            file[f"lesion_{name}"] = np.flatnonzero((marked > 0).sum(axes) >= 9)
            file[f"brain_{name}"] = np.flatnonzero((latent.channels[DEPTH] >= 128).sum(axes) >= 200)
    partial.replace(path)


@dataclass(frozen=True)
class LatentCase:
    """One latent volume: what a slice sampler must know of it. ``shape``: (X, Y, Z) of the brain's box.

    ``edition``: what its labels mean, None where it has no lesion.
    """

    id: str
    path: Path
    kind: str
    edition: str | None
    patient: str
    diagnosis: str
    shape: tuple[int, int, int]
    lesion_slices: tuple[np.ndarray, np.ndarray, np.ndarray]
    brain_slices: tuple[np.ndarray, np.ndarray, np.ndarray]
    provenance: dict[str, Any] = field(default_factory=dict)

    def labels(self, channels: np.ndarray) -> np.ndarray:
        """Labels of ``edition`` of channels uint8 [9, ...]; all 0 where there is no lesion."""
        if self.edition is None:
            return np.zeros(channels.shape[1:], np.uint8)
        return label_maker(self.kind, self.edition)(channels, self.provenance)


class LatentSource:
    """Slices of latent volumes, contrast and scanner drawn per call; a source for ``tfmed.pipeline``.

    path: a folder of ``*.h5`` latent volumes (or several folders, or files), in the order of their names.
    modalities: those of the first volume's kind by default. random_share: how many modalities get a free
    contrast instead of a realistic one. plain: the mean contrast and a perfect scanner every time, to compare
    with. TfmedError where nothing is found, a file is something else, or lesions of several kinds lie
    together, whose labels have no common meaning.
    """

    def __init__(
        self,
        *paths: str | Path,
        modalities: tuple[str, ...] | None = None,
        random_share: float = 0.3,
        plain: bool = False,
    ) -> None:
        self.random_share, self.plain = random_share, plain
        self.cases = [_case(file) for path in paths for file in _files(Path(path))]
        editions = sorted({case.edition for case in self.cases if case.edition})
        if len(editions) > 1:
            raise TfmedError(
                f"Latent volumes with labels of different meaning lie together: {', '.join(editions)}."
                " One source draws from one kind of lesion, and from healthy heads."
            )
        self.edition: str | None = editions[0] if editions else None
        self.modalities = modalities or kinds.get(self.cases[0].kind).modalities
        self._open: dict[tuple[int, int], Any] = {}
        self._samples: dict[int, moments.Sample] = {}

    def slice(
        self, case: int, view: int, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Slice ``index`` of a view (0 axial, 1 coronal, 2 sagittal) of the box.

        Returns the image [H,W,M] float32, normalised by the moments of the whole volume under the same
        contrast and 0 outside the brain, and the labels [H,W] uint8 of ``edition``.
        """
        about = self.cases[case]
        axis = 2 - view
        physics = kinds.get(about.kind).signals
        lesion = physics(about.provenance, rng) if physics else None
        if self.plain:
            contrast = contrasts.plain(self.modalities, lesion)
            scanner = scanners.perfect(len(self.modalities))
        else:
            contrast = contrasts.draw(self.modalities, rng, self.random_share, lesion)
            scanner = scanners.draw(len(self.modalities), rng, TRAINING_BIAS)
        planes = self._planes(case, view)
        channels = np.expand_dims(planes[index], axis + 1)
        coordinates = [np.linspace(-1, 1, n, dtype=np.float32) for n in about.shape]
        coordinates[axis] = coordinates[axis][index : index + 1]
        kept = scanners.brain(channels[DEPTH], scanner, coordinates, rng)
        values, amplitude = contrasts.clean(channels, contrast)
        thick = scanner.thickness_mm[:, axis]
        if (thick > 1).any():
            self._blend_neighbours(values, planes, index, axis, thick, contrast)
        if not self.plain:
            drawn = variation.draw(len(self.modalities), rng, about.kind == "glioma")
            variation.apply(values, channels, contrast, drawn, rng)
        images = scanners.scan(values, amplitude, contrast, scanner, coordinates, rng)
        center, scale = moments.of(self._sample(case), contrast, scanner, rng)
        shape = (len(images), 1, 1, 1)
        images = np.where(kept, (images - center.reshape(shape)) / scale.reshape(shape), 0)
        marked = np.where(kept, about.labels(channels), 0).astype(np.uint8)
        image = np.moveaxis(images.squeeze(axis + 1), 0, -1)
        return np.ascontiguousarray(image, dtype=np.float32), marked.squeeze(axis)

    def _sample(self, case: int) -> moments.Sample:
        if case not in self._samples:
            about = self.cases[case]
            seed = int(about.provenance["seed"])
            self._samples[case] = moments.draw(self._planes(case, 0), about.brain_slices[0], seed)
        return self._samples[case]

    def _planes(self, case: int, view: int) -> Any:
        """The HDF5 dataset of a view; every process opens files for itself: handles don't survive a fork."""
        import h5py

        key = (os.getpid(), case)
        if key not in self._open:
            self._open[key] = h5py.File(self.cases[case].path, "r")
        return self._open[key][VIEWS[view]]

    def _blend_neighbours(
        self, values: np.ndarray, planes: Any, index: int, axis: int, thick: np.ndarray,
        contrast: contrasts.Contrast,
    ) -> None:  # fmt: skip
        """Averages thick modalities over the slice and one neighbour a third of the thickness away."""
        step = max(1, round(float(thick.max()) / 3))
        sides = [i for i in (index - step, index + step) if 0 <= i < len(planes)]
        others = [contrasts.clean(np.expand_dims(planes[i], axis + 1), contrast)[0] for i in sides]
        for m in np.flatnonzero(thick > 1):
            values[m] = (values[m] + sum(other[m] for other in others)) / (1 + len(others))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}, "_samples": {}}


def _files(path: Path) -> list[Path]:
    files = sorted(path.glob("*.h5")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise TfmedError(
            f"{path} holds no latent volumes (*.h5); make some with: tfmed phantom {path} --latent -n 4"
        )
    return files


def _case(path: Path) -> LatentCase:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            meta = json.loads(file.attrs["meta"])
            slices = {
                kind: tuple(file[f"{kind}_{view}"][:].astype(int) for view in VIEWS)
                for kind in ("lesion", "brain")
            }
            shape = tuple(b - a for a, b in meta["box"])
    except (OSError, KeyError, ValueError) as error:
        raise TfmedError(f"{path} is no latent volume of format {FORMAT}: {error}") from None
    kind = meta["provenance"]["kind"]
    edition = meta["edition"] if kinds.get(kind).parts else None
    return LatentCase(
        path.stem, path, kind, edition, meta["patient"], meta["diagnosis"], shape, slices["lesion"],
        slices["brain"], meta["provenance"],
    )  # fmt: skip

"""The prepared store: one HDF5 file a case, laid out so that a slice of any view is one run of bytes.

A file holds, for each view of ``VIEWS``, ``image/VIEW`` [K, H, W, M] float16 (normalised, canonical, 1 mm,
cropped to the brain) and, where the case has labels, ``labels/VIEW`` [K, H, W] uint8; its attribute ``tfmed``
is a JSON object with everything else. The three copies cost disk, but a slice is then a single read of some
hundred kB, also from a cold disk, where a block layout reads several times as much in hundreds of pieces.
Datasets are contiguous and uncompressed: h5py is asked once where they lie, and slices are read past it,
without its lock.
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h5py
import numpy as np

from tfmed.errors import TfmedError
from tfmed.pipeline.source import SLICE_AXES, VIEWS

FORMAT = 2
# What stays of a float16 moved to the place of a float32's sign, exponent and fraction, and what makes up for
# the different biases of their exponents, 127 - 15 (IEEE 754).
KEPT_BITS = np.array(0x8FFFE000, np.uint32).view(np.int32)
REBIAS = np.float32(2.0**112)


@dataclass(frozen=True)
class Stack:
    """The slices of one view: an array ``shape`` = (K, H, W[, M]) of ``dtype`` at ``offset`` in a file.

    ``written`` tells one version of the file from the next.
    """

    path: Path
    written: tuple[int, int]
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype

    def read(self, index: int) -> np.ndarray:
        """Slice ``index``, counted from 0: [H, W] or [H, W, M]. TfmedError if the case was prepared anew."""
        count = math.prod(self.shape[1:])
        start = self.offset + index * count * self.dtype.itemsize
        try:
            with open(self.path, "rb", buffering=0) as file:
                if _written(os.fstat(file.fileno())) == self.written:
                    return np.fromfile(file, self.dtype, count, offset=start).reshape(self.shape[1:])
        except FileNotFoundError:
            raise TfmedError(f"{self.path} was removed while it was in use") from None
        raise TfmedError(f"{self.path} was prepared anew while it was in use; open the store again")


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """One case of a store; ``center`` and ``scale`` [M] undo z-scores, ``affine`` goes to world mm (RAS+).

    ``present`` tells by modality of the store whether the case has it. ``image`` and ``labels`` are by view.
    ``label_slices`` are the slices by view that hold a label value.
    """

    id: str
    patient: str
    timepoint: str | None
    diagnosis: str | None
    dataset: str
    edition: str | None
    modalities: tuple[str, ...]
    present: tuple[bool, ...]
    shape: tuple[int, int, int]
    affine: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    lesion_slices: tuple[np.ndarray, ...]
    brain_slices: tuple[np.ndarray, ...]
    label_slices: dict[int, tuple[np.ndarray, ...]]
    image: tuple[Stack, ...]
    labels: tuple[Stack, ...] | None

    @property
    def labelled(self) -> bool:
        return self.labels is not None


def case_path(store: Path, case_id: str) -> Path:
    """The file of a case; its name is the case's id with everything unsafe in file names escaped."""
    return store / f"{quote(case_id, safe=' ')}.h5"


def write_case(path: Path, image: np.ndarray, labels: np.ndarray | None, facts: dict[str, Any]) -> None:
    """Write image [x, y, z, M] float16, labels [x, y, z] uint8 and facts beside ``path``, then rename."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(beside, "w") as file:
            for view, axis in zip(VIEWS, SLICE_AXES, strict=True):
                file[f"image/{view}"] = _stacked(image, axis)
                if labels is not None:
                    file[f"labels/{view}"] = np.moveaxis(labels, axis, 0)
            file.attrs["tfmed"] = json.dumps({"format": FORMAT, **facts})
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _stacked(image: np.ndarray, axis: int) -> np.ndarray:
    """The image [x, y, z, M] with ``axis`` first, copied pixel by pixel, not value by value: that is slow."""
    pixels = image.view(np.dtype((np.void, image.itemsize * image.shape[3])))[..., 0]
    stacked = np.ascontiguousarray(np.moveaxis(pixels, axis, 0))
    return stacked.view(image.dtype).reshape(*stacked.shape, image.shape[3])


def read_facts(path: Path) -> dict[str, Any]:
    """The JSON facts of a case's file; TfmedError where it is no file of a store, or of another format."""
    with _opened(path) as file:
        return _facts(path, file)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path) as file:
            yield file
    except (OSError, KeyError, ValueError) as error:
        raise TfmedError(f"{path} is not a readable case of a store ({error}); prepare it again") from None


def _facts(path: Path, file: h5py.File) -> dict[str, Any]:
    facts = json.loads(file.attrs["tfmed"])
    if facts.get("format") != FORMAT:
        raise TfmedError(
            f"{path} has store format {facts.get('format')}, this version reads {FORMAT}; prepare it again"
        )
    return facts


def _stacks(path: Path, file: h5py.File, name: str) -> tuple[Stack, ...]:
    found = [file[name][view] for view in VIEWS]
    written = _written(os.fstat(file.id.get_vfd_handle()))
    return tuple(Stack(path, written, data.id.get_offset(), data.shape, data.dtype) for data in found)


def _written(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_ino, stat.st_mtime_ns


def _indices(by_view: list[list[int]]) -> tuple[np.ndarray, ...]:
    return tuple(np.array(indices, np.int64) for indices in by_view)


def _read_case(path: Path) -> PreparedCase:
    with _opened(path) as file:
        facts = _facts(path, file)
        image = _stacks(path, file, "image")
        labels = _stacks(path, file, "labels") if "labels" in file else None
    depth, width, height, _ = image[0].shape
    return PreparedCase(
        **{name: facts[name] for name in ("id", "patient", "timepoint", "diagnosis", "dataset", "edition")},
        modalities=tuple(facts["modalities"]),
        present=tuple(facts["present"]),
        shape=(width, height, depth),
        affine=np.array(facts["affine"]),
        center=np.array(facts["center"]),
        scale=np.array(facts["scale"]),
        lesion_slices=_indices(facts["lesion_slices"]),
        brain_slices=_indices(facts["brain_slices"]),
        label_slices={int(value): _indices(by_view) for value, by_view in facts["label_slices"].items()},
        image=image,
        labels=labels,
    )


def _widened(half: np.ndarray) -> np.ndarray:
    """Finite float16 as float32, a quarter of the time of NumPy's own conversion, value by value."""
    bits = half.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= KEPT_BITS
    single = bits.view(np.float32)
    single *= REBIAS
    return single


class Store:
    """A prepared store on disk, as a ``Source``; cases are sorted by id. Raises TfmedError on a bad store."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        files = sorted(self.path.glob("*.h5"))
        if not files:
            raise TfmedError(
                f"{self.path} holds no prepared case; make them with: tfmed data prepare ROOT {self.path}"
            )
        self.cases = sorted((_read_case(file) for file in files), key=lambda case: case.id)
        self.modalities: tuple[str, ...] = self._one("modalities", {case.modalities for case in self.cases})
        editions = {case.edition for case in self.cases if case.labelled}
        self.edition: str | None = self._one("label editions", editions or {None})

    def _one(self, what: str, found: set[Any]) -> Any:
        if len(found) > 1:
            raise TfmedError(
                f"{self.path} mixes {what}: {sorted(map(str, found))}; prepare one store for each"
            )
        return found.pop()

    def slice(
        self, case: int, view: int, index: int, rng: np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Image [H, W, M] float32 and labels [H, W] uint8 (0 where the case has none); see ``Source``."""
        found = self.cases[case]
        image = _widened(found.image[view].read(index))
        if found.labels is None:
            return image, np.zeros(image.shape[:2], np.uint8)
        return image, found.labels[view].read(index)

"""What a pipeline reads from: normalised slices of many cases, stored on disk or drawn on the fly."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

VIEWS = ("axial", "coronal", "sagittal")
SLICE_AXES = (2, 1, 0)


class SourceCase(Protocol):
    """One case of a source. Indices and shape refer to its canonical (RAS+) 1 mm array, cropped to the brain.

    ``lesion_slices`` and ``brain_slices`` hold, per view of ``VIEWS``, the sorted indices of slices with
    lesion and of slices with brain worth showing.
    """

    @property
    def id(self) -> str: ...
    @property
    def patient(self) -> str: ...
    @property
    def diagnosis(self) -> str | None: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def lesion_slices(self) -> Sequence[np.ndarray]: ...
    @property
    def brain_slices(self) -> Sequence[np.ndarray]: ...


class Source(Protocol):
    """Cases of which single slices can be had cheaply; see ``tfmed.pipeline.Store`` for the one on disk."""

    @property
    def modalities(self) -> tuple[str, ...]: ...
    @property
    def edition(self) -> str | None: ...
    @property
    def cases(self) -> Sequence[SourceCase]: ...

    def slice(
        self, case: int, view: int, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return image [H, W, M] float32 and labels [H, W] uint8 of one slice: a function of its arguments.

        ``view`` counts in ``VIEWS``: axial [x, y], coronal [x, z], sagittal [y, z]. The image is normalised,
        exactly 0 outside the brain and in the whole of a modality that the case lacks; labels are in
        ``edition``'s values. Sources that draw contrast on the fly take all chance from ``rng``; others leave
        it alone.
        """
        ...


def slices_with(mask: np.ndarray, at_least: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per view, the indices of slices of mask [x, y, z] that hold anything (int64, sorted).

    ``at_least`` leaves out slices with less than this fraction of the fullest slice of the same view.
    """

    def indices(axis: int) -> np.ndarray:
        areas = np.count_nonzero(mask, axis=tuple({0, 1, 2} - {axis}))
        return np.flatnonzero(areas > at_least * areas.max(initial=0))

    axial, coronal, sagittal = (indices(axis) for axis in SLICE_AXES)
    return axial, coronal, sagittal

"""Volumes, label maps and studies: the modalities of one person on one grid, by name."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from tfmed import geometry
from tfmed.errors import TfmedError
from tfmed.geometry import Shape


def describe_grid(shape: tuple[int, ...], affine: np.ndarray) -> str:
    """A grid in words, for errors: "240x240x155 voxels of 1x1x1 mm, LPS, origin (0, 239, 0) mm"."""
    sizes = "x".join(map(str, shape))
    spacing = "x".join(f"{step:.4g}" for step in geometry.spacing_mm(affine))
    origin = ", ".join(f"{value:.5g}" for value in np.asarray(affine)[:3, 3] + 0.0)
    return f"{sizes} voxels of {spacing} mm, {geometry.axis_codes(affine)}, origin ({origin}) mm"


@dataclass(frozen=True, eq=False)
class Volume:
    """An array [x, y, z] in its file's order, and its affine, 4x4 float64, from index to world mm in RAS+."""

    array: np.ndarray
    affine: np.ndarray

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            raise TfmedError(f"a volume has three axes. Received: an array of shape {self.array.shape}")
        try:
            affine = geometry.check_affine(self.affine)
        except ValueError as error:
            raise TfmedError(f"a volume's affine is unusable: {error}") from None
        object.__setattr__(self, "affine", affine)

    @property
    def shape(self) -> Shape:
        return self.array.shape

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        return geometry.spacing_mm(self.affine)

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    def with_array(self, array: np.ndarray, affine: np.ndarray | None = None) -> Self:
        """The same kind of volume with other voxels, and another affine where one is given."""
        return replace(self, array=array, affine=self.affine if affine is None else affine)

    def canonical(self) -> Self:
        """The closest RAS+ orientation: axes permuted and flipped, nothing interpolated, the array a view."""
        return self.with_array(*geometry.canonical(self.array, self.affine))

    def same_grid(self, other: "Volume") -> bool:
        """Whether both lie on one grid, within a thousandth of a voxel."""
        return geometry.same_grid(self.shape, self.affine, other.shape, other.affine)

    def resampled(self, shape: Shape, affine: np.ndarray, fill: float = 0.0, nearest: bool = False) -> Self:
        """This volume on another grid, ``fill`` outside of it: linear (float32), or nearest with dtype kept.

        Label maps are always taken from the nearest voxel.
        """
        kind: geometry.Interpolation = "nearest" if nearest or isinstance(self, LabelMap) else "linear"
        array = geometry.resample(self.array, self.affine, shape, affine, kind, fill)
        return self.with_array(array, affine)

    def isotropic(self, spacing: float = 1.0, nearest: bool = False) -> Self:
        """This volume on the grid of ``spacing`` mm over the same box; itself where it is on such a one."""
        shape, affine = geometry.isotropic_grid(self.shape, self.affine, spacing)
        return self if affine is self.affine else self.resampled(shape, affine, nearest=nearest)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({describe_grid(self.shape, self.affine)}, {self.dtype})"


@dataclass(frozen=True, eq=False, repr=False)
class LabelMap(Volume):
    """A volume of integers whose meaning is that of ``edition`` ("brats2015", "brats2018", ...)."""

    edition: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.array.dtype.kind not in "iub":
            raise TfmedError(f"a label map holds integers. Received: {self.array.dtype}")


@dataclass(frozen=True, eq=False)
class Study:
    """The modalities of one person at one time, all on one grid.

    ``images`` by canonical modality name (lower case: "flair", "t1", "t1c", "t2", ...), ``labels`` and the
    brain ``mask`` (non-zero inside) on the same grid. TfmedError where grids differ by more than a thousandth
    of a voxel; ``tfmed.gathering.gather`` is what brings volumes of several grids together.
    """

    case_id: str
    images: dict[str, Volume]
    labels: LabelMap | None = None
    mask: Volume | None = None
    patient: str | None = None
    timepoint: str | None = None
    diagnosis: str | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.images:
            raise TfmedError(f"study {self.case_id} has no image; at least one modality is needed")
        reference = self.reference
        for name, volume in self.volumes().items():
            if not reference.same_grid(volume):
                raise TfmedError(
                    f"study {self.case_id}: {_two_grids(self.modalities[0], reference, name, volume)}"
                )

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self.images)

    @property
    def reference(self) -> Volume:
        """The first image, whose grid is the study's."""
        return next(iter(self.images.values()))

    @property
    def affine(self) -> np.ndarray:
        return self.reference.affine

    @property
    def shape(self) -> Shape:
        return self.reference.shape

    def canonical(self, spacing: float | None = None) -> "Study":
        """All volumes in the closest RAS+ orientation and, where ``spacing`` (mm) is given, isotropic."""

        def turned(volume: Volume, nearest: bool = False) -> Any:
            volume = volume.canonical()
            return volume if spacing is None else volume.isotropic(spacing, nearest)

        return replace(
            self,
            images={name: turned(volume) for name, volume in self.images.items()},
            labels=self.labels and turned(self.labels),
            mask=self.mask and turned(self.mask, nearest=True),
        )

    def volumes(self) -> dict[str, Volume]:
        """Images by modality, then "labels" and "mask" where there are any."""
        extra = {"labels": self.labels, "mask": self.mask}
        return self.images | {name: volume for name, volume in extra.items() if volume is not None}


def _two_grids(name: str, volume: Volume, other_name: str, other: Volume) -> str:
    return (
        f"{name} and {other_name} are on two grids: {describe_grid(volume.shape, volume.affine)} and "
        f"{describe_grid(other.shape, other.affine)}"
    )

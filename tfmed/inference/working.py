"""From a study's own grid to the raw 1 mm volume that the study function takes, and back."""

import warnings
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from tfmed import geometry, intensity
from tfmed.errors import TfmedError
from tfmed.inference.boxes import HEAD_MARGIN, mask_box
from tfmed.modality_guard import BRAIN_ML, contradictions
from tfmed.study import LabelMap, Study, Volume

# A grid whose spacing is this close to 1 mm is taken as it is: resampling would cost more than it gives.
SPACING_TOLERANCE = 0.02
# Newborns' brains hold 350 ml; with less it is a part of a head, or no head.
LEAST_ML = 300.0
# Voxels of background around a study's box, so that there is some even where the box cuts through the head.
RIM = 1


@dataclass(frozen=True)
class WorkingVolume:
    """A study as the study function takes it: the head and a margin around it.

    volume: float32 [X, Y, Z, M], raw intensities in canonical orientation at 1 mm; outside the head one
        constant a modality that occurs nowhere inside.
    present: float32 [M]. modalities: names of those that are present.
    affine: of the volume, index to world mm.
    grid, corner: the study's whole box at 1 mm, and the volume's first voxel in it; the margin may lie
        beyond the box.
    shape, own_affine: the study's own grid.
    warnings: what makes the study doubtful, a sentence each.
    """

    volume: np.ndarray
    present: np.ndarray
    modalities: tuple[str, ...]
    affine: np.ndarray
    grid: geometry.Shape
    corner: tuple[int, int, int]
    shape: geometry.Shape
    own_affine: np.ndarray
    warnings: tuple[str, ...] = ()

    def restore(self, array: np.ndarray) -> np.ndarray:
        """Labels [X, Y, Z] of the volume on the study's own grid; nearest where spacings differ."""
        low = np.array(self.corner)
        begin, end = np.maximum(low, 0), np.minimum(low + array.shape, self.grid)
        whole = np.zeros(self.grid, array.dtype)
        whole[_box(begin, end)] = array[_box(begin - low, end - low)]
        relative = np.linalg.inv(self.own_affine) @ self.affine
        turned, affine = geometry.reorient(whole, _moved(self.affine, -low), *geometry.orientation(relative))
        if geometry.same_grid(turned.shape, affine, self.shape, self.own_affine):
            return np.ascontiguousarray(turned)
        return geometry.resample(turned, affine, self.shape, self.own_affine, "nearest")

    def take(self, labels: LabelMap) -> np.ndarray:
        """Labels of a study's own grid on the volume [X, Y, Z]; nearest, and 0 outside that grid."""
        return geometry.resample(labels.array, labels.affine, self.volume.shape[:3], self.affine, "nearest")


def working_volume(
    study: Study, modalities: tuple[str, ...], use: Collection[str] | None = None
) -> WorkingVolume:
    """Reorients, resamples to 1 mm where spacing is off by more than 2 %, masks, crops to the head, stacks.

    Args:
        study: with any subset of the modalities, at least one.
        modalities: of the model, in its order; those that the study lacks become 0 with `present` 0.
        use: those that may be read; all by default.

    Warns of heads that aren't skull-stripped and of images that contradict their modalities' names.

    Raises:
        TfmedError: the study has none of the modalities, or one of them holds nothing but background.
    """
    used = tuple(name for name in modalities if name in study.images and (use is None or name in use))
    if not used:
        raise TfmedError(
            f"Study {study.case_id} has none of the modalities that the model reads. "
            f"Received: {', '.join(study.modalities)}. Known: {', '.join(modalities)}."
        )
    doubts: list[str] = []
    channels = {name: _channel(study, name, doubts) for name in used}
    doubts += contradictions(replace(study, images={name: study.images[name] for name in used}))
    for doubt in doubts:
        warnings.warn(doubt, stacklevel=2)
    first = next(iter(channels.values()))
    low = np.min([channel.low for channel in channels.values()], axis=0)
    high = np.max([channel.low + channel.head.shape for channel in channels.values()], axis=0)
    corner = np.maximum(low - HEAD_MARGIN, -RIM)
    end = np.minimum(high + HEAD_MARGIN, np.array(first.grid) + RIM)
    return WorkingVolume(
        volume=_stacked([channels.get(name) for name in modalities], corner, end),
        present=np.array([name in channels for name in modalities], np.float32),
        modalities=used,
        affine=_moved(first.affine, corner),
        grid=first.grid,
        corner=tuple(corner.tolist()),
        shape=study.shape,
        own_affine=study.affine,
        warnings=tuple(doubts),
    )


@dataclass(frozen=True)
class _Channel:
    """One modality at 1 mm, cut to its head.

    head: float32 [x, y, z], `outside` where it has holes; below all values inside.
    low: its first voxel [3] on `grid`, which is all of the study's box; affine: of the grid.
    """

    head: np.ndarray
    outside: np.float32
    low: np.ndarray
    grid: geometry.Shape
    affine: np.ndarray


def _stacked(channels: list[_Channel | None], corner: np.ndarray, end: np.ndarray) -> np.ndarray:
    """float32 [X, Y, Z, M] from voxel `corner` [3] of the channels' grid to `end`; 0 where there is none."""
    stacked = np.zeros((*(end - corner), len(channels)), np.float32)
    for number, channel in enumerate(channels):
        if channel is not None:
            begin = channel.low - corner
            stacked[..., number] = channel.outside
            stacked[..., number][_box(begin, begin + channel.head.shape)] = channel.head
    return stacked


def _channel(study: Study, name: str, doubts: list[str]) -> _Channel:
    image = study.images[name].canonical()
    mask = study.mask.canonical().array if study.mask is not None else None
    inside = intensity.foreground(image.array, mask)
    values = image.array.astype(np.float32)
    affine = image.affine
    if not _is_working_grid(image):
        values, inside, affine = _resampled(values, inside, affine)
    doubts += _check_foreground(study, name, inside, affine)
    box = mask_box(inside)
    grid, values, inside = inside.shape, values[box], inside[box]
    lowest = np.float32(values[inside].min())
    outside = lowest - abs(lowest) - np.float32(1)
    low = np.array([side.start for side in box])
    return _Channel(np.where(inside, values, outside), outside, low, grid, affine)


def _is_working_grid(image: Volume) -> bool:
    return all(abs(step - 1) <= SPACING_TOLERANCE for step in image.spacing_mm)


def _resampled(
    values: np.ndarray, inside: np.ndarray, affine: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values and foreground at 1 mm, and the affine.

    Values are means of foreground voxels alone, so that no background is mixed in at the rim; a voxel that is
    half foreground is foreground.
    """
    shape, target = geometry.isotropic_grid(values.shape, affine)
    share = geometry.resample(inside.astype(np.float32), affine, shape, target)
    sums = geometry.resample(np.where(inside, values, np.float32(0)), affine, shape, target)
    kept = share >= 0.5
    return np.divide(sums, share, out=sums, where=kept), kept, target


def _check_foreground(study: Study, name: str, inside: np.ndarray, affine: np.ndarray) -> list[str]:
    """A sentence where the foreground is larger or smaller than a brain; TfmedError where there is none."""
    if not inside.any():
        one_value = f"one value only ({study.images[name].array.flat[0]})"
        found = one_value if study.mask is None else "no voxel inside the mask"
        raise TfmedError(f"Study {study.case_id}: {name} holds {found}; an image of a head is needed.")
    volume_ml = inside.sum() * geometry.voxel_volume_mm3(affine) / 1000
    if volume_ml < LEAST_ML:
        return [
            f"Study {study.case_id}: the foreground of {name} holds {volume_ml:.0f} ml, less than a brain; "
            "the model expects the whole of one."
        ]
    if study.mask is not None or volume_ml <= BRAIN_ML:
        return []
    return [
        f"Study {study.case_id}: the foreground of {name} holds {volume_ml:.0f} ml, more than a brain; "
        "the model expects skull-stripped images, or a brain mask beside them."
    ]


def _moved(affine: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """The affine of a grid that begins so many voxels [3] later along every axis."""
    result = affine.copy()
    result[:3, 3] += affine[:3, :3] @ voxels
    return result


def _box(begin: np.ndarray, end: np.ndarray) -> tuple[slice, ...]:
    return tuple(slice(low, high) for low, high in zip(begin.tolist(), end.tolist(), strict=True))

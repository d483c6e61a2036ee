"""From a study's own grid to the raw 1 mm volume that the study function takes, and back."""

import warnings
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from tfmed import geometry, intensity
from tfmed.errors import TfmedError
from tfmed.modality_guard import BRAIN_ML, contradictions
from tfmed.study import Study, Volume

# A grid whose spacing is this close to 1 mm is taken as it is: resampling would cost more than it gives.
SPACING_TOLERANCE = 0.02


@dataclass(frozen=True)
class WorkingVolume:
    """A study as the study function takes it.

    volume: float32 [X, Y, Z, M], raw intensities in canonical orientation at 1 mm, one voxel of background
        around; outside the head one constant a modality that occurs nowhere inside.
    present: float32 [M]. modalities: names of those that are present.
    affine: of the working grid, index to world mm.
    shape, own_affine: the study's own grid.
    warnings: what makes the study doubtful, a sentence each.
    """

    volume: np.ndarray
    present: np.ndarray
    modalities: tuple[str, ...]
    affine: np.ndarray
    shape: geometry.Shape
    own_affine: np.ndarray
    warnings: tuple[str, ...] = ()

    def restore(self, array: np.ndarray) -> np.ndarray:
        """Labels [X, Y, Z] of the working grid on the study's own grid; nearest where spacings differ."""
        relative = np.linalg.inv(self.own_affine) @ self.affine
        turned, affine = geometry.reorient(
            array[1:-1, 1:-1, 1:-1], _moved(self.affine, 1), *geometry.orientation(relative)
        )
        if geometry.same_grid(turned.shape, affine, self.shape, self.own_affine):
            return np.ascontiguousarray(turned)
        return geometry.resample(turned, affine, self.shape, self.own_affine, "nearest")


def working_volume(
    study: Study, modalities: tuple[str, ...], use: Collection[str] | None = None
) -> WorkingVolume:
    """Reorients, resamples to 1 mm where spacing is off by more than 2 %, masks, and stacks.

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
    empty = np.zeros(first.shape, np.float32)
    stacked = np.stack([channels[name].array if name in channels else empty for name in modalities], -1)
    present = np.array([name in channels for name in modalities], np.float32)
    return WorkingVolume(stacked, present, used, first.affine, study.shape, study.affine, tuple(doubts))


def _channel(study: Study, name: str, doubts: list[str]) -> Volume:
    """One modality on the working grid, padded, its outside set to a value below all others."""
    image = study.images[name].canonical()
    mask = study.mask.canonical().array if study.mask is not None else None
    inside = intensity.foreground(image.array, mask)
    values = image.array.astype(np.float32)
    affine = image.affine
    if not _is_working_grid(image):
        values, inside, affine = _resampled(values, inside, affine)
    doubts += _check_foreground(study, name, inside, affine)
    lowest = np.float32(values[inside].min())
    outside = lowest - abs(lowest) - np.float32(1)
    padded = np.pad(np.where(inside, values, outside), 1, constant_values=outside)
    return Volume(padded, _moved(affine, -1))


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
    """A sentence where the foreground is larger than a brain; TfmedError where there is none."""
    if not inside.any():
        one_value = f"one value only ({study.images[name].array.flat[0]})"
        found = one_value if study.mask is None else "no voxel inside the mask"
        raise TfmedError(f"Study {study.case_id}: {name} holds {found}; an image of a head is needed.")
    volume_ml = inside.sum() * geometry.voxel_volume_mm3(affine) / 1000
    if study.mask is not None or volume_ml <= BRAIN_ML:
        return []
    return [
        f"Study {study.case_id}: the foreground of {name} holds {volume_ml:.0f} ml, more than a brain; "
        "the model expects skull-stripped images, or a brain mask beside them."
    ]


def _moved(affine: np.ndarray, voxels: int) -> np.ndarray:
    """The affine of a grid that begins so many voxels later along every axis."""
    result = affine.copy()
    result[:3, 3] += voxels * affine[:3, :3].sum(1)
    return result

"""Bring volumes of one person together on one grid, and say what was done to get there."""

from typing import Any

import numpy as np

from tfmed import geometry
from tfmed.errors import TfmedError
from tfmed.intensity import background
from tfmed.study import LabelMap, Study, Volume, describe_grid


def gather(
    case_id: str,
    images: dict[str, Volume],
    *,
    labels: LabelMap | None = None,
    mask: Volume | None = None,
    reference: str | None = None,
    resample: bool = False,
    one_grid: bool = False,
    patient: str | None = None,
    timepoint: str | None = None,
    diagnosis: str | None = None,
    provenance: dict[str, Any] | None = None,
) -> Study:
    """A study of volumes whose grids may differ.

    ``reference`` names the modality whose grid the study gets (the first by default). A volume on the same
    grid up to axis order and flips is turned to it exactly. Any other grid is an error that states both,
    unless

    - ``one_grid`` (the dataset promises one voxel grid a case) and shape, spacing and orientation agree: then
      the
      reference's origin is taken,
    - ``resample``, and the two overlap: then it is interpolated at the reference's voxels (linear; labels and
      mask nearest).

    ``provenance["grid"]`` says for each volume that was touched what was done.
    """
    name = reference or next(iter(images), None)
    if name is None or name not in images:
        raise TfmedError(f"study {case_id} has no image {name!r}. Received: {tuple(images)}")
    target = images[name]
    done: dict[str, str] = {}

    def fit(other_name: str, volume: Volume) -> Volume:
        fitted, how = _onto(volume, target, one_grid, resample, nearest=other_name in ("labels", "mask"))
        if fitted is None:
            raise TfmedError(
                f"study {case_id}: {name} and {other_name} are on two grids: "
                f"{describe_grid(target.shape, target.affine)} and "
                f"{describe_grid(volume.shape, volume.affine)}; "
                "resampling one onto the other must be allowed (--resample, resample=True), and helps only "
                "where they overlap"
            )
        if how:
            done[other_name] = how
        return fitted

    on_grid = {other: target if other == name else fit(other, volume) for other, volume in images.items()}
    return Study(
        case_id,
        on_grid,
        labels=None if labels is None else fit("labels", labels),  # type: ignore[arg-type]
        mask=None if mask is None else fit("mask", mask),
        patient=patient,
        timepoint=timepoint,
        diagnosis=diagnosis,
        provenance=(provenance or {}) | ({"grid": done} if done else {}),
    )


def _onto(
    volume: Volume, target: Volume, one_grid: bool, resample: bool, nearest: bool
) -> tuple[Volume | None, str | None]:
    """The volume on the target's grid and what was done for it; (None, None) where nothing allowed helps."""
    if target.same_grid(volume):
        return volume, None
    turned = _turned(volume, target)
    if target.same_grid(turned):
        return turned, f"turned from {geometry.axis_codes(volume.affine)}"
    if one_grid and _origin_apart(volume, target):
        return volume.with_array(volume.array, target.affine), (
            f"origin {np.round(volume.affine[:3, 3], 4).tolist()} taken as the reference's"
        )
    if not resample or not geometry.overlap(volume.shape, volume.affine, target.shape, target.affine):
        return None, None
    kind = "nearest" if nearest else "linear"
    fill = 0.0 if nearest else background(volume.array)
    how = f"resampled ({kind}) from {describe_grid(volume.shape, volume.affine)}"
    return volume.resampled(target.shape, target.affine, fill, nearest), how


def _turned(volume: Volume, target: Volume) -> Volume:
    """Axes permuted and flipped to lie closest to the target's."""
    relative = np.linalg.inv(target.affine) @ volume.affine
    return volume.with_array(*geometry.reorient(volume.array, volume.affine, *geometry.orientation(relative)))


def _origin_apart(volume: Volume, target: Volume) -> bool:
    """Whether the two grids differ in nothing but where they begin."""
    moved = volume.affine.copy()
    moved[:3, 3] = target.affine[:3, 3]
    return geometry.same_grid(target.shape, target.affine, volume.shape, moved)

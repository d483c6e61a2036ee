"""The rule to beat: gliomas by thresholds alone. A model that does not do better is not worth shipping."""

import numpy as np

from tfmed import geometry, intensity
from tfmed.errors import TfmedError
from tfmed.study import Study

NAME = "rule"
EDITION = "brats2015"
SMOOTHING_MM = 1.5
BRIGHT = 1.0
LARGE_ML = 2.0
CLOSING_MM = 3.0
NECROSIS, OEDEMA, ENHANCING = 1, 2, 4


def rule(study: Study) -> np.ndarray:
    """Labels uint8 [X, Y, Z] of `EDITION` on the study's grid.

    Whole tumour: FLAIR smoothed by a Gaussian of 1.5 mm, z > 1, components of at least 2 ml. Enhancing: T1c
    z > 1 inside it. Core: the enhancing part closed by 3 mm with its holes filled, inside the whole. Without
    T1c all is oedema.

    Raises:
        TfmedError: the study has no FLAIR.
    """
    from scipy import ndimage

    if "flair" not in study.images:
        raise TfmedError(f"The rule needs FLAIR; study {study.case_id} has {', '.join(study.modalities)}.")
    spacing = np.array(study.reference.spacing_mm)
    flair = ndimage.gaussian_filter(_z(study, "flair"), SMOOTHING_MM / spacing)
    whole = _large_components(flair > BRIGHT, geometry.voxel_volume_mm3(study.affine) / 1000)
    labels = np.where(whole, OEDEMA, 0).astype(np.uint8)
    if "t1c" in study.images:
        enhancing = whole & (_z(study, "t1c") > BRIGHT)
        core = whole & _closed(enhancing, spacing)
        labels[core] = NECROSIS
        labels[enhancing] = ENHANCING
    return labels


def _z(study: Study, name: str) -> np.ndarray:
    array = study.images[name].array
    inside = intensity.foreground(array, None if study.mask is None else study.mask.array)
    return intensity.normalise(array, *intensity.moments(array, inside), inside)


def _large_components(mask: np.ndarray, voxel_ml: float) -> np.ndarray:
    from scipy import ndimage

    labels, _ = ndimage.label(mask)
    large = np.bincount(labels.ravel()) * voxel_ml >= LARGE_ML
    large[0] = False
    return large[labels]


def _closed(mask: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """Closing by a ball of 3 mm, by distances, then holes filled."""
    from scipy import ndimage

    if not mask.any():
        return mask
    grown = ndimage.distance_transform_edt(~mask, sampling=spacing_mm) <= CLOSING_MM
    closed = ndimage.distance_transform_edt(grown, sampling=spacing_mm) > CLOSING_MM
    return ndimage.binary_fill_holes(closed | mask)

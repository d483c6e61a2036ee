"""NIfTI-1 and NIfTI-2: ``.nii``, ``.nii.gz``, and pairs of ``.hdr`` and ``.img``; parsed by nibabel."""

from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.io import nibabel_files
from tfmed.io.formats import Format, Header

MAGIC = {b"n+1\0", b"ni1\0", b"n+2\0", b"ni2\0"}


def header(path: Path) -> Header:
    return nibabel_files.header(_open(path))


def read(path: Path, index: int | None) -> np.ndarray:
    return nibabel_files.voxels(_open(path), index)


def write(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """NIfTI-1, or NIfTI-2 where an axis is longer than 32767; qform and sform both say "scanner"."""
    import nibabel

    pair = path.name.lower().endswith((".hdr", ".img"))
    long = max(array.shape) > 32767
    kinds = {
        (False, False): nibabel.Nifti1Image,
        (False, True): nibabel.Nifti2Image,
        (True, False): nibabel.Nifti1Pair,
        (True, True): nibabel.Nifti2Pair,
    }
    image = kinds[pair, long](array, affine, dtype=array.dtype)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, 1)
    try:
        image.set_qform(affine, 1, strip_shears=False)
    except nibabel.spatialimages.HeaderDataError:
        image.set_qform(None, 0)  # a sheared grid: the sform alone can hold it
    nibabel.save(image, path)


def owns(path: Path) -> bool:
    """Whether the first 348 bytes hold NIfTI's magic (at 344 in version 1, at 4 in version 2)."""
    start = nibabel_files.first_bytes(nibabel_files.header_file(path), 348)
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return True
    return start[344:348] in MAGIC or start[4:8] in MAGIC


def _open(path: Path) -> Any:
    import nibabel

    start = nibabel_files.first_bytes(nibabel_files.header_file(path), 348)
    if start[344:348] not in MAGIC and start[4:8] not in MAGIC:
        raise TfmedError(f"{path} isn't a NIfTI file: its first bytes lack the magic n+1 or n+2")
    second = start[4:8] in MAGIC
    pair = start[5:6] == b"i" if second else start[345:346] == b"i"
    kinds = {
        (False, False): nibabel.Nifti1Image,
        (False, True): nibabel.Nifti2Image,
        (True, False): nibabel.Nifti1Pair,
        (True, True): nibabel.Nifti2Pair,
    }
    return nibabel_files.open_image(kinds[pair, second], path)


FORMATS = (
    Format("nifti", (".nii.gz", ".nii", ".hdr", ".img", ".hdr.gz", ".img.gz"), header, read, write, owns),
)

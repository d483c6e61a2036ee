"""NIfTI-1 and NIfTI-2: ``.nii``, ``.nii.gz``, and pairs of ``.hdr`` and ``.img``; headers parsed by nibabel.

The affine is the sform, else the qform. A file with neither has no orientation; nibabel's convention is taken
for it: the first axis to the left, the second to the front, the third up, the volume's centre at 0.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.io import nibabel_files
from tfmed.io.formats import Format, Header

MAGIC = {b"n+1\0", b"ni1\0", b"n+2\0", b"ni2\0"}


def header(path: Path) -> Header:
    parsed = _parse(path)
    return nibabel_files.header(parsed, _affine(parsed.header, path))


def read(path: Path, index: int | None) -> np.ndarray:
    return nibabel_files.voxels(_parse(path), index)


def write(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """NIfTI-1, or NIfTI-2 where an axis is longer than 32767; a sheared grid has an sform only."""
    import nibabel

    pair = path.name.lower().endswith((".hdr", ".img"))
    kind: Any
    if max(array.shape) > 32767:
        kind = nibabel.Nifti2Pair if pair else nibabel.Nifti2Image
    else:
        kind = nibabel.Nifti1Pair if pair else nibabel.Nifti1Image
    image = kind(array, affine, dtype=array.dtype)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, 1)
    try:
        image.set_qform(affine, 1, strip_shears=False)
    except nibabel.spatialimages.HeaderDataError:
        image.set_qform(None, 0)
    nibabel.save(image, path)


def owns(path: Path) -> bool:
    """Whether the header bears NIfTI's magic; ``.nii`` can be nothing else."""
    return path.name.lower().endswith((".nii", ".nii.gz")) or _version(path) is not None


def _version(path: Path) -> int | None:
    """1 or 2 by the magic at byte 344 or at byte 4, None without."""
    start = nibabel_files.first_bytes(nibabel_files.header_file(path), 348)
    if start[4:8] in MAGIC:
        return 2
    return 1 if start[344:348] in MAGIC else None


def _parse(path: Path) -> nibabel_files.Parsed:
    import nibabel

    version = _version(path)
    if version is None:
        raise TfmedError(f"{path} isn't a NIfTI file: it lacks the magic n+1 or n+2 in its header")
    single = path.name.lower().endswith((".nii", ".nii.gz"))
    kinds: dict[tuple[int, bool], Any] = {
        (1, True): nibabel.Nifti1Header,
        (1, False): nibabel.nifti1.Nifti1PairHeader,
        (2, True): nibabel.Nifti2Header,
        (2, False): nibabel.nifti2.Nifti2PairHeader,
    }
    return nibabel_files.parse(path, kinds[version, single])


def _affine(header: Any, path: Path) -> np.ndarray:
    if not int(header["sform_code"]):
        steps = header["pixdim"][1:4]
        if not (np.isfinite(steps) & (steps > 0)).all():
            raise TfmedError(f"{path} claims a spacing of {steps.tolist()} mm, it must be above 0")
    return header.get_best_affine()


FORMATS = (
    Format("nifti", (".nii.gz", ".nii", ".hdr", ".img", ".hdr.gz", ".img.gz"), header, read, write, owns),
)

"""Analyze 7.5: pairs of ``.hdr`` and ``.img`` in either byte order; headers parsed by nibabel.

Analyze states no orientation beyond one byte, ``orient``, and no origin that can be trusted. The convention
here is that of the format's authors, which ITK follows too: unflipped transverse slices (0) run to the left,
to the front, and up; coronal (1) left, up, front; sagittal (2) front, up, left; 3 to 5 are the same with the
second axis reversed. Any other value is taken as 0. The volume's centre is at 0, 0, 0 mm. The field that SPM
uses for an origin is ignored.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tfmed import geometry
from tfmed.errors import TfmedError
from tfmed.io import nibabel_files, nifti
from tfmed.io.formats import Format, Header

ORIENTATIONS = ("LAS", "LSA", "ASL", "LPS", "LIA", "AIL")
DIRECTIONS = {"L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


def header(path: Path) -> Header:
    parsed = _parse(path)
    return nibabel_files.header(parsed, _affine(parsed))


def read(path: Path, index: int | None) -> np.ndarray:
    return nibabel_files.voxels(_parse(path), index)


def write(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """Write a centred grid in one of the six orientations that Analyze states; TfmedError for others."""
    import nibabel

    codes = geometry.axis_codes(affine)
    spacing = geometry.spacing_mm(affine)
    # A single voxel lies at the same place however its grid is turned.
    shape = tuple(max(length, 2) for length in array.shape)
    if codes not in ORIENTATIONS or not geometry.same_grid(
        shape, affine, shape, _centred(array.shape, spacing, codes)
    ):
        raise TfmedError(
            f"{path.name} can't hold this grid: Analyze states no origin (the centre is at 0) and only the "
            f"orientations {', '.join(ORIENTATIONS)}. Received: {codes}; NIfTI can"
        )
    image = nibabel.AnalyzeImage(array, None)
    image.set_data_dtype(array.dtype)
    image.header.set_zooms(spacing)
    image.header["orient"] = bytes([ORIENTATIONS.index(codes)])
    nibabel.save(image, path)


def owns(path: Path) -> bool:
    """A header that begins with its own length of 348 in either byte order and isn't NIfTI's."""
    start = nibabel_files.first_bytes(nibabel_files.header_file(path), 4)
    return start in (b"\x5c\x01\0\0", b"\0\0\x01\x5c") and not nifti.owns(path)


def _parse(path: Path) -> nibabel_files.Parsed:
    from nibabel.analyze import AnalyzeHeader

    return nibabel_files.parse(path, AnalyzeHeader)


def _affine(parsed: nibabel_files.Parsed) -> np.ndarray:
    steps: Any = parsed.header["pixdim"][1:4]
    if not (np.isfinite(steps) & (steps > 0)).all():
        raise TfmedError(f"{parsed.path} claims a spacing of {steps.tolist()} mm, it must be above 0")
    orient = parsed.header["orient"].tobytes()[0]
    codes = ORIENTATIONS[orient if orient < len(ORIENTATIONS) else 0]
    return _centred(parsed.shape, steps, codes)


def _centred(shape: tuple[int, ...], spacing: Any, codes: str) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = np.array([DIRECTIONS[code] for code in codes]).T * np.array(spacing, np.float64)
    lengths = np.array((*shape, 1, 1)[:3])
    affine[:3, 3] = -affine[:3, :3] @ ((lengths - 1) / 2)
    return affine


FORMATS = (
    Format("analyze", (".hdr", ".img", ".hdr.gz", ".img.gz"), header, read, write, owns, by_ending=False),
)

"""DICOM series, read by pydicom: a folder that holds one series, or any one file of it; multi-frame too.

Files belong together by SeriesInstanceUID. Slices are ordered by their position along the normal of the image
plane, never by file name or instance number. Where every position occurs several times (diffusion, dynamics)
the volumes are a fourth axis, in order of instance number. A gantry tilt gives a sheared affine.
"""

import mmap
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.io.dicom_slices import Slice, affine_of, slices_of, stacked
from tfmed.io.formats import Format, Header


def header(path: Path) -> Header:
    stack = _stack(path)
    first = stack[0][0]
    rows, columns = first.shape
    shape = (columns, rows, len(stack), len(stack[0]))
    affine = affine_of([volumes[0] for volumes in stack])
    return Header(shape if shape[3] > 1 else shape[:3], affine, first.dtype)


def read(path: Path, index: int | None) -> np.ndarray:
    """The voxels [x, y, z]: x along a row, y down a column, z along the normal; rescaled slice by slice."""
    stack = [volumes[index or 0] for volumes in _stack(path)]
    planes, files = [], {}
    for entry in stack:
        if entry.path not in files:
            files = {entry.path: _pixels(entry.path)}
        pixels = files[entry.path] if entry.frame is None else files[entry.path][entry.frame]
        if pixels.shape != entry.shape:
            raise TfmedError(f"{entry.path} claims {entry.shape} pixels and holds {pixels.shape}")
        slope, intercept = entry.rescale
        scaled = pixels if (slope, intercept) == (1.0, 0.0) else pixels * slope + intercept
        planes.append(scaled.T.astype(stack[0].dtype))
    return np.stack(planes, axis=2)


def owns(path: Path) -> bool:
    """A folder, or a file with DICOM's magic behind its preamble or an ending of DICOM."""
    if path.is_dir() or path.suffix.lower() in (".dcm", ".ima"):
        return True
    with open(path, "rb") as file:
        return file.read(132)[128:] == b"DICM"


def _stack(path: Path) -> list[list[Slice]]:
    return stacked([entry for file in _series(path) for entry in slices_of(*file)])


def _series(path: Path) -> list[tuple[Path, Any]]:
    """The files of the series with their parsed headers."""
    folder = path if path.is_dir() else path.parent
    found: dict[str, list[tuple[Path, Any]]] = defaultdict(list)
    for file in sorted(entry for entry in folder.iterdir() if entry.is_file() and owns(entry)):
        data = _parsed(file)
        if "Rows" not in data and "Image Storage" in data.file_meta.MediaStorageSOPClassUID.name:
            raise TfmedError(f"{file} is cut short: it should be an image and states no size")
        if "Rows" in data:
            found[str(data.get("SeriesInstanceUID", ""))].append((file, data))
    if path.is_file():
        members = [files for files in found.values() if any(file == path for file, _ in files)]
        if not members:
            raise TfmedError(f"{path} is a DICOM file without an image")
        return members[0]
    if not found:
        raise TfmedError(
            f"{path} is a folder without DICOM images; the folder or a file of a series is needed"
        )
    if len(found) > 1:
        firsts = [files[0] for files in found.values()]
        names = [f"{data.get('SeriesDescription', 'nameless')} ({file.name})" for file, data in firsts]
        raise TfmedError(
            f"{path} holds {len(found)} series; name one file of the one that is meant: {', '.join(names)}"
        )
    return next(iter(found.values()))


def _parsed(path: Path, pixels: bool = False) -> Any:
    """A file's dataset, with or without its pixels.

    It is read from a map of the file: pydicom would allocate whatever length a damaged element claims, while
    a map gives no more than there is.
    """
    pydicom = _pydicom()
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return pydicom.dcmread(content, stop_before_pixels=not pixels)
    except Exception as error:
        raise TfmedError(f"{path} is no readable DICOM file: {' '.join(str(error).split())}") from error


def _pixels(path: Path) -> np.ndarray:
    """The stored pixels [rows, columns] or [frames, rows, columns] of a file."""
    data = _parsed(path, pixels=True)
    try:
        return data.pixel_array
    except Exception as error:
        syntax = data.file_meta.TransferSyntaxUID.name
        raise TfmedError(
            f"{path} ({syntax}): its pixels can't be read: {' '.join(str(error).split())}"
        ) from error


def _pydicom() -> Any:
    try:
        import pydicom
    except ImportError:
        raise TfmedError("reading DICOM needs pydicom: pip install 'tfmed[dicom]'") from None
    return pydicom


FORMATS = (Format("dicom", (".dcm", ".ima"), header, read, None, owns),)

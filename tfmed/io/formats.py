"""What a format is, and the registry of those that tfmed knows."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tfmed.errors import TfmedError


@dataclass(frozen=True)
class Header:
    """What a file says of itself before any voxel is read.

    ``shape`` has the file's own number of axes (trailing axes of length 1 beyond the third removed),
    ``affine`` is index to RAS+ mm, ``dtype`` that of the array that reading gives.
    """

    shape: tuple[int, ...]
    affine: np.ndarray
    dtype: np.dtype


@dataclass(frozen=True)
class Format:
    """One file format. The functions take the path of the header or only file.

    ``endings`` in lower case with their dot, the first is the one written by default. ``owns`` says whether a
    file with such an ending is of this format, from its first bytes where several formats share an ending.
    ``read`` gives the voxels [x, y, z] of the volume at ``index`` along the fourth axis (None where there are
    only three). ``write`` (None for formats that are only read) raises TfmedError for an affine or dtype that
    the format cannot hold; ``by_ending`` says whether saving under such an ending means this format without
    naming it.
    """

    name: str
    endings: tuple[str, ...]
    header: Callable[[Path], Header]
    read: Callable[[Path, int | None], np.ndarray]
    write: Callable[[np.ndarray, np.ndarray, Path], None] | None
    owns: Callable[[Path], bool] = lambda path: True
    by_ending: bool = True


@cache
def formats() -> dict[str, Format]:
    """All formats by name: every module of this package that has ``FORMATS``."""
    import tfmed.io as package

    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    modules = [importlib.import_module(f"tfmed.io.{name}") for name in names]
    return {entry.name: entry for module in modules for entry in getattr(module, "FORMATS", ())}


def ending_in(path: Path) -> str | None:
    """The known ending of a file's name, in lower case (".nii.gz" rather than ".gz"), or None."""
    name = path.name.lower()
    known = {ending for entry in formats().values() for ending in entry.endings}
    return max((ending for ending in known if name.endswith(ending)), key=len, default=None)


def format_to_read(path: Path) -> Format:
    """The format of an existing file by its ending and, where formats share that or there is none, its
    content.

    A folder is a DICOM series, and so is a file without a known ending that bears DICOM's magic.
    """
    ending = ending_in(path) if path.is_file() else None
    able = [entry for entry in formats().values() if ending in entry.endings]
    for entry in able or [formats()["dicom"]]:
        if entry.owns(path):
            return entry
    if able:
        names = " or ".join(entry.name for entry in able)
        raise TfmedError(f"{path} ends in {ending} but doesn't hold {names}")
    raise unknown_ending(path)


def format_to_write(path: Path) -> Format:
    """The format that a name's ending asks for."""
    ending = ending_in(path)
    for entry in formats().values():
        if ending in entry.endings and entry.write and entry.by_ending:
            return entry
    raise unknown_ending(path)


def unknown_ending(path: Path) -> TfmedError:
    known = ", ".join(sorted({ending for entry in formats().values() for ending in entry.endings}))
    return TfmedError(f"{path} has no ending of a known image format. Known: {known}")

"""MetaImage: ``.mha``, or ``.mhd`` with its data beside; parsed by SimpleITK.

The text header is checked against the file first, as the parser trusts whatever sizes it is told.
"""

import math
from pathlib import Path

import numpy as np

from tfmed.errors import TfmedError
from tfmed.io import claims, itk_files
from tfmed.io.formats import Format, Header

IMAGE_IO = "MetaImageIO"
ITEM_SIZES = {
    "MET_CHAR": 1,
    "MET_UCHAR": 1,
    "MET_SHORT": 2,
    "MET_USHORT": 2,
    "MET_INT": 4,
    "MET_UINT": 4,
    "MET_LONG": 4,
    "MET_ULONG": 4,
    "MET_LONG_LONG": 8,
    "MET_ULONG_LONG": 8,
    "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}
SPACINGS = ("ElementSpacing", "ElementSize")
PER_AXIS = (*SPACINGS, "Offset", "Origin", "Position", "CenterOfRotation")
MATRICES = ("TransformMatrix", "Rotation", "Orientation")
COUNTS = ("CompressedDataSize", "ElementNumberOfChannels", "HeaderSize", "ElementByteSize")


def header(path: Path) -> Header:
    return itk_files.header(_claim(path), IMAGE_IO)


def read(path: Path, index: int | None) -> np.ndarray:
    return itk_files.read(_claim(path), IMAGE_IO, index)


def write(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """Compressed; the file next to an ``.mhd`` is a ``.zraw``."""
    itk_files.write(array, affine, path, IMAGE_IO)


def _claim(path: Path) -> claims.Claim:
    lines, end = claims.header_lines(path, "ElementDataFile")
    found = claims.fields(path, lines, "=")
    where = claims.needed(path, found, "ElementDataFile")
    shape = claims.lengths(path, claims.needed(path, found, "DimSize"))
    kind = claims.needed(path, found, "ElementType")
    if kind not in ITEM_SIZES:
        raise TfmedError(f"{path} claims voxels of type {kind}. Known: {', '.join(ITEM_SIZES)}")
    _check_numbers(path, found, len(shape))
    if where.upper().startswith("LIST") or "%" in where:
        raise TfmedError(f"{path} spreads its voxels over several files ({where}); one data file is needed")
    data = path if where.upper() == "LOCAL" else claims.beside(path, where)
    start = end if data == path else max(0, int(found.get("HeaderSize", "0")))
    packed_bytes = int(found.get("CompressedDataSize", "0"))
    binary = _true(found, "BinaryData")
    claim = claims.Claim(
        path,
        math.prod(shape) * int(found.get("ElementNumberOfChannels", "1")),
        ITEM_SIZES[kind] if binary else 1,
        data,
        start,
        start + packed_bytes if packed_bytes else data.stat().st_size,
        binary and _true(found, "CompressedData"),
        _true(found, "BinaryDataByteOrderMSB", "ElementByteOrderMSB"),
    )
    claim.check()
    return claim


def _true(found: dict[str, str], *names: str) -> bool:
    """Whether the header says yes to any of these; the parser looks at the first letter alone."""
    return any(found.get(name, "False")[:1] in ("T", "t", "1") for name in names)


def _check_numbers(path: Path, found: dict[str, str], axes: int) -> None:
    """The parser takes any number of axes, and any count of numbers, at its word."""
    if claims.needed(path, found, "NDims") != str(axes):
        raise TfmedError(f"{path} states {found['NDims']} axes (NDims) and lengths of {axes} (DimSize)")
    for name, text in found.items():
        if name in PER_AXIS:
            claims.numbers(path, name, text, axes, 0 if name in SPACINGS else -math.inf)
        elif name in MATRICES:
            claims.numbers(path, name, text, axes * axes)
        elif name in COUNTS:
            claims.numbers(path, name, text, 1, -2)


FORMATS = (Format("metaimage", (".mha", ".mhd"), header, read, write),)

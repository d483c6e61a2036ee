"""NRRD: ``.nrrd``, or ``.nhdr`` with its data beside; parsed by SimpleITK.

A file that names no anatomical space is taken as the parser takes it: its axes run to the left, to the back,
up.
"""

import math
from pathlib import Path

import numpy as np

from tfmed.errors import TfmedError
from tfmed.io import claims, itk_files
from tfmed.io.formats import Format, Header

IMAGE_IO = "NrrdImageIO"
TYPES = {
    1: "signed char, int8, int8_t, uchar, unsigned char, uint8, uint8_t",
    2: "short, short int, signed short, signed short int, int16, int16_t, "
    "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    4: "int, signed int, int32, int32_t, uint, unsigned int, uint32, uint32_t, float",
    8: "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t, "
    "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t, double",
}
DEFLATED = ("gzip", "gz")
PLAIN = ("raw", "hex")
TEXT = ("ascii", "txt", "text")


def header(path: Path) -> Header:
    return itk_files.header(_claim(path), IMAGE_IO)


def read(path: Path, index: int | None) -> np.ndarray:
    return itk_files.read(_claim(path), IMAGE_IO, index)


def write(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """Compressed; the file next to an ``.nhdr`` is a ``.raw.gz``."""
    itk_files.write(array, affine, path, IMAGE_IO)


def _claim(path: Path) -> claims.Claim:
    lines, end = claims.header_lines(path, None)
    if not lines or not lines[0].startswith("NRRD000"):
        raise TfmedError(f"{path} isn't a NRRD file: it doesn't begin with NRRD000")
    lines = [line for line in lines if not line.startswith("#") and ":=" not in line]
    found = {name.lower(): value for name, value in claims.fields(path, lines, ":").items()}
    shape = claims.lengths(path, claims.needed(path, found, "sizes"))
    if claims.needed(path, found, "dimension") != str(len(shape)):
        raise TfmedError(f"{path} states dimension {found['dimension']} and {len(shape)} sizes")
    kind = claims.needed(path, found, "type").lower()
    sizes = [size for size, names in TYPES.items() if kind in names.split(", ")]
    if not sizes:
        raise TfmedError(f"{path} claims voxels of type {kind!r}, a scalar number is needed")
    if "spacings" in found:
        claims.numbers(path, "spacings", found["spacings"].lower().replace("nan", "1"), len(shape), 0)
    where = found.get("data file", found.get("datafile"))
    if where and (where.upper().startswith("LIST") or "%" in where):
        raise TfmedError(f"{path} spreads its voxels over several files ({where}); one data file is needed")
    data = claims.beside(path, where) if where else path
    encoding = claims.needed(path, found, "encoding").lower()
    if encoding not in (*PLAIN, *TEXT, *DEFLATED):
        known = ", ".join((*PLAIN, *TEXT, *DEFLATED))
        raise TfmedError(f"{path} packs its voxels as {encoding!r}, which can't be read. Known: {known}")
    skips = {name: found.get(name, "0") for name in ("line skip", "lineskip", "byte skip", "byteskip")}
    if encoding in DEFLATED and set(skips.values()) != {"0"}:
        raise TfmedError(f"{path} skips a part of its packed voxels; a file with nothing to skip is needed")
    claim = claims.Claim(
        path,
        math.prod(shape),
        1 if encoding in TEXT else sizes[0],
        data,
        0 if where else end,
        data.stat().st_size,
        encoding in DEFLATED,
        found.get("endian", "little").lower() == "big",
    )
    claim.check()
    return claim


FORMATS = (Format("nrrd", (".nrrd", ".nhdr"), header, read, write),)

"""What the formats that nibabel parses have in common: opening within the honest size, axes, scaling."""

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.io.formats import Header

# Deflate cannot pack more than 1032 bytes into one.
MOST_GZIP_RATIO = 1032


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a file, through gzip where it is gzipped; fewer where it ends or breaks."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            return file.read(count)
    except (OSError, EOFError):
        return b""


def header_file(path: Path) -> Path:
    """The header of a pair, whichever of ``.hdr`` and ``.img`` is named; other paths as they are."""
    return _partner(path, ".img", ".hdr") if ".img" in path.name.lower() else path


def data_file(path: Path) -> Path:
    return _partner(path, ".hdr", ".img") if ".hdr" in path.name.lower() else path


def open_image(kind: Any, path: Path) -> Any:
    """A nibabel image of class ``kind``, only its header read; its file can hold what that claims."""
    image = kind.from_filename(header_file(path))
    claimed = image.header.get_data_dtype().itemsize * math.prod(
        int(n) for n in image.header.get_data_shape()
    )
    data = data_file(path)
    held = data.stat().st_size * (MOST_GZIP_RATIO if first_bytes_packed(data) else 1)
    if claimed > held or min(image.header.get_data_shape(), default=0) < 1:
        raise TfmedError(
            f"{path} claims {claimed:.4g} bytes of voxels {image.header.get_data_shape()}, "
            f"but {data.name} can hold no more than {held:.4g}"
        )
    return image


def first_bytes_packed(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def header(image: Any) -> Header:
    return Header(_squeezed(image.shape), np.asarray(image.affine, np.float64), _dtype(image))


def voxels(image: Any, index: int | None) -> np.ndarray:
    """The voxels of one volume, scaled as the header says, in native byte order."""
    proxy = image.dataobj
    spare = (0,) * (len(image.shape) - 4)
    array = np.asanyarray(proxy[(..., index, *spare)] if index is not None else proxy)
    array = array.reshape(_squeezed(array.shape), order="A") if array.ndim > 3 else array
    dtype = _dtype(image)
    return array if array.dtype == dtype else array.astype(dtype)


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    shape = tuple(int(n) for n in shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _dtype(image: Any) -> np.dtype:
    """The stored dtype; float32 for scaled integers of up to 16 bits, float64 for longer ones."""
    stored = image.header.get_data_dtype().newbyteorder("=")
    slope, inter = getattr(image.dataobj, "slope", 1), getattr(image.dataobj, "inter", 0)
    if stored.kind not in "iu" or (slope == 1 and inter == 0):
        return stored
    return np.dtype(np.float32 if stored.itemsize <= 2 else np.float64)


def _partner(path: Path, mine: str, other: str) -> Path:
    """The other file of a pair: the same name with the other ending, in any letter case, gzipped or not."""
    stem = path.name[: path.name.lower().rindex(mine)].lower()
    wanted = {stem + other, stem + other + ".gz"}
    for file in path.parent.iterdir():
        if file.name.lower() in wanted:
            return file
    raise TfmedError(f"{path} lacks its other half {path.name[: len(stem)]}{other} in the same folder")

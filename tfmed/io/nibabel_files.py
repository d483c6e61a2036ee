"""What the formats whose headers nibabel parses have in common: pairs, gzip, honest sizes, axes, scaling."""

import gzip
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.io.formats import Header

# Deflate cannot pack more than 1032 bytes into one.
MOST_DEFLATE_RATIO = 1032


@dataclass(frozen=True)
class Parsed:
    """A file whose header is parsed and whose data file can hold what the header claims.

    ``shape`` and ``dtype`` are as stored, ``offset`` is the first voxel's byte, ``scaling`` (slope,
    intercept).
    """

    path: Path
    header: Any
    data: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int
    scaling: tuple[float, float]

    @property
    def claimed(self) -> int:
        """Bytes that the header asks for, from the start of the data file to the last voxel."""
        return self.offset + self.dtype.itemsize * math.prod(self.shape)


def parse(path: Path, header_class: Any) -> Parsed:
    """Parse a header by a nibabel header class; TfmedError where the data file can't hold what it claims."""
    file = header_file(path)
    if is_gzipped(file) and file != data_file(path):
        _verify(file)
    start = first_bytes(file, header_class.template_dtype.itemsize)
    header = header_class(start, check=False)
    slope, inter = header.get_slope_inter()
    parsed = Parsed(
        path,
        header,
        data_file(path),
        tuple(int(n) for n in header.get_data_shape()),
        header.get_data_dtype(),
        int(header.get_data_offset()),
        (1.0 if slope is None else float(slope), 0.0 if inter is None else float(inter)),
    )
    if min(parsed.shape, default=0) < 1 or parsed.offset < 0:
        raise TfmedError(f"{path} claims axes of lengths {parsed.shape}, a volume has three of at least 1")
    size = parsed.data.stat().st_size
    most = size * MOST_DEFLATE_RATIO if is_gzipped(parsed.data) else size
    if parsed.claimed > most:
        raise TfmedError(
            f"{path} claims {parsed.claimed:.4g} bytes for voxels {parsed.shape}, "
            f"but {parsed.data.name} of {size} bytes can't hold them"
        )
    return parsed


def header(parsed: Parsed, affine: np.ndarray) -> Header:
    return Header(squeezed(parsed.shape), np.asarray(affine, np.float64), given_dtype(parsed))


def voxels(parsed: Parsed, index: int | None) -> np.ndarray:
    """The voxels of one volume, scaled as the header says, in native byte order; mapped where they can be."""
    from nibabel.arrayproxy import ArrayProxy

    file = _inflated(parsed) if is_gzipped(parsed.data) else str(parsed.data)
    proxy = ArrayProxy(file, (parsed.shape, parsed.dtype, parsed.offset))
    spare = (0,) * (len(parsed.shape) - 4)
    array = np.asanyarray(proxy[(..., index, *spare)] if index is not None else proxy)
    array = array.reshape(squeezed(array.shape), order="A") if array.ndim > 3 else array
    dtype = given_dtype(parsed)
    slope, intercept = parsed.scaling
    if (slope, intercept) != (1.0, 0.0):
        # Scaled here and in place: nibabel would go through float64, four times an int16's memory.
        array = array.astype(dtype)
        array *= dtype.type(slope)
        array += dtype.type(intercept)
    return array if array.dtype == dtype else array.astype(dtype)


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a file, through gzip where it is gzipped; fewer where it ends or breaks."""
    try:
        with gzip.open(path) if is_gzipped(path) else open(path, "rb") as file:
            return file.read(count)
    except (OSError, EOFError, ValueError):
        return b""


def is_gzipped(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def header_file(path: Path) -> Path:
    """The header of a pair, whichever of ``.hdr`` and ``.img`` is named; other paths as they are."""
    return _partner(path, ".img", ".hdr") if _ends(path, ".img") else path


def data_file(path: Path) -> Path:
    return _partner(path, ".hdr", ".img") if _ends(path, ".hdr") else path


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without trailing axes of length 1 beyond the third."""
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def given_dtype(parsed: Parsed) -> np.dtype:
    """The stored dtype; float32 for scaled integers of up to 16 bits, float64 for longer ones."""
    stored = parsed.dtype.newbyteorder("=")
    if stored.kind == "f" and stored.itemsize > 8:
        return np.dtype(np.float64)
    if stored.kind not in "iu" or parsed.scaling == (1.0, 0.0):
        return stored
    return np.dtype(np.float32 if stored.itemsize <= 2 else np.float64)


def _inflated(parsed: Parsed) -> io.BytesIO:
    """The data of a gzipped file in memory: no more than the header claims, and the checksum verified."""
    with gzip.open(parsed.data) as file:
        content = file.read(parsed.claimed)
        if len(content) < parsed.claimed:
            raise TfmedError(
                f"{parsed.data} unpacks to {len(content)} bytes, its header claims {parsed.claimed}"
            )
        while file.read(1 << 20):
            pass
    return io.BytesIO(content)


def _verify(path: Path) -> None:
    """Unpack a gzipped file to its end, where the checksum is compared."""
    with gzip.open(path) as file:
        while file.read(1 << 20):
            pass


def _ends(path: Path, ending: str) -> bool:
    return path.name.lower().endswith((ending, ending + ".gz"))


def _partner(path: Path, mine: str, other: str) -> Path:
    """The other file of a pair: the same name with the other ending, in any letter case, gzipped or not."""
    stem = path.name[: path.name.lower().rindex(mine)]
    wanted = [stem + other, stem + other.upper(), stem + other + ".gz"]
    for name in wanted:
        if (path.parent / name).is_file():
            return path.parent / name
    raise TfmedError(f"{path} lacks its other half {wanted[0]} in the same folder")

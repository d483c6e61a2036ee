"""What a text header claims of its data, held against the file before anything is allocated."""

import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfmed.errors import TfmedError

# Deflate cannot pack more than 1032 bytes into one.
MOST_RATIO = 1032
CHUNK = 1 << 20
LONGEST_HEADER = 1 << 16


@dataclass(frozen=True)
class Claim:
    """``values`` of ``itemsize`` bytes each, in ``data`` from byte ``start`` to ``stop``, packed or not.

    ``big_endian`` tells the order of the bytes in a value that is packed.
    """

    path: Path
    values: int
    itemsize: int
    data: Path
    start: int
    stop: int
    packed: bool
    big_endian: bool = False

    def check(self) -> None:
        """TfmedError where the data file is too small for what the header claims."""
        size = self.data.stat().st_size
        if self.stop > size:
            raise TfmedError(f"{self.path} is cut short: {self.data.name} has {size} of {self.stop} bytes")
        room = max(0, self.stop - self.start) * (MOST_RATIO if self.packed else 1)
        if self.values * self.itemsize > room:
            raise TfmedError(
                f"{self.path} claims {self.values * self.itemsize:.4g} bytes of voxels, but {self.data.name} "
                f"of {size} bytes can't hold them"
            )

    def unpacked(self) -> np.ndarray:
        """The bytes of packed voxels, uint8; TfmedError unless as many as claimed and of the right checksum.

        Memory grows with what there is, by a chunk at a time, and never with what is claimed.
        """
        claimed, size = self.values * self.itemsize, 0
        # Pieces instead of one buffer: a buffer that grows may have to move, and leaves holes where it was.
        pieces: list[bytes] = []
        stream = zlib.decompressobj(wbits=47)
        with open(self.data, "rb") as file:
            file.seek(self.start)
            try:
                while not stream.eof and size <= claimed:
                    packed = stream.unconsumed_tail or file.read(CHUNK // 8)
                    if not packed:
                        raise TfmedError(f"{self.path} is cut short: {self.data.name} ends within its voxels")
                    pieces.append(stream.decompress(packed, CHUNK))
                    size += len(pieces[-1])
            except zlib.error as error:
                raise TfmedError(f"{self.path} is damaged: {error} in {self.data.name}") from None
        if size != claimed:
            held = f"unpacks to {'more' if size > claimed else size}"
            raise TfmedError(f"{self.path} claims {claimed} bytes of voxels, but {self.data.name} {held}")
        return _joined(pieces, size)


def _joined(pieces: list[bytes], size: int) -> np.ndarray:
    """The pieces in one array, uint8 [size]; each is given back as soon as it is copied."""
    joined, end = np.empty(size, np.uint8), size
    while pieces:
        piece = np.frombuffer(pieces.pop(), np.uint8)
        joined[end - len(piece) : end] = piece
        end -= len(piece)
    return joined


def header_lines(path: Path, last: str | None) -> tuple[list[str], int]:
    """The lines of a text header and the byte after them.

    The header ends with the line that begins with ``last`` or, for None, before the first empty line.
    """
    with open(path, "rb") as file:
        text = file.read(LONGEST_HEADER)
    lines: list[str] = []
    start = 0
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].decode("latin-1").rstrip("\r")
        start = end + 1
        if last is None and not line:
            return lines, start
        lines.append(line)
        if last is not None and line.startswith(last):
            return lines, start
    return lines, start


def fields(path: Path, lines: list[str], separator: str) -> dict[str, str]:
    """The lines as a mapping; TfmedError where they aren't text or state a name twice."""
    found: dict[str, str] = {}
    for line in lines:
        if not line.replace("\t", " ").isprintable():
            raise TfmedError(f"{path} has bytes in its header that aren't text: {line[:60]!r}")
        name, mark, value = line.partition(separator)
        if not mark:
            continue
        if name.strip() in found:
            raise TfmedError(f"{path} states {name.strip()} twice in its header")
        found[name.strip()] = value.strip()
    return found


def needed(path: Path, found: dict[str, str], name: str) -> str:
    if name not in found:
        raise TfmedError(f"{path} lacks {name} in its header")
    return found[name]


def lengths(path: Path, text: str) -> list[int]:
    """Axis lengths; TfmedError unless they are whole numbers of at least 1."""
    words = text.split()
    if not words or not all(word.isdigit() and len(word) < 16 and int(word) > 0 for word in words):
        raise TfmedError(f"{path} claims axes of lengths {text!r}, a volume has three of at least 1")
    return [int(word) for word in words]


def numbers(
    path: Path, name: str, text: str, count: int | None = None, above: float = -math.inf
) -> list[float]:
    """``count`` finite numbers above a bound; TfmedError for anything else."""
    try:
        found = [float(word) for word in text.split()]
    except ValueError:
        found = []
    good = all(math.isfinite(number) and number > above for number in found)
    if not found or not good or len(found) != (count or len(found)):
        bound = f" above {above:g}" if math.isfinite(above) else ""
        raise TfmedError(f"{path} states {name} as {text!r}; {count or 'some'} numbers{bound} are needed")
    return found


def beside(path: Path, name: str) -> Path:
    """The data file that a header names; TfmedError where it is missing or outside the header's folder."""
    folder = path.parent.resolve()
    data = folder / name
    if not data.resolve().is_relative_to(folder):
        raise TfmedError(f"{path} names the data file {name}, which lies outside its folder")
    if not data.is_file():
        raise TfmedError(f"{path} names the data file {name}, which isn't there")
    return data

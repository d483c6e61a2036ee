"""Headers that lie, read in a process of their own: no crash, no hang, and no memory for what they claim.

What the parsers allocate in C++ is seen here by the process's peak of resident memory, which Linux resets on
demand, and by a limit on what may be asked for; the contract's fuzzing sees Python's memory alone.
"""

import gzip
import json
import random
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfmed import io
from tfmed.errors import TfmedError
from tfmed.study import Volume

TEXT_FORMATS = (".mha", ".mhd", ".nrrd", ".nhdr")
BINARY_FORMATS = (".nii", ".nii.gz", ".hdr")
SHAPE = (96, 80, 64)
PER_FORMAT = 80
PACKED_SHAPE = (128, 112, 300)
NUMBERS = (b"0", b"-1", b"1", b"7", b"4096", b"2147483648", b"1e30", b"nan", b"99999999999999999999", b"1 1")
# Python's own objects for a header, its error and a traceback, beside twice the file and its voxels.
SPARE_BYTES = 4e6
# What may be asked for at once, whether it is then used or not.
LIMIT_BYTES = 64_000_000
SECONDS = 5.0
needs_linux = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is Linux's to tell"
)


def damaged(content: bytes, ending: str, chance: random.Random) -> bytes:
    """One to three slips in the header: a number, a line or a few bytes of it; in binary ones bytes alone."""
    if ending.endswith(".gz"):
        return gzip.compress(damaged(gzip.decompress(content), "", chance))
    text = ending in TEXT_FORMATS
    header = 500 if text else 348
    start = bytearray(content[:header])
    for _ in range(chance.randint(1, 3)):
        slip = chance.randrange(3) if text else 2
        numbers = list(re.finditer(rb"-?\d+(\.\d+)?", start))
        lines = bytes(start).split(b"\n")
        if slip == 0 and numbers:
            place = chance.choice(numbers)
            start[place.start() : place.end()] = chance.choice(NUMBERS)
        elif slip == 1 and len(lines) > 3:
            line = lines.pop(chance.randrange(len(lines)))
            lines[chance.randrange(len(lines)) : 0] = [line] * chance.choice((0, 2))
            start = bytearray(b"\n".join(lines))
        else:
            place = chance.randrange(len(start))
            length = chance.randint(1, 4)
            start[place : place + length] = chance.randbytes(length)
    return bytes(start) + content[header:]


def memory(name: str) -> int:
    """Bytes of this process by their name in its status: VmHWM, the peak of what is resident, or VmSize."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s*(\d+)", status)[1]) * 1024


def attempt(path: Path, limit: int = LIMIT_BYTES) -> tuple[str, float, float]:
    """What came of loading, the seconds it took and the bytes by which memory grew at most.

    "read", "refused", or "short" where it was refused for want of memory: ``limit`` is what may be asked for.
    """
    Path("/proc/self/clear_refs").write_text("5")
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") + limit, hard))
    before, start = memory("VmHWM"), time.perf_counter()
    try:
        np.asarray(io.load(path).array).sum()
        outcome = "read"
    except TfmedError as error:
        assert "\n" not in str(error) and path.name in str(error), error
        outcome = "short" if re.search("alloc|memory", str(error), re.I) else "refused"
    seconds, grown = time.perf_counter() - start, memory("VmHWM") - before
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return outcome, seconds, grown


def fuzz(folder: Path, ending: str) -> list[tuple[str, float, float]]:
    chance = random.Random(ending)
    array = np.zeros(SHAPE, np.int16)
    array[30:50, 30:40, 25:35] = np.random.default_rng(0).integers(0, 1000, (20, 10, 10))
    path = folder / f"a{ending}"
    io.save(Volume(array, np.diag([-1.0, -1, 2, 1])), path)
    content = path.read_bytes()
    attempt(path)  # what is imported on the way must not count
    found = []
    for _ in range(PER_FORMAT):
        path.write_bytes(damaged(content, ending, chance))
        found.append(attempt(path))
    return found


def stretch(folder: Path, ending: str) -> list[tuple[str, float, float]]:
    """Attempts at a packed volume with headers that claim three times its slices, twice, and the truth.

    The largest lie comes first: what a process has taken once is not seen to grow again.
    """
    array = np.random.default_rng(0).integers(0, 3, PACKED_SHAPE).astype(np.int16)
    path = folder / f"a{ending}"
    io.save(Volume(array[:5, :5, :5], np.eye(4)), path)
    attempt(path)  # what is imported on the way must not count
    io.save(Volume(array, np.eye(4)), path)
    array_bytes = array.nbytes
    del array
    content = path.read_bytes()
    wide, high, deep = PACKED_SHAPE
    found = []
    for times in (3, 2, 1):
        path.write_bytes(
            content.replace(b"%d %d %d\n" % (wide, high, deep), b"%d %d %d\n" % (wide, high, deep * times), 1)
        )
        # Less than the largest claim.
        found.append(attempt(path, 11 * array_bytes // 4))
    return found


def in_its_own_process(work: str, folder: Path, ending: str) -> tuple[tuple[Any, ...], ...]:
    """Outcomes, seconds and bytes of ``fuzz`` or ``stretch``."""
    command = [sys.executable, "-W", "ignore", "-m", __name__, work, str(folder), ending]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-2000:]
    return tuple(zip(*json.loads(done.stdout), strict=True))


@needs_linux
@pytest.mark.parametrize("ending", TEXT_FORMATS + BINARY_FORMATS)
def test_headers_that_lie_end_in_a_volume_or_a_sentence(ending: str, tmp_path: Path) -> None:
    outcomes, seconds, grown = in_its_own_process("fuzz", tmp_path, ending)
    assert len(outcomes) == PER_FORMAT and set(outcomes) == {"read", "refused"}
    assert max(seconds) < SECONDS
    assert max(grown) < 2 * 2 * np.prod(SHAPE) + SPARE_BYTES


@needs_linux
@pytest.mark.parametrize("ending", TEXT_FORMATS)
def test_packed_voxels_take_twice_their_honest_size_at_most_whatever_is_claimed(
    ending: str, tmp_path: Path
) -> None:
    outcomes, _, grown = in_its_own_process("stretch", tmp_path, ending)
    honest = 2 * np.prod(PACKED_SHAPE)
    assert outcomes == ("refused", "refused", "read")
    assert honest / 2 < max(grown) < 2 * honest


if __name__ == "__main__":
    works = {"fuzz": fuzz, "stretch": stretch}
    print(json.dumps(works[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])))

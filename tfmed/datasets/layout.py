"""What a dataset's layout is: a rule that says of a path what the file there is."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tfmed.datasets.case import Case

# Folders that some tools make of a file when they unpack it: BraTS2021_00000_t1.nii/anything.nii
FILE_LIKE = (".nii", ".nii.gz", ".mha", ".zip")
# A file that belongs to another, such as the voxels beside a detached header.
COMPANION = ""


@dataclass(frozen=True)
class Part:
    """One file's place in a case; parts with one ``group`` make one case.

    ``role`` is a modality's name, "labels" or "mask"; of equal roles the one of lowest ``rank`` is taken.
    With ``folder`` it is the file's folder that is read, such as that of a DICOM series.
    """

    group: str
    role: str
    id: str
    patient: str
    timepoint: str | None = None
    diagnosis: str | None = None
    rank: int = 0
    folder: bool = False


@dataclass(frozen=True)
class Skipped:
    """A path that is in no case, and why."""

    path: Path
    reason: str


Finished = tuple[list[Case], list[Skipped]]


@dataclass(frozen=True)
class Layout:
    """A dataset by its layout.

    ``part`` says what the file at a path is, where the path begins with the root's own name: a part of a
    case, a reason why a known file is left out (``COMPANION`` for one that needs none), or None for an
    unknown file. ``edition`` is the meaning of its label values, ``modalities`` the order in which a case
    lists them. ``one_grid``: see ``Case``.

    ``finish`` completes cases from tables under the root, and may leave some out. ``recognise`` is asked,
    with the files that the layout knows, where several layouts know equally many.
    """

    name: str
    title: str
    part: Callable[[PurePosixPath], Part | str | None]
    modalities: tuple[str, ...]
    edition: str | None = None
    one_grid: bool = False
    finish: Callable[[Path, list[Case]], Finished] = lambda root, cases: (cases, [])
    recognise: Callable[[Path, list[Path]], bool] = lambda root, files: True


def home(path: PurePosixPath, case: str) -> PurePosixPath:
    """The folder of a case: the one that bears its name, else ``case`` within the file's own folder."""
    for folder in path.parents:
        if folder.name.lower() == case.lower():
            return folder
    folder = path.parent
    while folder.name.lower().endswith(FILE_LIKE):
        folder = folder.parent
    return folder / case.lower()


def tables(root: Path, pattern: re.Pattern[str]) -> Iterator[tuple[Path, str]]:
    """Path and text of every file under a root whose name matches, sorted; no encoding stops it."""
    for path in sorted(root.rglob("*")):
        if pattern.fullmatch(path.name) and path.is_file():
            yield path, path.read_bytes().decode("utf-8-sig", errors="replace")

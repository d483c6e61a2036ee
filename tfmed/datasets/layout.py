"""What a dataset's layout is: a rule that says of a relative path what the file is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tfmed.datasets.case import Case


@dataclass(frozen=True)
class Part:
    """One file's place in a case. ``role`` is a modality's name, "labels" or "mask"; of equal roles the
    lowest ``rank`` is taken. Parts with one ``group`` make one case."""

    group: str
    role: str
    id: str
    patient: str
    timepoint: str | None = None
    diagnosis: str | None = None
    rank: int = 0


@dataclass(frozen=True)
class Layout:
    """A dataset by its layout.

    ``part`` says what the file at a path is, or None; the path begins with the root's own name. ``edition``
    is the meaning of its label values, ``modalities`` the order in which a case lists them. ``one_grid``: see
    ``Case``. ``finish`` may complete or drop assembled cases from tables under the root; it returns a reason
    to skip instead of a case.
    """

    name: str
    title: str
    part: Callable[[PurePosixPath], Part | None]
    modalities: tuple[str, ...]
    edition: str | None = None
    one_grid: bool = False
    finish: Callable[[Path, list[Case]], list[Case]] = field(default=lambda root, cases: cases)

"""What a layout is to a phantom: where its files go, and what scans of that dataset are like."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tfmed.phantom.warp import BRATS
from tfmed.study import LabelMap, Study, Volume


@dataclass(frozen=True)
class Files:
    """A case on disk: ``folder`` for its sidecar, its volumes and texts by path.

    ``save`` writes one volume where that isn't ``tfmed.io.save``.
    """

    folder: Path
    volumes: dict[Path, Volume]
    texts: dict[Path, str] = field(default_factory=dict)
    save: Callable[[Volume, Path], None] | None = None


@dataclass(frozen=True)
class Layout:
    """A dataset's layout. ``plan`` says of a study, its labels in ``edition`` and a root what goes where.

    kinds: what it has a place for. modalities, edition: None where any will do. shape and spacing_mm: the
    dataset's grid; skull: whether its scans show the whole head.
    """

    kinds: tuple[str, ...]
    plan: Callable[[Study, LabelMap | None, Path], Files]
    modalities: tuple[str, ...] | None
    edition: str | None
    shape: tuple[int, int, int] = BRATS.shape
    spacing_mm: float = 1.0
    skull: bool = False


def number(study: Study) -> int:
    """The study's number in its dataset: its seed."""
    return int(study.provenance.get("seed", 0))

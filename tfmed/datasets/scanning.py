"""Find cases: walk a root once, ask every layout what it makes of the files, and keep what fits best."""

import importlib
import os
import pkgutil
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from tfmed.datasets.assembling import assemble
from tfmed.datasets.case import Case
from tfmed.datasets.layout import Layout, Part, Skipped
from tfmed.datasets.plain import CONFIGURATION, configured
from tfmed.errors import TfmedError

Parts = dict[PurePosixPath, Part | str | None]


@dataclass(frozen=True)
class Report:
    """What a scan found: cases in order of their id, and every file that was left out."""

    root: Path
    dataset: str
    title: str
    cases: list[Case]
    skipped: list[Skipped]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values that JSON can hold."""
        return {
            "root": str(self.root),
            "dataset": self.dataset,
            "cases": [_plain(asdict(case)) for case in self.cases],
            "skipped": [_plain(asdict(entry)) for entry in self.skipped],
        }


@cache
def datasets() -> dict[str, Layout]:
    """All known layouts by name: every module of this package that has ``LAYOUTS``."""
    import tfmed.datasets as package

    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    modules = [importlib.import_module(f"tfmed.datasets.{name}") for name in names]
    return {layout.name: layout for module in modules for layout in getattr(module, "LAYOUTS", ())}


def scan(root: str | Path, dataset: str | None = None) -> list[Case]:
    """The cases under a root, in order of their id; the layout is recognised, or named by ``dataset``.

    The root may also be the folder of a single case. TfmedError where it isn't a folder, no layout fits, or
    two fit equally well.
    """
    return report(root, dataset).cases


def report(root: str | Path, dataset: str | None = None) -> Report:
    """As ``scan``, with what was left out and why."""
    root = Path(root)
    if not root.is_dir():
        found = "is not a folder" if root.exists() else "does not exist"
        raise TfmedError(f"{root} {found}; a folder of scans is needed")
    files = _files(root)
    layout = _layout(root, files, dataset)
    parts = _parts(root, layout, files)
    cases, skipped = assemble(
        root, layout, {path: part for path, part in parts.items() if isinstance(part, Part)}
    )
    cases, unfinished = layout.finish(root, cases)
    skipped += unfinished
    skipped += [Skipped(root / path, part) for path, part in parts.items() if isinstance(part, str) and part]
    if not cases:
        reasons = f" ({skipped[0].path}: {skipped[0].reason})" if skipped else ""
        raise TfmedError(f"{root} holds no case of {layout.title}{reasons}")
    stray = f"no file of {layout.title}"
    skipped += [Skipped(root / path, stray) for path, part in parts.items() if part is None]
    return Report(
        root,
        layout.name,
        layout.title,
        sorted(cases, key=lambda case: case.id),
        sorted(skipped, key=lambda entry: entry.path),
    )


def _files(root: Path) -> list[PurePosixPath]:
    """Every file under the root, relative to it and sorted; hidden ones and macOS's shadows left out.

    Linked folders are entered, but none within itself.
    """
    found = []
    for folder, subfolders, names in os.walk(root, followlinks=True):
        above = {Path(folder).resolve(), *Path(folder).resolve().parents}
        subfolders[:] = sorted(
            name
            for name in subfolders
            if name != "__MACOSX" and not name.startswith(".") and Path(folder, name).resolve() not in above
        )
        here = PurePosixPath(Path(folder).relative_to(root).as_posix())
        found += [here / name for name in sorted(names) if not name.startswith(".")]
    return found


def _parts(root: Path, layout: Layout, files: list[PurePosixPath]) -> Parts:
    name = root.resolve().name
    return {path: layout.part(name / path) for path in files}


def _layout(root: Path, files: list[PurePosixPath], dataset: str | None) -> Layout:
    """The layout that is named, that the root's own TOML describes, or that knows the most files."""
    if dataset not in (None, "plain", *datasets()):
        known = ", ".join(datasets())
        raise TfmedError(f"there is no dataset of this name. Received: {dataset}. Known: {known}")
    if dataset in (None, "plain") and (root / CONFIGURATION).is_file():
        return configured(root)
    return datasets()[dataset] if dataset else _recognised(root, files)


def _recognised(root: Path, files: list[PurePosixPath]) -> Layout:
    """The layout that knows the most files and, of equals, recognises the root."""
    known = {}
    for layout in datasets().values():
        parts = _parts(root, layout, files)
        known[layout.name] = [root / path for path, part in parts.items() if part is not None]
    titles = {name: layout.title for name, layout in datasets().items()}
    most = max(len(paths) for paths in known.values())
    if most == 0:
        raise TfmedError(
            f"{root} ({len(files)} files) has the layout of no known dataset; a file {CONFIGURATION} there "
            f"can describe it. Known: {', '.join(titles.values())}"
        )
    best = [name for name, paths in known.items() if len(paths) == most]
    fitting = [name for name in best if datasets()[name].recognise(root, known[name])]
    if len(fitting) != 1:
        raise TfmedError(
            f"{root} could be {' or '.join(titles[name] for name in best)}, whose labels may differ in "
            f"meaning; name the dataset: {', '.join(best)}"
        )
    return datasets()[fitting[0]]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return str(value) if isinstance(value, Path) else value

"""Find cases: walk a root once, ask every layout what it makes of the files, and keep what fits best."""

import importlib
import os
import pkgutil
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from tfmed.datasets.case import Case
from tfmed.datasets.layout import Layout, Part
from tfmed.errors import TfmedError


@dataclass(frozen=True)
class Skipped:
    """A path that is in no case, and why."""

    path: Path
    reason: str


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
    """All known layouts by name: every module of this package that has ``LAYOUT``."""
    import tfmed.datasets as package

    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    modules = [importlib.import_module(f"tfmed.datasets.{name}") for name in names]
    return {module.LAYOUT.name: module.LAYOUT for module in modules if hasattr(module, "LAYOUT")}


def scan(root: str | Path, dataset: str | None = None) -> list[Case]:
    """The cases under a root, in order of their id; the layout is recognised, or named by ``dataset``.

    TfmedError where the root isn't a folder, no layout fits, or two fit equally well.
    """
    return report(root, dataset).cases


def report(root: str | Path, dataset: str | None = None) -> Report:
    """As ``scan``, with what was left out and why."""
    root = Path(root)
    if not root.is_dir():
        raise TfmedError(f"{root} is not a folder; the root of a dataset is needed")
    files = _files(root)
    layout = _named(dataset) if dataset else _recognised(root, files)
    parts = {path: layout.part(root.resolve().name / path) for path in files}
    cases, skipped = _assembled(root, layout, {path: part for path, part in parts.items() if part})
    if not cases:
        reasons = f" ({skipped[0].path}: {skipped[0].reason})" if skipped else ""
        raise TfmedError(f"{root} holds no case of {layout.title}{reasons}")
    stray = [Skipped(root / path, f"no file of {layout.title}") for path, part in parts.items() if not part]
    finished = sorted(layout.finish(root, cases), key=lambda case: case.id)
    left_out = sorted(skipped + stray, key=lambda entry: entry.path)
    return Report(root, layout.name, layout.title, finished, left_out)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return str(value) if isinstance(value, Path) else value


def _files(root: Path) -> list[PurePosixPath]:
    """Every file under the root, relative to it and sorted; hidden ones and macOS's shadows left out."""
    found = []
    for folder, subfolders, names in os.walk(root, followlinks=True):
        subfolders[:] = sorted(name for name in subfolders if name != "__MACOSX" and not name.startswith("."))
        here = PurePosixPath(Path(folder).relative_to(root).as_posix())
        found += [here / name for name in sorted(names) if not name.startswith(".")]
    return found


def _named(dataset: str) -> Layout:
    if dataset not in datasets():
        raise TfmedError(
            f"there is no dataset of this name. Received: {dataset}. Known: {', '.join(datasets())}"
        )
    return datasets()[dataset]


def _recognised(root: Path, files: list[PurePosixPath]) -> Layout:
    """The layout that knows the most files."""
    known = {
        name: sum(layout.part(root.resolve().name / path) is not None for path in files)
        for name, layout in datasets().items()
    }
    most = max(known.values(), default=0)
    best = [name for name, count in known.items() if count == most]
    if most == 0:
        titles = ", ".join(layout.title for layout in datasets().values())
        raise TfmedError(f"{root} ({len(files)} files) has the layout of no known dataset. Known: {titles}")
    if len(best) > 1:
        raise TfmedError(f"{root} could be {' or '.join(best)}; name the dataset")
    return datasets()[best[0]]


def _assembled(
    root: Path, layout: Layout, parts: dict[PurePosixPath, Part]
) -> tuple[list[Case], list[Skipped]]:
    groups: dict[str, list[tuple[PurePosixPath, Part]]] = defaultdict(list)
    for path, part in parts.items():
        groups[part.group].append((path, part))
    cases, skipped = [], []
    for members in groups.values():
        chosen: dict[str, Path] = {}
        for path, part in sorted(members, key=lambda member: (member[1].rank, member[0])):
            if part.role in chosen:
                skipped.append(Skipped(root / path, f"{chosen[part.role].name} is this case's {part.role}"))
            else:
                chosen[part.role] = root / path
        case = _case(layout, members[0][1], chosen)
        if case.modalities:
            cases.append(case)
        else:
            skipped += [Skipped(path, f"case {case.id} has no image") for path in chosen.values()]
    return _unique(cases), skipped


def _case(layout: Layout, part: Part, chosen: dict[str, Path]) -> Case:
    order = {name: position for position, name in enumerate(layout.modalities)}
    images = sorted(set(chosen) - {"labels", "mask"}, key=lambda name: (order.get(name, len(order)), name))
    labels = chosen.get("labels")
    return Case(
        id=part.id,
        patient=part.patient,
        timepoint=part.timepoint,
        modalities={name: chosen[name] for name in images},
        labels=labels,
        edition=layout.edition if labels else None,
        diagnosis=part.diagnosis,
        dataset=layout.name,
        mask=chosen.get("mask"),
        one_grid=layout.one_grid,
    )


def _unique(cases: list[Case]) -> list[Case]:
    """Ids that repeat get their diagnosis in front (BRATS 2015 numbers HGG and LGG apart), then a number."""
    often = Counter(case.id for case in cases)
    named = [
        replace(case, id=f"{case.diagnosis}_{case.id}") if often[case.id] > 1 and case.diagnosis else case
        for case in cases
    ]
    seen: Counter[str] = Counter()
    result = []
    for case in named:
        seen[case.id] += 1
        result.append(case if seen[case.id] == 1 else replace(case, id=f"{case.id}-{seen[case.id]}"))
    return result

"""Put the parts that a layout found together to cases."""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path, PurePosixPath

from tfmed.datasets.case import Case
from tfmed.datasets.layout import Layout, Part, Skipped

Member = tuple[PurePosixPath, Part]


def assemble(
    root: Path, layout: Layout, parts: dict[PurePosixPath, Part]
) -> tuple[list[Case], list[Skipped]]:
    """Cases of all groups of parts, and the files that a case has twice or that lack an image beside them."""
    groups: dict[str, list[Member]] = defaultdict(list)
    for path, part in parts.items():
        groups[part.group].append((path, part))
    found: dict[str, Case] = {}
    skipped: list[Skipped] = []
    for group, members in groups.items():
        chosen, left = _chosen(root, members)
        case = _case(layout, members[0][1], chosen)
        skipped += left
        if case.modalities:
            found[group] = case
        else:
            skipped += [Skipped(path, f"case {case.id} has no image") for path in chosen.values()]
    return _told_apart(found), skipped


def _chosen(root: Path, members: list[Member]) -> tuple[dict[str, Path], list[Skipped]]:
    """One file a role, that of lowest rank, then first by path."""
    chosen: dict[str, Path] = {}
    skipped = []
    for path, part in sorted(members, key=lambda member: (member[1].rank, member[0])):
        place = root / (path.parent if part.folder else path)
        taken = chosen.setdefault(part.role, place)
        if taken != place:
            skipped.append(Skipped(place, f"{taken.relative_to(root)} is the {part.role} of {part.id}"))
    return chosen, skipped


def _case(layout: Layout, part: Part, chosen: dict[str, Path]) -> Case:
    order = {name: position for position, name in enumerate(layout.modalities)}
    images = sorted(set(chosen) - {"labels", "mask"}, key=lambda name: (order.get(name, len(order)), name))
    return Case(
        id=part.id,
        patient=part.patient,
        timepoint=part.timepoint,
        modalities={name: chosen[name] for name in images},
        labels=chosen.get("labels"),
        edition=layout.edition if "labels" in chosen else None,
        diagnosis=part.diagnosis,
        dataset=layout.name,
        mask=chosen.get("mask"),
        one_grid=layout.one_grid,
    )


def _told_apart(found: dict[str, Case]) -> list[Case]:
    """Ids that repeat get the folder above their case's in front (BRATS 2015 numbers HGG and LGG apart)."""
    often = Counter(case.id for case in found.values())
    cases, seen = [], Counter[str]()
    for group, case in found.items():
        above = PurePosixPath(group).parent.name
        name = f"{above}_{case.id}" if often[case.id] > 1 and above else case.id
        seen[name] += 1
        cases.append(replace(case, id=name if seen[name] == 1 else f"{name}-{seen[name]}"))
    return cases

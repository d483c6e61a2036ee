"""``tfmed data scan``: which cases lie under a folder, what was left out and why."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from tfmed.wording import counted


@click.command(
    epilog="""\b
Examples:
  tfmed data scan BRATS2015_Training
  tfmed data scan my_data --json | jq '.cases[].id'"""
)
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--dataset", help="Name of the layout, where it isn't recognised by itself.")
@click.option("--all", "every", is_flag=True, help="List every case and every skipped file.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(root: Path, dataset: str | None, every: bool, as_json: bool) -> None:
    """Say which cases lie under ROOT, which files were skipped, and why."""
    from tfmed.datasets import report

    found = report(root, dataset)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    click.echo("\n".join(_summary(found)))
    limit = None if every else 10
    click.echo("\n".join(_listed("cases", [_line(case) for case in found.cases], limit)))
    skipped = [f"{entry.path.relative_to(root)}: {entry.reason}" for entry in found.skipped]
    if skipped:
        click.echo("\n".join(_listed("skipped", skipped, limit)))


def _summary(found: Any) -> list[str]:
    cases = found.cases
    sets = Counter(", ".join(case.modalities) for case in cases)
    diagnoses = Counter(case.diagnosis or "unknown" for case in cases)
    editions = sorted({case.edition for case in cases if case.edition})
    return [
        f"{found.title} in {found.root}",
        f"  {counted(len(cases), 'case')} of {counted(len({case.patient for case in cases}), 'patient')}",
        *(f"  {count} with {names}" for names, count in sets.most_common()),
        f"  {sum(case.labels is not None for case in cases)} with labels"
        + (f" (meaning: {', '.join(editions)})" if editions else ""),
        "  diagnosis: " + ", ".join(f"{name} {count}" for name, count in diagnoses.most_common()),
        f"  {counted(len(found.skipped), 'file')} skipped",
    ]


def _line(case: Any) -> str:
    notes = [", ".join(case.modalities), "labels" if case.labels else "no labels", case.diagnosis]
    return f"{case.id}: " + "; ".join(note for note in notes if note)


def _listed(title: str, lines: list[str], limit: int | None) -> list[str]:
    """A titled list, cut after ``limit`` lines with a word on how many are left."""
    shown = lines[:limit]
    more = len(lines) - len(shown)
    return [
        f"{title}:",
        *(f"  {line}" for line in shown),
        *([f"  ... and {more} more (--all)"] if more else []),
    ]

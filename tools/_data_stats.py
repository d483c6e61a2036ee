"""``tfmed data stats``: slices by view, class and modality, volumes and intensity ranges."""

import json
from pathlib import Path
from typing import Any

import click


@click.command(
    epilog="""\b
Examples:
  tfmed data stats BRATS2015_Training
  tfmed data stats my_data --workers 4 --json > stats.json"""
)
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--dataset", help="Name of the layout, where it isn't recognised by itself.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that read cases side by side.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(root: Path, dataset: str | None, workers: int, as_json: bool) -> None:
    """Count the slices of ROOT that show a head or a lesion, by view, class and modality.

    Volumes are in ml; intensities are percentiles of the voxels inside the head. Cases that can't be read are
    listed at the end, and the exit status is 2.
    """
    from tfmed.datasets import report
    from tfmed.datasets.stats import Stats, measured
    from tfmed.progress import bar

    cases = report(root, dataset).cases
    stats, failed = Stats(), []
    for case, found in bar(measured(cases, workers), total=len(cases), desc="reading", unit="case"):
        if isinstance(found, str):
            failed.append(f"{case.id}: {found}")
        else:
            stats.add(found)
    counts = stats.as_dict()
    click.echo(json.dumps(counts | {"failed": failed}, indent=2) if as_json else "\n".join(_tables(counts)))
    for line in failed:
        click.echo(f"tfmed: failed: {line}", err=True)
    if failed:
        raise SystemExit(2)


def _tables(counts: dict[str, Any]) -> list[str]:
    slices = [
        [
            row["class"],
            row["modality"],
            row["cases"],
            *(row[view] for view in ("axial", "coronal", "sagittal")),
        ]
        for row in counts["slices"]
    ]
    volumes = [
        [name, row["cases"], *(f"{row[key]:.1f}" for key in ("least", "median", "most"))]
        for name, row in counts["volumes_ml"].items()
    ]
    ranges = [
        [modality, *(f"{row[key]['median']:.4g}" for key in row), f"{row['percentile_99']['most']:.4g}"]
        for modality, row in counts["intensities"].items()
    ]
    return [
        "slices",
        *_table(["class", "modality", "cases", "axial", "coronal", "sagittal"], slices),
        "",
        "volumes, ml",
        *_table(["of", "cases", "least", "median", "most"], volumes),
        "",
        "intensities in the head, median over cases",
        *_table(["modality", "1 %", "50 %", "99 %", "highest 99 %"], ranges),
    ]


def _table(head: list[str], rows: list[list[Any]]) -> list[str]:
    """Columns as wide as their widest cell, words to the left and numbers to the right."""
    cells = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    words = [all(not row[column][:1].isdigit() for row in cells[1:]) for column in range(len(head))]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if word else cell.rjust(width)
            for cell, width, word in zip(row, widths, words, strict=True)
        ).rstrip()
        for row in cells
    ]

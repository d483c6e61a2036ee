"""``tfmed data prepare``: normalise the cases of a dataset into a store that training reads fast."""

import json
from pathlib import Path
from typing import Any

import click

from tfmed.tools._warnings import plain_warnings
from tfmed.wording import counted


@click.command(
    epilog="""\b
Examples:
  tfmed data prepare BRATS2015_Training store
  tfmed data prepare my_data store --modality flair --modality t1c --workers 8

Run again, it goes on where it stopped and redoes only what has changed."""
)
@click.argument("root", type=click.Path(path_type=Path))
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--dataset", help="Name of the layout, where it isn't recognised by itself.")
@click.option(
    "--modality", "modalities", multiple=True, help="Keep only these, in this order.  [default: all]"
)
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: one a core]")
@click.option(
    "--resample", is_flag=True, help="Bring modalities that lie on different grids onto the first's."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    root: Path,
    store: Path,
    dataset: str | None,
    modalities: tuple[str, ...],
    workers: int | None,
    resample: bool,
    as_json: bool,
) -> None:
    """Prepare the cases under ROOT into the folder STORE: canonical orientation, 1 mm, z-scores, cropped."""
    from tfmed import datasets, pipeline
    from tfmed.errors import TfmedError

    if store.resolve() == root.resolve():
        raise TfmedError(f"STORE is ROOT, {root}; name another folder, so that the dataset stays as it is.")
    cases = datasets.scan(root, dataset)
    with plain_warnings():
        summary = _summary(pipeline.prepare(cases, store, workers, modalities or None, resample))
    click.echo(json.dumps(summary, indent=2) if as_json else _sentence(summary))


def _summary(store: Any) -> dict[str, Any]:
    return {
        "store": str(store.path),
        "cases": len(store.cases),
        "patients": len({case.patient for case in store.cases}),
        "labelled": sum(case.labelled for case in store.cases),
        "edition": store.edition,
        "modalities": list(store.modalities),
        "bytes": sum(file.stat().st_size for file in store.path.glob("*.h5")),
    }


def _sentence(summary: dict[str, Any]) -> str:
    return (
        f"{summary['store']} holds {counted(summary['cases'], 'case')} of "
        f"{counted(summary['patients'], 'patient')}, "
        f"{summary['labelled']} with labels{' of ' + summary['edition'] if summary['edition'] else ''}; "
        f"{', '.join(summary['modalities'])}; {summary['bytes'] / 1e6:.0f} MB"
    )

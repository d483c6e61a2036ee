"""``tfmed predict``: find, measure and place the lesions of a study, or of every case of an archive."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from tfmed.errors import TfmedError
from tfmed.tools._warnings import plain_warnings

EPILOG = """\b
Examples:
  tfmed predict brats_instance_seg patient_017/ -o out
  tfmed predict brats_instance_seg --image flair=a.nii.gz --image t1c=b.nii.gz --mask brain.nii.gz -o out
  tfmed predict brats_instance_seg --image flair=a.nii.gz#0 --image t1c=a.nii.gz#2 -o out  # one file
  tfmed predict brats_instance_seg BRATS2015_Testing --all -o out --labels brats2018

\b
OUT gets the label map and the instance map on the study's own grid, instances.json and overview.png; with
--all one such folder a case. Run again, --all skips what is done. Exit status 1: some cases failed."""


@click.command(epilog=EPILOG)
@click.argument("name")
@click.argument("study", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder of the results.")
@click.option(
    "--image",
    "images",
    multiple=True,
    metavar="MODALITY=FILE",
    help="One modality's file; FILE#2: its third volume.",
)
@click.option("--mask", type=click.Path(path_type=Path), help="The brain, non-zero inside.")
@click.option("--all", "every", is_flag=True, help="Predict every case under STUDY.")
@click.option("--dataset", help="Name of the layout with --all, where it isn't recognised by itself.")
@click.option("--weights", default="default", metavar="default|TAG|PATH", help="Weights to use.")
@click.option("--variant", help="Variant in the card, for weights from a path.")
@click.option("--modalities", metavar="A,B,...", help="Read these alone.  [default: all that are there]")
@click.option("--resample", is_flag=True, help="Bring modalities on different grids onto the first's.")
@click.option("--flips", is_flag=True, help="Look at every slice's mirror image, too; takes twice as long.")
@click.option("--format", metavar="ENDING", help="nii.gz, mha, nrrd, ...  [default: that of the study]")
@click.option("--labels", metavar="EDITION", help="Label values of this edition, as brats2018 or brats2023.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(
    name: str,
    study: Path | None,
    out: Path,
    images: tuple[str, ...],
    mask: Path | None,
    every: bool,
    dataset: str | None,
    weights: str,
    variant: str | None,
    modalities: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Find the lesions of STUDY (a folder in a known layout, or files by --image) with the model NAME."""
    if (study is None) == (not images) or (every and study is None):
        raise TfmedError("Name either the folder of a study, or files by --image MODALITY=FILE.")
    chosen = tuple(modalities.split(",")) if modalities else None
    with plain_warnings():
        if every and study is not None:
            _predict_archive(name, study, out, dataset, weights, variant, chosen, as_json, options)
        else:
            source: Any = _by_modality(images) if images else study
            # A file that the model can't read, or under a name it doesn't know, must not be passed over.
            chosen = chosen or (tuple(source) if images else None)
            _predict_one(name, source, mask, out, weights, variant, chosen, as_json, options)


def _predict_one(
    name: str,
    source: Any,
    mask: Path | None,
    out: Path,
    weights: str,
    variant: str | None,
    modalities: tuple[str, ...] | None,
    as_json: bool,
    options: dict[str, Any],
) -> None:
    from tfmed.progress import bar

    with bar(total=4, desc="reading the study", unit="step") as steps:
        from tfmed import zoo
        from tfmed.inference import Rules, check_output, open_study, predict

        study = open_study(source, mask, options["resample"])
        _next(steps, "loading the model")
        model = zoo.get(name, weights=weights, variant=variant)
        check_output(out, Rules.from_card(model.card), options["format"], options["labels"])
        _next(steps, "looking for lesions")
        result = predict(model, study, modalities=modalities, flips=options["flips"])
        _next(steps, "writing")
        result.save(out, format=options["format"], labels=options["labels"])
    if as_json:
        click.echo(json.dumps(result.as_dict(options["labels"]), indent=1, ensure_ascii=False))
    else:
        click.echo(f"{result.table()}\n{study.case_id}: {', '.join(result.modalities)} read; result in {out}")


def _predict_archive(
    name: str,
    root: Path,
    out: Path,
    dataset: str | None,
    weights: str,
    variant: str | None,
    modalities: tuple[str, ...] | None,
    as_json: bool,
    options: dict[str, Any],
) -> None:
    from tfmed import datasets, zoo
    from tfmed.inference import predict_all
    from tfmed.progress import bar

    cases = datasets.scan(root, dataset)
    model = zoo.get(name, weights=weights, variant=variant)
    outcomes = predict_all(model, cases, out, modalities=modalities, **options)
    found = list(bar(outcomes, total=len(cases), desc=f"{name} on {root.name}", unit="case"))
    failed = [outcome for outcome in found if outcome.state == "failed"]
    if as_json:
        click.echo(json.dumps([outcome.as_dict() for outcome in found], indent=1, ensure_ascii=False))
    else:
        counts = {state: sum(outcome.state == state for outcome in found) for state in ("written", "skipped")}
        click.echo(
            f"{counts['written']} written to {out}, {counts['skipped']} done before, {len(failed)} failed"
        )
        for outcome in failed:
            click.echo(f"  {outcome.case}: {outcome.reason}")
    if failed:
        sys.exit(1)


def _by_modality(images: tuple[str, ...]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for image in images:
        modality, equals, path = image.partition("=")
        if not (modality and equals and path):
            raise TfmedError(f"--image takes MODALITY=FILE, as in flair=scan.nii.gz. Received: {image}.")
        if modality in files:
            raise TfmedError(f"--image names {modality} twice: {files[modality]} and {path}.")
        files[modality] = Path(path)
    return files


def _next(steps: Any, what: str) -> None:
    steps.update()
    steps.set_description(what)

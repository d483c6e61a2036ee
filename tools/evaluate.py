"""``tfmed evaluate``: score a model of the zoo on labelled cases, beside a rule without a network."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tfmed.errors import TfmedError
from tfmed.tools._pictures import check_picture

EPILOG = """\b
Examples:
  tfmed evaluate brats_instance_seg --data BRATS2015_Training
  tfmed evaluate brats_instance_seg --data phantoms --split all --modalities flair,t1c --json scores.json
  tfmed evaluate brats_instance_seg --data phantoms --weights run/final.weights.h5 --weights default
  tfmed evaluate brats_instance_seg --data gliomas --data healthy --resample person --reliability chart.png
  tfmed evaluate --compare before.json after.json
  tfmed evaluate --compare scores.json#rule scores.json#default --json difference.json

\b
Means come with n and a 95 % interval that resamples patients. "rule" is smoothed FLAIR z > 1 as whole tumour
and T1c z > 1 in it as enhancing: what any model has to beat. Of healthy cases false lesions are counted.
With --json FILE a call that was stopped goes on."""


@click.command(epilog=EPILOG)
@click.argument("name", required=False)
@click.option(
    "--data", "roots", multiple=True, type=click.Path(path_type=Path),
    help="A dataset's root; several are scored as one set.",
)  # fmt: skip
@click.option("--dataset", help="Name of the layout, where it isn't recognised by itself.")
@click.option(
    "--split", type=click.Choice(["test", "val", "train", "all"]), default="test", show_default=True,
    help="Patients to score, by the hash of their names.",
)  # fmt: skip
@click.option("--folds", type=int, help="Split the patients into so many folds.")
@click.option("--fold", type=int, help="The fold that is the test part, from 0.")
@click.option(
    "--weights", "all_weights", multiple=True, default=("default",), metavar="default|TAG|PATH",
    help="Weights to score; several are compared.  [default: default]",
)  # fmt: skip
@click.option("--variant", help="Variant in the card, for weights from a path.")
@click.option("--modalities", metavar="A,B,...", help="Read these alone.  [default: all that are there]")
@click.option("--rule/--no-rule", default=True, show_default=True, help="Score the rule, too.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Score the first N cases only.")
@click.option(
    "--resample", "unit", type=click.Choice(["patient", "person"]), default="patient", show_default=True,
    help="What intervals resample; a person is whose anatomy a phantom has.",
)  # fmt: skip
@click.option("--reliability", type=click.Path(path_type=Path), help="Draw confidence against truth.")
@click.option(
    "--compare",
    nargs=2,
    metavar="A B",
    help="Compare two results, FILE or FILE#PREDICTOR, instead of scoring.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write every score to this file.")
def command(
    name: str | None,
    roots: tuple[Path, ...],
    compare: tuple[str, str] | None,
    unit: str,
    json_path: Path | None,
    reliability: Path | None,
    **options: Any,
) -> None:
    """Score the model NAME on the labelled cases of --data that are in the split."""
    for path in (json_path, reliability):
        if path is not None and not path.absolute().parent.is_dir():
            raise TfmedError(f"{path} can't be written: its folder doesn't exist.")
    if reliability is not None:
        check_picture(reliability)
    if compare:
        _compare(*compare, unit, json_path)
    elif name is None or not roots:
        raise TfmedError("Name a model and --data ROOT to score it, or two results by --compare A B.")
    else:
        _score(name, roots, unit, json_path, reliability, options)


def _compare(first: str, second: str, unit: str, json_path: Path | None) -> None:
    from tfmed.evaluation import comparison
    from tfmed.evaluation.report import write_json

    found = comparison.compare(first, second, unit)
    if json_path is not None:
        write_json(found, json_path)
    click.echo(comparison.table(found).text())


def _score(
    name: str,
    roots: tuple[Path, ...],
    unit: str,
    json_path: Path | None,
    reliability: Path | None,
    options: dict[str, Any],
) -> None:
    from tfmed import datasets, evaluation
    from tfmed.evaluation.journal import forget

    split, folds, fold = (options[key] for key in ("split", "folds", "fold"))
    found = [evaluation.labelled_cases(root, split, options["dataset"], folds, fold) for root in roots]
    cases = [case for each in found for case in each][: options["limit"]]
    modalities = options["modalities"]
    chosen = tuple(modalities.split(",")) if modalities else None
    rows, scorer = _rows(name, cases, chosen, json_path, options)
    report = evaluation.Report(
        model=name,
        data=tuple(map(str, roots)),
        split=split if folds is None else f"{split} of fold {fold} of {folds}",
        split_hash=datasets.split_hash(cases),
        modalities=chosen,
        evaluations=[
            evaluation.Evaluation(title, each, scorer.groups, scorer.metrics, unit)
            for title, each in rows.items()
        ],
    )
    if json_path is not None:
        report.save(json_path)
        forget(json_path)
    click.echo(report.table())
    if reliability is not None:
        report.draw_reliability(reliability)
    if report.failures():
        sys.exit(1)


def _rows(
    name: str,
    cases: list[Any],
    modalities: tuple[str, ...] | None,
    json_path: Path | None,
    options: dict[str, Any],
) -> tuple[dict[str, list[Any]], Any]:
    """Rows with each of the weights, then those of the rule, by title; and the scorer."""
    from tfmed import evaluation, zoo
    from tfmed.evaluation.journal import Journal, setting
    from tfmed.inference import Rules
    from tfmed.progress import bar

    card = zoo.card(name)
    scorer = evaluation.scorer_for(card)
    models = [zoo.get(name, weights=each, variant=options["variant"]) for each in options["all_weights"]]
    predictors = {
        title: evaluation.model_predictor(model, modalities)
        for title, model in zip(options["all_weights"], models, strict=True)
    }
    if options["rule"] and evaluation.rule_applies(cases, Rules.from_card(card), modalities):
        predictors["rule"] = evaluation.rule_predictor(modalities)
    journal = Journal(json_path, setting(models, cases, modalities=modalities))
    journal.tell()

    def scored(title: str, predictor: Any) -> list[Any]:
        made = journal.rows(
            title, cases, lambda left: map(asdict, evaluation.evaluate(predictor, left, scorer))
        )
        return [evaluation.Row.from_dict(row) for row in bar(made, len(cases), desc=title, unit="case")]

    return {title: scored(title, predictor) for title, predictor in predictors.items()}, scorer

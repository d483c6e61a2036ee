"""``tfmed evaluate``: score a model of the zoo on labelled cases, beside a rule without a network."""

import sys
from pathlib import Path
from typing import Any

import click

from tfmed.errors import TfmedError

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
and T1c z > 1 in it as enhancing: what any model has to beat. Of healthy cases false lesions are counted."""


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
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Score the first N cases only.")
@click.option(
    "--resample", "unit", type=click.Choice(["patient", "person"]), default="patient", show_default=True,
    help="What intervals resample; a person is whose anatomy a phantom has.",
)  # fmt: skip
@click.option("--reliability", type=click.Path(path_type=Path), help="Draw confidence against truth: a PNG.")
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

    split, folds, fold = (options[key] for key in ("split", "folds", "fold"))
    found = [evaluation.labelled_cases(root, split, options["dataset"], folds, fold) for root in roots]
    cases = [case for each in found for case in each][: options["limit"]]
    modalities = options["modalities"]
    chosen = tuple(modalities.split(",")) if modalities else None
    report = evaluation.Report(
        model=name,
        data=tuple(map(str, roots)),
        split=split if folds is None else f"{split} of fold {fold} of {folds}",
        split_hash=datasets.split_hash(cases),
        modalities=chosen,
        evaluations=_evaluations(name, cases, options["all_weights"], options["variant"], chosen, unit),
    )
    if json_path is not None:
        report.save(json_path)
    click.echo(report.table())
    if reliability is not None:
        report.draw_reliability(reliability)
    if report.failures():
        sys.exit(1)


def _evaluations(
    name: str,
    cases: list[Any],
    all_weights: tuple[str, ...],
    variant: str | None,
    modalities: tuple[str, ...] | None,
    unit: str,
) -> list[Any]:
    """Scores with each of the weights, then those of the rule."""
    from tfmed import evaluation, zoo
    from tfmed.inference import Rules
    from tfmed.progress import bar

    card = zoo.card(name)
    scorer = evaluation.scorer_for(card)

    def score(title: str, predictor: Any) -> Any:
        rows = evaluation.evaluate(predictor, cases, scorer)
        with_bar = bar(rows, total=len(cases), desc=title, unit="case")
        return evaluation.Evaluation(title, list(with_bar), scorer.groups, scorer.metrics, unit)

    found = []
    for weights in all_weights:
        model = zoo.get(name, weights=weights, variant=variant)
        found.append(score(weights, evaluation.model_predictor(model, modalities)))
    if evaluation.rule_applies(cases, Rules.from_card(card), modalities):
        found.append(score("rule", evaluation.rule_predictor(modalities)))
    return found

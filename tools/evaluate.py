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

\b
Means come with n and a 95 % interval that resamples patients. "rule" is smoothed FLAIR z > 1 as whole tumour
and T1c z > 1 in it as enhancing: what any model has to beat."""


@click.command(epilog=EPILOG)
@click.argument("name")
@click.option("--data", "root", required=True, type=click.Path(path_type=Path), help="A dataset's root.")
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
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write every score to this file.")
def command(
    name: str,
    root: Path,
    dataset: str | None,
    split: str,
    folds: int | None,
    fold: int | None,
    all_weights: tuple[str, ...],
    variant: str | None,
    modalities: str | None,
    limit: int | None,
    json_path: Path | None,
) -> None:
    """Score the model NAME on the labelled cases under ROOT that are in the split."""
    from tfmed import datasets, evaluation

    if json_path is not None and not json_path.absolute().parent.is_dir():
        raise TfmedError(f"{json_path} can't be written: its folder doesn't exist.")
    cases = evaluation.labelled_cases(root, split, dataset, folds, fold)[:limit]
    chosen = tuple(modalities.split(",")) if modalities else None
    report = evaluation.Report(
        model=name,
        data=str(root),
        split=split if folds is None else f"{split} of fold {fold} of {folds}",
        split_hash=datasets.split_hash(cases),
        modalities=chosen,
        evaluations=_evaluations(name, cases, all_weights, variant, chosen),
    )
    if json_path is not None:
        report.save(json_path)
    click.echo(report.table())
    if report.failures():
        sys.exit(1)


def _evaluations(
    name: str,
    cases: list[Any],
    all_weights: tuple[str, ...],
    variant: str | None,
    modalities: tuple[str, ...] | None,
) -> list[Any]:
    """Scores with each of the weights, then those of the rule."""
    from tfmed import evaluation, zoo
    from tfmed.inference import Rules
    from tfmed.progress import bar

    rules = Rules.from_card(zoo.card(name))

    def score(title: str, predictor: Any) -> Any:
        rows = evaluation.evaluate(predictor, cases, rules)
        with_bar = bar(rows, total=len(cases), desc=title, unit="case")
        return evaluation.Evaluation(title, list(with_bar), rules.names)

    found = []
    for weights in all_weights:
        model = zoo.get(name, weights=weights, variant=variant)
        found.append(score(weights, evaluation.model_predictor(model, modalities)))
    if evaluation.rule_applies(cases, rules, modalities):
        found.append(score("rule", evaluation.rule_predictor(modalities)))
    return found

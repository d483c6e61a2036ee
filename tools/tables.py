"""``tfmed tables``: the report's Tables 3, 4 and 5 in its layout, filled by what is measured."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from tfmed.errors import TfmedError
from tfmed.wording import counted

EPILOG = """\b
Examples:
  tfmed tables 3 --data phantoms --split all --limit 5 --json table3.json
  tfmed tables 4 --data BRATS2015_Training
  tfmed tables 5 --data phantoms --split all --resample person --as markdown > table5.md

\b
3: Dice by modalities, 15 predictions a case. 4: slices by class, view and modality. 5: accuracy of boxes,
mask estimates and instances by class, average precision, and scores of whole volumes beside those of the
rule. With --json FILE, 3 and 5 go on where they were stopped. What the report claims stands in columns of
its own; what can't be measured is a dash."""


@click.command(epilog=EPILOG)
@click.argument("number", type=click.Choice(["3", "4", "5"]))
@click.option("--data", "root", required=True, type=click.Path(path_type=Path), help="A dataset's root.")
@click.option("--dataset", help="Name of the layout, where it isn't recognised by itself.")
@click.option(
    "--split", type=click.Choice(["test", "val", "train", "all"]), default="test", show_default=True,
    help="Patients to score for 3 and 5, by the hash of their names; 4 counts all.",
)  # fmt: skip
@click.option("--model", "name", default="brats_instance_seg", show_default=True, help="A name of the zoo.")
@click.option("--weights", default="default", metavar="default|TAG|PATH", help="Weights to use.")
@click.option("--variant", help="Variant in the card, for weights from a path.")
@click.option("--reported", is_flag=True, help="Of 3 the report's nine rows alone, not all fifteen.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Use the first N cases only.")
@click.option(
    "--resample", "unit", type=click.Choice(["patient", "person"]), default="patient", show_default=True,
    help="What intervals resample; a person is whose anatomy a phantom has.",
)  # fmt: skip
@click.option(
    "--as", "style", type=click.Choice(["text", "markdown", "csv"]), default="text", show_default=True,
    help="How the table is printed.",
)  # fmt: skip
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write every figure to this file.")
def command(number: str, json_path: Path | None, style: str, **options: Any) -> None:
    """Fill the report's Table NUMBER (3, 4 or 5) from the cases under ROOT."""
    from tfmed.evaluation.journal import forget
    from tfmed.evaluation.report import write_json

    if json_path is not None and not json_path.absolute().parent.is_dir():
        raise TfmedError(f"{json_path} can't be written: its folder doesn't exist.")
    make: dict[str, Any] = {"3": _table_3, "4": _table_4, "5": _table_5}
    tables, content, failures = make[number](json_path, **options)
    if json_path is not None:
        write_json(content, json_path)
        forget(json_path)
    click.echo("\n\n".join(getattr(table, style)() for table in tables))
    for failure in failures:
        click.echo(f"tfmed: failed: {failure}", err=True)
    if failures:
        sys.exit(1)


def _table_3(json_path: Path | None, reported: bool, unit: str, **options: Any) -> tuple[Any, Any, list[str]]:
    from tfmed.evaluation import measuring, report_tables

    cases, model, header = _setting(3, **options)
    subsets = report_tables.subsets(every=not reported)
    header["rows"] = [list(subset) for subset in subsets]
    rows = _rows(
        json_path, header, model, cases, lambda left: measuring.dices_by_modalities(model, left, subsets)
    )
    scored = [row for row in rows if "dice" in row]
    table, content = report_tables.table_3(scored, subsets, unit, _where(options, len(scored)))
    failures = [f"{row['case']}: {row['failure']}" for row in rows if "failure" in row]
    return [table], header | {"resample": unit, "table": content, "cases": rows}, failures


def _table_4(
    json_path: Path | None, root: Path, dataset: str | None, limit: int | None, **_: Any
) -> tuple[Any, Any, list[str]]:
    from tfmed.datasets import report
    from tfmed.datasets.stats import Stats, measured
    from tfmed.evaluation import report_tables
    from tfmed.progress import bar

    cases = report(root, dataset).cases[:limit]
    stats, failures = Stats(), []
    for case, found in bar(measured(cases), total=len(cases), desc="reading", unit="case"):
        if isinstance(found, str):
            failures.append(f"{case.id}: {found}")
        else:
            stats.add(found)
    table, content = report_tables.table_4(stats.as_dict(), f"{counted(len(cases), 'case')} of {root}")
    return [table], {"number": 4, "data": str(root), "table": content}, failures


def _table_5(json_path: Path | None, unit: str, **options: Any) -> tuple[Any, Any, list[str]]:
    from tfmed.evaluation import measuring, report_tables, rule_applies
    from tfmed.inference import Rules

    cases, model, header = _setting(5, **options)
    rules = Rules.from_card(model.card)
    with_rule = rule_applies(cases, rules)

    def work(left: list[Any]) -> Iterator[dict[str, Any]]:
        return (found.as_dict() for found in measuring.stages_of(model, left, with_rule))

    found = [measuring.CaseStages.from_dict(row) for row in _rows(json_path, header, model, cases, work)]
    scored = [(each.tallies, each.rows["model"].unit(unit)) for each in found if each.tallies]
    tables, content = report_tables.table_5(
        [tallies for tallies, _ in scored],
        [person for _, person in scored],
        measuring.volumes(found, rules.names, unit),
        _where(options, len(scored)),
    )
    failures = [failure for each in found for failure in each.failures()]
    return tables, header | {"resample": unit, "table": content}, failures


def _rows(
    json_path: Path | None,
    header: dict[str, Any],
    model: Any,
    cases: list[Any],
    work: Callable[[list[Any]], Iterator[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """A row a case; with a path those that a stopped call kept beside it are not made again."""
    from tfmed.evaluation.journal import Journal, setting
    from tfmed.progress import bar

    journal = Journal(json_path, setting([model], cases, result=header))
    journal.tell()
    made = journal.rows("model", cases, work)
    return list(bar(made, total=len(cases), desc=f"table {header['number']}", unit="case"))


def _setting(number: int, **options: Any) -> tuple[Any, Any, dict[str, Any]]:
    """The cases, the model, and what names both."""
    from tfmed import datasets, evaluation, zoo

    root, name, weights = options["root"], options["name"], options["weights"]
    cases = evaluation.labelled_cases(root, options["split"], options["dataset"])[: options["limit"]]
    model = zoo.get(name, weights=weights, variant=options["variant"])
    tag = zoo.card(name)["default_weights"] if weights == "default" else weights
    header = {"number": number, "model": name, "weights": tag, "data": str(root), "split": options["split"]}
    return cases, model, header | {"split_hash": datasets.split_hash(cases)}


def _where(options: dict[str, Any], scored: int) -> str:
    return f"{options['name']} on {counted(scored, 'case')} of {options['root']} (split: {options['split']})"

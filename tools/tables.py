"""``tfmed tables``: the report's Tables 3, 4 and 5 in its layout, filled by what is measured."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from tfmed.errors import TfmedError

EPILOG = """\b
Examples:
  tfmed tables 3 --data phantoms --split all --limit 5 --json table3.json
  tfmed tables 4 --data BRATS2015_Training
  tfmed tables 5 --data phantoms --split all --resample person --as markdown > table5.md

\b
3: Dice by modalities; 15 predictions a case, and with --json FILE it goes on where it was stopped.
4: slices by class, view and modality. 5: accuracy of boxes, mask estimates and instances by class, average
precision, and scores of whole volumes beside those of the rule. What the report claims stands in columns of
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
    from tfmed.evaluation.report import write_json

    if json_path is not None and not json_path.absolute().parent.is_dir():
        raise TfmedError(f"{json_path} can't be written: its folder doesn't exist.")
    make: dict[str, Any] = {"3": _table_3, "4": _table_4, "5": _table_5}
    tables, content, failures = make[number](json_path, **options)
    if json_path is not None:
        write_json(content, json_path)
    click.echo("\n\n".join(getattr(table, style)() for table in tables))
    for failure in failures:
        click.echo(f"tfmed: failed: {failure}", err=True)
    if failures:
        sys.exit(1)


def _table_3(json_path: Path | None, reported: bool, unit: str, **options: Any) -> tuple[Any, Any, list[str]]:
    from tfmed.evaluation import measuring, report_tables
    from tfmed.evaluation.report import write_json
    from tfmed.progress import bar

    cases, model, header = _setting(3, **options)
    subsets = report_tables.subsets(every=not reported)
    header["rows"] = [list(subset) for subset in subsets]
    done = _done_before(json_path, header)
    left = [case for case in cases if case.id not in {row["case"] for row in done}]
    found = measuring.dices_by_modalities(model, left, subsets)
    for row in bar(found, total=len(left), desc="table 3", unit="case"):
        done.append(row)
        if json_path is not None:
            write_json(header | {"cases": done}, json_path)
    scored = [row for row in done if "dice" in row]
    table, content = report_tables.table_3(scored, subsets, unit, _where(options, len(scored)))
    failures = [f"{row['case']}: {row['failure']}" for row in done if "failure" in row]
    return [table], header | {"resample": unit, "table": content, "cases": done}, failures


def _done_before(json_path: Path | None, header: dict[str, Any]) -> list[dict[str, Any]]:
    """Cases that this file holds from a run with the same setting; those that failed are tried again."""
    try:
        before = json.loads(json_path.read_text("utf-8")) if json_path else {}
    except (OSError, ValueError):
        return []
    same = isinstance(before, dict) and all(before.get(key) == value for key, value in header.items())
    return [row for row in before.get("cases", []) if "dice" in row] if same else []


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
    table, content = report_tables.table_4(stats.as_dict(), f"{len(cases)} cases of {root}")
    return [table], {"number": 4, "data": str(root), "table": content}, failures


def _table_5(json_path: Path | None, unit: str, **options: Any) -> tuple[Any, Any, list[str]]:
    from tfmed.evaluation import measuring, report_tables
    from tfmed.inference import Rules
    from tfmed.progress import bar

    cases, model, header = _setting(5, **options)
    results = measuring.StageResults()
    for grown in bar(measuring.stages_of(model, cases), total=len(cases), desc="table 5", unit="case"):
        results = grown
    volumes = results.volumes(Rules.from_card(model.card).names, unit)
    where = _where(options, len(results.tallies))
    tables, content = report_tables.table_5(results.tallies, results.units(unit), volumes, where)
    return tables, header | {"resample": unit, "table": content}, results.failures()


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
    return f"{options['name']} on {scored} cases of {options['root']} (split: {options['split']})"

"""Two results of ``tfmed evaluate --json``: paired differences, and whether they are chance."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.evaluation.bootstrap import Interval, paired_difference
from tfmed.evaluation.table import Table, cell
from tfmed.wording import counted

COMPARED = ("dice", "sensitivity", "hd95_mm", "lesion_dice", "lesion_hd95_mm", "lesion_f1", "pq")


@dataclass(frozen=True)
class Scores:
    """One predictor's rows of a result file, by case."""

    title: str
    regions: tuple[str, ...]
    rows: dict[str, dict[str, Any]]


def read(source: str) -> Scores:
    """FILE, or FILE#NAME for another predictor than the file's first.

    Raises:
        TfmedError: no such file or predictor, or not a result of ``tfmed evaluate --json``.
    """
    file, _, name = source.partition("#")
    try:
        by_name = {each["name"]: each for each in json.loads(Path(file).read_text("utf-8"))["evaluations"]}
        chosen = by_name.get(name) if name else next(iter(by_name.values()))
        rows = {row["case"]: row for row in chosen["rows"]} if chosen else {}
    except OSError as error:
        raise TfmedError(f"{file} can't be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, StopIteration):
        raise TfmedError(f"{file} isn't a result of tfmed evaluate --json.") from None
    if chosen is None:
        raise TfmedError(f"{file} holds no predictor {name!r}. Known: {', '.join(by_name)}.")
    return Scores(f"{file}#{chosen['name']}", tuple(chosen["summary"]), rows)


def compare(first: str, second: str, unit: str = "patient") -> dict[str, Any]:
    """Second minus first over the cases that both have scored, region by region and score by score.

    Args:
        first, second: see `read`.
        unit: "patient" or "person": what intervals resample, and what the test takes the means of.

    Returns:
        ``first``, ``second``, ``unit``, ``cases``, ``left_out`` (cases of one file alone) and ``differences``
        [{region, metric, first, second, difference, n, patients, interval, p}]; ``p`` of Wilcoxon's
        signed-rank test on the units' mean differences, two-sided; None with fewer than two units that
        differ.

    Raises:
        TfmedError: a file that can't be read, or no case in common.
    """
    a, b = read(first), read(second)
    cases = [case for case in a.rows if case in b.rows]
    if not cases:
        raise TfmedError(f"{a.title} and {b.title} have no case in common; score both on the same data.")
    units = [a.rows[case].get(unit) or a.rows[case]["patient"] for case in cases]
    differences = []
    for region in (name for name in a.regions if name in b.regions):
        for metric in COMPARED:
            pairs = [_value(scores, cases, region, metric) for scores in (a, b)]
            found = paired_difference(pairs[0], pairs[1], units)
            if found.mean is not None:
                differences.append(_row(region, metric, pairs, units, found))
    return {
        "first": a.title,
        "second": b.title,
        "unit": unit,
        "cases": len(cases),
        "left_out": sorted(set(a.rows) ^ set(b.rows)),
        "differences": differences,
    }


def _value(scores: Scores, cases: list[str], region: str, metric: str) -> list[float | None]:
    rows = (scores.rows[case] for case in cases)
    return [None if row.get("healthy") else row["scores"].get(region, {}).get(metric) for row in rows]


def _row(
    region: str, metric: str, pairs: Sequence[list[float | None]], units: Sequence[str], found: Interval
) -> dict[str, Any]:
    both = [(x, y, unit) for x, y, unit in zip(*pairs, units, strict=True) if x is not None and y is not None]
    return {
        "region": region,
        "metric": metric,
        "first": float(np.mean([x for x, _, _ in both])),
        "second": float(np.mean([y for _, y, _ in both])),
        "difference": found.mean,
        "n": found.n,
        "patients": found.patients,
        "interval": found.interval,
        "p": signed_rank_p([y - x for x, y, _ in both], [unit for _, _, unit in both]),
    }


def signed_rank_p(differences: Sequence[float], units: Sequence[str]) -> float | None:
    """Two-sided p of Wilcoxon's signed-rank test on the mean difference of each unit; None below two units
    that differ at all."""
    from scipy.stats import wilcoxon

    _, index = np.unique(np.asarray(units, str), return_inverse=True)
    means = np.bincount(index, differences) / np.bincount(index)
    return float(wilcoxon(means).pvalue) if np.count_nonzero(means) > 1 else None


def table(found: dict[str, Any]) -> Table:
    """The comparison for a terminal."""
    rows = [
        [
            row["region"], row["metric"], f"{row['first']:.3f}", f"{row['second']:.3f}",
            cell(row["difference"], row["interval"], signed=True), str(row["n"]),
            "-" if row["p"] is None else f"{row['p']:.2g}",
        ]
        for row in found["differences"]
    ]  # fmt: skip
    notes = [f"interval: 95 % over {found['unit']}s; p: Wilcoxon's signed-rank test over {found['unit']}s"]
    if found["left_out"]:
        notes.append(f"in one of the files alone, and left out: {', '.join(found['left_out'])}")
    return Table(
        f"{found['second']} minus {found['first']}, {counted(found['cases'], 'case')}",
        ["region", "score", "first", "second", "difference", "n", "p"],
        rows,
        notes,
    )

"""Scores of several predictors on the same cases, as a table for people and as JSON for machines."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfmed.errors import TfmedError
from tfmed.evaluation.bootstrap import Interval, paired_difference
from tfmed.evaluation.evaluator import Evaluation

# Of the many scores those that a table of 110 columns can hold.
COLUMNS = {
    "dice": "Dice",
    "sensitivity": "sensitivity",
    "hd95_mm": "HD95 mm",
    "lesion_dice": "lesion Dice",
    "lesion_f1": "lesion F1",
}


@dataclass(frozen=True)
class Report:
    """What was scored on what. `split_hash` names the set of cases; others are compared with the first."""

    model: str
    data: str
    split: str
    split_hash: str
    modalities: tuple[str, ...] | None
    evaluations: list[Evaluation]

    def failures(self) -> list[str]:
        """ "NAME, CASE: reason" of every case that could not be scored."""
        return [
            f"{each.name}, {row.case}: {row.failure}"
            for each in self.evaluations
            for row in each.rows
            if row.failure
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return {
            "model": self.model,
            "data": self.data,
            "split": self.split,
            "split_hash": self.split_hash,
            "modalities": list(self.modalities) if self.modalities else None,
            "evaluations": [each.as_dict() for each in self.evaluations],
            "dice_differences": {
                other.name: {region: asdict(self._difference(other, region)) for region in other.regions}
                for other in self.evaluations[1:]
            },
        }

    def save(self, path: str | Path) -> None:
        """Writes the JSON beside and then renames it; TfmedError where that can't be done."""
        path = Path(path)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            beside.write_text(json.dumps(self.as_dict(), indent=1, ensure_ascii=False) + "\n", "utf-8")
            beside.replace(path)
        except OSError as error:
            raise TfmedError(f"{path} can't be written: {error.strerror or error}.") from error

    def table(self) -> str:
        """A line a predictor and region: means with their intervals, and n."""
        first = self.evaluations[0]
        patients = len(set(first.patients))
        modalities = ", ".join(self.modalities) if self.modalities else "all modalities that a case has"
        head = ["predictor", "region", "n", *COLUMNS.values()]
        rows = [
            [each.name, region, str(each.mean(region, "dice").n)]
            + [_cell(each.mean(region, metric), metric) for metric in COLUMNS]
            for each in self.evaluations
            for region in each.regions
        ]
        lines = [
            f"{self.model} on {len(first.rows)} cases of {patients} patients of {self.data}",
            f"split: {self.split}, hash {self.split_hash[:16]}; {modalities}",
            "mean [95 % interval over patients]",
            "",
            *_aligned(head, rows),
            *self._differences(),
        ]
        failures = self.failures()
        return "\n".join([*lines, *(["", "could not be scored:"] if failures else []), *failures])

    def _differences(self) -> list[str]:
        lines = []
        for other in self.evaluations[1:]:
            parts = [
                f"{region} {_signed(self._difference(other, region))}"
                for region in other.regions
                if self._difference(other, region).mean is not None
            ]
            lines.append(f"Dice of {other.name} minus {self.evaluations[0].name}: {', '.join(parts)}")
        return ["", *lines] if lines else []

    def _difference(self, other: Evaluation, region: str) -> Interval:
        first = self.evaluations[0]
        return paired_difference(first.values(region, "dice"), other.values(region, "dice"), first.patients)


def _cell(score: Interval, metric: str) -> str:
    digits = 1 if metric.endswith("_mm") else 3
    if score.mean is None:
        return "-"
    if score.interval is None:
        return f"{score.mean:.{digits}f}"
    low, high = score.interval
    return f"{score.mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _signed(score: Interval) -> str:
    if score.interval is None:
        return f"{score.mean:+.3f}"
    return f"{score.mean:+.3f} [{score.interval[0]:+.3f}, {score.interval[1]:+.3f}]"


def _aligned(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]

"""Scores of several predictors on the same cases, as a table for people and as JSON for machines."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfmed.errors import TfmedError
from tfmed.evaluation.bootstrap import Interval, paired_difference
from tfmed.evaluation.calibration import draw
from tfmed.evaluation.evaluator import Evaluation
from tfmed.evaluation.table import aligned, cell
from tfmed.wording import counted

# Of the many scores those that a table of 130 columns can hold.
COLUMNS = {
    "dice": "Dice",
    "sensitivity": "sensitivity",
    "hd95_mm": "HD95 mm",
    "lesion_dice": "lesion Dice",
    "lesion_f1": "lesion F1",
    "pq": "PQ",
}


@dataclass(frozen=True)
class Report:
    """What was scored on what. `split_hash` names the set of cases; others are compared with the first."""

    model: str
    data: tuple[str, ...]
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
            "data": list(self.data),
            "split": self.split,
            "split_hash": self.split_hash,
            "modalities": list(self.modalities) if self.modalities else None,
            "resample": self.evaluations[0].unit,
            "evaluations": [each.as_dict() for each in self.evaluations],
            "dice_differences": {
                other.name: {region: asdict(self._difference(other, region)) for region in other.regions}
                for other in self.evaluations[1:]
            },
        }

    def save(self, path: str | Path) -> None:
        """Writes the JSON beside and then renames it; TfmedError where that can't be done."""
        write_json(self.as_dict(), path)

    def draw_reliability(self, path: str | Path) -> None:
        """The reliability diagram of every predictor that knows confidences, in the format of the ending of
        ``path``; TfmedError without any.
        """
        draw({each.name: each.rows for each in self.evaluations}, path)

    def table(self) -> str:
        """A line a predictor and region: means with their intervals, and n; then healthy cases, FROC,
        calibration and differences, as far as there are any."""
        first = self.evaluations[0]
        one, unit = ("person", "people") if first.unit == "person" else ("patient", "patients")
        modalities = ", ".join(self.modalities) if self.modalities else "all modalities that a case has"
        shown = first.metrics if len(first.metrics) <= len(COLUMNS) else COLUMNS
        columns = {name: COLUMNS.get(name, name) for name in shown if name in first.metrics}
        head = ["predictor", "region", "n", *columns.values()]
        rows = [
            [each.name, region, str(max(each.mean(region, metric).n for metric in columns))]
            + [_cell(each.mean(region, metric), metric) for metric in columns]
            for each in self.evaluations
            for region in each.regions
        ]
        failures = self.failures()
        lines = [
            f"{self.model} on {counted(len(first.rows), 'case')} of "
            f"{counted(len(set(first.units)), one, unit)}",
            f"data: {', '.join(self.data)}",
            f"split: {self.split}, hash {self.split_hash[:16]}; {modalities}",
            f"mean [95 % interval over {unit}]",
            "",
            *aligned(head, rows),
            *self._extras(),
            *self._differences(),
            *(["", "could not be scored:"] if failures else []),
            *failures,
        ]
        return "\n".join(lines)

    def _extras(self) -> list[str]:
        lines = []
        for each in self.evaluations:
            healthy, found, mended = each.false_lesions_when_healthy(), each.froc(), each.calibration()
            if healthy.mean is not None:
                shown = cell(healthy.mean, healthy.interval)
                lines.append(f"{each.name}: {shown} false lesions a healthy case, n={healthy.n}")
            if found:
                points = ", ".join(
                    f"{share:.2f} at {false:g}"
                    for false, share in zip(found["false_a_case"], found["sensitivity"], strict=True)
                )
                lines.append(f"{each.name}: sensitivity for lesions at false ones a case (FROC): {points}")
            if mended:
                lines.append(
                    f"{each.name}: expected calibration error {mended['expected_error']:.3f} over "
                    f"{mended['lesions']} found lesions, {mended['real']} of them real"
                )
        return ["", *lines] if lines else []

    def _differences(self) -> list[str]:
        lines = []
        for other in self.evaluations[1:]:
            parts = [
                f"{region} {cell(found.mean, found.interval, signed=True)}"
                for region in other.regions
                if (found := self._difference(other, region)).mean is not None
            ]
            if parts:
                lines.append(f"Dice of {other.name} minus {self.evaluations[0].name}: {', '.join(parts)}")
        return ["", *lines] if lines else []

    def _difference(self, other: Evaluation, region: str) -> Interval:
        first = self.evaluations[0]
        return paired_difference(first.values(region, "dice"), other.values(region, "dice"), first.units)


def _cell(score: Interval, metric: str) -> str:
    return cell(score.mean, score.interval, digits=1 if metric.endswith("_mm") else 3)


def write_json(content: dict[str, Any], path: str | Path) -> None:
    """Writes beside and then renames; TfmedError where that can't be done."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
        beside.replace(path)
    except OSError as error:
        raise TfmedError(f"{path} can't be written: {error.strerror or error}.") from error

"""Tables 3, 4 and 5 of the report in its layout: what was measured, its claims in columns of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

from tfmed.evaluation.average_precision import Pool, interval, pooled
from tfmed.evaluation.bootstrap import Interval, mean_interval
from tfmed.evaluation.claims import TABLE_3, TABLE_4, TABLE_5
from tfmed.evaluation.evaluator import Evaluation
from tfmed.evaluation.stages import STAGES, Tally
from tfmed.evaluation.table import Table, cell

MODALITIES_3 = ("t1", "t1c", "t2", "flair")
MODALITIES_4 = ("flair", "t1", "t2", "t1c", "dwi")
VIEWS = ("axial", "coronal", "sagittal")
CLASSES_4 = {"Tumor-HGG": "HGG", "Tumor-LGG": "LGG", "ISLES": "stroke"}
STAGES_5 = {"box": "bounding box regression", "mask": "mask estimation", "instance": "instance segmentation"}
UNMEASURED = "no model of the zoo detects ischaemic stroke"

Tallies = Mapping[str, Tally]


def subsets(every: bool) -> list[tuple[str, ...]]:
    """The report's nine subsets of modalities, in its order, or all fifteen with the other six below."""
    reported = list(TABLE_3)
    all_of_them = [each for size in range(1, 5) for each in combinations(MODALITIES_3, size)]
    return reported + [each for each in all_of_them if every and each not in reported]


def table_3(
    cases: Sequence[Mapping[str, Any]], chosen: Sequence[tuple[str, ...]], unit: str, where: str
) -> tuple[Table, Any]:
    """Dice of the whole tumour by the modalities that were read.

    Args:
        cases: of each ``patient``, ``person`` and ``dice``: {"t1+flair": {"model": .., "rule": ..}}.
        chosen: subsets of modalities, a row each.
        unit: "patient" or "person", what intervals resample.
        where: names what was measured on.
    """
    units = [case[unit] for case in cases]
    rows, content = [], []
    for modalities in chosen:
        scores = [case["dice"].get("+".join(modalities), {}) for case in cases]
        found = {
            name: mean_interval([each.get(name) for each in scores], units) for name in ("model", "rule")
        }
        claimed = TABLE_3.get(modalities, (None, None))
        marks = ["x" if name in modalities else "-" for name in MODALITIES_3]
        shown = [_cell(each) for each in found.values()]
        rows.append([*marks, str(found["model"].n), *shown, _percent(claimed[0]), "-", _percent(claimed[1])])
        content.append(
            {"modalities": list(modalities), **{name: asdict(each) for name, each in found.items()}}
            | {"claimed_brats": claimed[0], "isles": None, "claimed_isles": claimed[1]}
        )
    heads = [
        "T1",
        "T1c",
        "T2",
        "F/D",
        "n",
        "Dice",
        "Dice of rule",
        "claim BRATS",
        "Dice ISLES",
        "claim ISLES",
    ]
    notes = [
        f"Dice over voxels, mean [95 % interval over {unit}s]. A dash under the rule: it needs FLAIR.",
        f"Not measured on ISLES: {UNMEASURED}. Claims are the report's, of data that is not this.",
    ]
    title = f"Table 3: Dice of the whole tumour by modalities, {where}"
    return Table(title, heads, rows, notes), content


def table_4(stats: Mapping[str, Any], where: str) -> tuple[Table, Any]:
    """Slices by class, view and modality, as ``tfmed data stats`` counts them."""
    counted = {(row["class"], row["modality"]): row for row in stats["slices"]}
    rows, content = [], []
    for title, name in CLASSES_4.items():
        for view in (*VIEWS, "all views"):
            counts = {each: _slices(counted.get((name, each)), view) for each in MODALITIES_4}
            claims = {
                each: TABLE_4[title].get(each) if view == "all views" else None for each in MODALITIES_4
            }
            pairs = [_number(cells[each]) for each in MODALITIES_4 for cells in (counts, claims)]
            rows.append([title, view, *pairs])
            content.append({"class": title, "view": view, "measured": counts, "claimed": claims})
    heads = [head for each in MODALITIES_4 for head in (each.upper().replace("T1C", "T1c"), "claim")]
    notes = ["Slices that show the head. A dash: nothing of it under this root, or nothing claimed."]
    return Table(f"Table 4: slices, {where}", ["", "view", *heads], rows, notes), content


def _slices(row: Mapping[str, int] | None, view: str) -> int | None:
    if row is None:
        return None
    return sum(row[each] for each in VIEWS) if view == "all views" else row[view]


def table_5(
    tallies: Sequence[Tallies], units: Sequence[str], volumes: Mapping[str, Evaluation], where: str
) -> tuple[list[Table], Any]:
    """Each stage and class of slices, then what the field measures of slices and of whole volumes.

    Args:
        tallies: of each case, by class.
        units: the patient (or person) of each.
        volumes: evaluations of "model" and "rule" on the same cases.
        where: names what was measured on.
    """
    classes = list(tallies[0]) if tallies else []
    stages = [
        {"stage": stage, "class": name, **_stage(tallies, units, stage, name)}
        for stage in STAGES
        for name in classes
    ]
    precision = {name: _precision(tallies, units, name) for name in classes}
    content = {
        "stages": stages,
        "average_precision": precision,
        "volumes": {name: each.as_dict() for name, each in volumes.items()},
    }
    return [
        _stage_table(stages, where),
        _precision_table(precision),
        _volume_table(volumes),
    ], content


def _stage(tallies: Sequence[Tallies], units: Sequence[str], stage: str, name: str) -> dict[str, Any]:
    accuracy = mean_interval([each[name].accuracy(stage) for each in tallies], units)
    dice = mean_interval([each[name].dice(stage) for each in tallies], units)
    return {
        "accuracy": asdict(accuracy),
        "instances": sum(len(each[name].accuracies[stage]) for each in tallies),
        "dice": asdict(dice) if stage != "box" else None,
        "claimed": TABLE_5[stage].get(name),
    }


def _stage_table(stages: Sequence[Mapping[str, Any]], where: str) -> Table:
    rows = []
    for row in stages:
        accuracy, dice = Interval(**row["accuracy"]), row["dice"] and Interval(**row["dice"])
        claim = "-" if row["claimed"] is None else f"{row['claimed']:.3f}"
        counts = [str(accuracy.n), str(row["instances"])]
        rows.append([STAGES_5[row["stage"]], row["class"], _cell(accuracy), claim, *counts, _cell(dice)])
    return Table(
        f"Table 5: stages, {where}",
        ["stage", "class", "accuracy", "claim", "cases", "instances", "Dice of slices"],
        rows,
        [
            "Slices of three views; means over cases [95 % interval]. Accuracy of boxes: true ones found, of",
            "the right class, at IoU >= .5; of mask estimates: pixels right in the box of those; of",
            "instances: pixels right in the box of each true one, found or not, widened to the box found.",
            "Claims are the report's, for high-grade gliomas of BRATS; it does not define its accuracy.",
        ],
    )


def _precision(tallies: Sequence[Tallies], units: Sequence[str], name: str) -> dict[str, Any]:
    found = {}
    for kind in ("boxes", "masks"):
        cases: list[Pool] = [pooled(getattr(each[name], kind)) for each in tallies]
        for title, thresholds in ((f"{kind}_50", slice(0, 1)), (f"{kind}_50_95", slice(None))):
            found[title] = asdict(interval(cases, units, thresholds))
    return found


def _precision_table(precision: Mapping[str, Mapping[str, Any]]) -> Table:
    kinds = ("boxes_50", "boxes_50_95", "masks_50", "masks_50_95")
    rows = [
        [name, str(found["boxes_50"]["n"]), *(_cell(Interval(**found[kind])) for kind in kinds)]
        for name, found in precision.items()
    ]
    means = [[found[kind]["mean"] for found in precision.values()] for kind in kinds]
    known = [[value for value in values if value is not None] for values in means]
    last = [f"{sum(values) / len(values):.3f}" if values else "-" for values in known]
    return Table(
        "Average precision of the instances of slices (COCO)",
        ["class", "instances", "box AP .5", "box AP .5:.95", "mask AP .5", "mask AP .5:.95"],
        [*rows, ["mean", "", *last]] if rows else rows,
    )


def _volume_table(volumes: Mapping[str, Evaluation]) -> Table:
    metrics = {"dice": "Dice", "lesion_dice": "lesion Dice", "lesion_f1": "lesion F1", "pq": "PQ"}
    rows = [
        [name, region, str(each.mean(region, "dice").n)]
        + [_cell(each.mean(region, metric)) for metric in metrics]
        for name, each in volumes.items()
        for region in each.regions
    ]
    head = ["predictor", "class", "cases", *metrics.values()]
    return Table("Whole volumes, three views fused, as tfmed evaluate scores them", head, rows)


def _cell(score: Interval | None) -> str:
    return cell(score.mean, score.interval) if score else "-"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:g} %"


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)

"""The report's tables: its layout, its claims, and nothing in their place where nothing was measured."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.evaluation.test_stages import mask
from tests.inference import zoo_entry
from tfmed.evaluation import Evaluation, Row
from tfmed.evaluation import report_tables as tables
from tfmed.evaluation.average_precision import Pool
from tfmed.evaluation.claims import TABLE_3
from tfmed.evaluation.measuring import CaseStages, volumes
from tfmed.evaluation.scorers import Candidate
from tfmed.evaluation.stages import Tally
from tfmed.evaluation.table import Table
from tfmed.tools import cli


def test_the_reports_nine_rows_come_first_and_all_fifteen_are_there_once() -> None:
    assert tables.subsets(every=False) == list(TABLE_3)
    every = tables.subsets(every=True)
    assert every[:9] == list(TABLE_3) and len({frozenset(each) for each in every}) == len(every) == 15


def test_table_3_holds_means_over_cases_and_keeps_claims_apart() -> None:
    cases = [
        {"patient": f"p{n}", "person": "x", "dice": {"flair": {"model": 0.6 + n / 10, "rule": 0.5}}}
        for n in range(3)
    ]
    table, content = tables.table_3(cases, [("flair",), ("t1",)], "patient", "three cases")
    flair, t1 = table.rows
    assert flair[:5] == ["-", "-", "-", "x", "3"]
    assert flair[5].startswith("0.700 [") and flair[6].startswith("0.500")
    assert flair[7:] == ["72.38 %", "-", "50.71 %"]
    assert t1[:7] == ["x", "-", "-", "-", "0", "-", "-"] and t1[7] == "61.3 %"
    assert content[0]["model"]["mean"] == pytest.approx(0.7) and content[0]["claimed_brats"] == 72.38
    by_person, _ = tables.table_3(cases, [("flair",)], "person", "three cases")
    assert by_person.rows[0][5] == "0.700"


def test_table_4_is_what_data_stats_counts() -> None:
    row = {"class": "HGG", "modality": "flair", "cases": 2, "axial": 100, "coronal": 120, "sagittal": 90}
    table, content = tables.table_4({"slices": [row]}, "two cases")
    by_line = {tuple(line[:2]): line[2:] for line in table.rows}
    assert by_line["Tumor-HGG", "axial"][:4] == ["100", "-", "-", "-"]
    assert by_line["Tumor-HGG", "all views"][:4] == ["310", "52990", "-", "52990"]
    assert by_line["ISLES", "all views"][-2:] == ["-", "28500"]
    assert next(each for each in content if each["view"] == "all views")["measured"]["flair"] == 310


def tally(hit: bool) -> Tally:
    whole = mask(4, 4, 14, 14)
    found = Tally()
    found.accuracies = {"box": [float(hit)], "mask": [0.9] * hit, "instance": [0.8 if hit else 0.2]}
    found.dices = {"mask": (180.0, 200.0), "instance": (2.0 * whole.sum() * hit, 2.0 * whole.sum())}
    pool = Pool(np.array([0.9]), np.full((1, 10), hit), 1)
    found.boxes, found.masks = [pool], [pool]
    return found


def test_table_5_has_a_row_a_stage_and_class_with_intervals() -> None:
    tallies = [{"core": tally(hit), "oedema": Tally()} for hit in (True, True, False)]
    rows = [Row(c, c, "HGG", {"core": {"dice": 0.5}}) for c in "abc"]
    volumes = {"rule": Evaluation("rule", rows, ("core",))}
    (stages, precision, whole), content = tables.table_5(tallies, list("abc"), volumes, "three cases")
    by_line = {tuple(line[:2]): line[2:] for line in stages.rows}
    assert by_line["bounding box regression", "core"][0].startswith("0.667 [")
    assert by_line["bounding box regression", "core"][1:] == ["0.928", "3", "3", "-"]
    assert by_line["mask estimation", "core"][:4] == ["0.900 [0.900, 0.900]", "0.888", "2", "2"]
    assert by_line["instance segmentation", "core"][0].startswith("0.600 [")
    assert by_line["instance segmentation", "oedema"] == ["-", "0.898", "0", "0", "-"]
    # Two of three truths are hit by three equally sure detections: precision 1 up to recall 2/3.
    assert precision.rows[0][:2] == ["core", "3"] and precision.rows[0][2].startswith("0.66")
    assert precision.rows[1] == ["oedema", "0", "-", "-", "-", "-"]
    assert precision.rows[2][2] == precision.rows[0][2].split()[0]
    assert whole.rows[0][:4] == ["rule", "core", "3", "0.500 [0.500, 0.500]"]
    json.dumps(content)


def test_a_tally_survives_json() -> None:
    before = tally(True)
    after = Tally.from_dict(json.loads(json.dumps(before.as_dict())))
    assert (after.accuracies, after.dices) == (before.accuracies, before.dices)
    empty = Tally.from_dict(json.loads(json.dumps(Tally().as_dict())))
    for old, new in ((before, after), (Tally(), empty)):
        one, other = ([{"core": each}] for each in (old, new))
        assert tables.table_5(one, "a", {}, "")[1] == tables.table_5(other, "a", {}, "")[1]


def test_a_case_of_table_5_survives_json_and_tells_what_failed() -> None:
    row = Row(
        "a", "a", "HGG", {"core": {"dice": 0.5}}, candidates=[Candidate(0.9, 0.4, True, 3.0)], true_lesions=1
    )
    torn = Row("a", "a", None, {}, failure="no FLAIR")
    before = CaseStages({"model": row, "rule": torn}, {"core": tally(True)})
    plain = json.loads(json.dumps(before.as_dict()))
    after = CaseStages.from_dict(plain)
    assert after.rows == before.rows and after.tallies["core"].accuracies == tally(True).accuracies
    assert plain["failure"] == "rule, a: no FLAIR" and after.failures() == ["rule, a: no FLAIR"]
    evaluations = volumes([after], ("core",), "person")
    assert evaluations["model"].mean("core", "dice").mean == 0.5 and evaluations["model"].unit == "person"
    healthy = CaseStages({"model": row}, None)
    assert CaseStages.from_dict(healthy.as_dict()).tallies is None and not healthy.as_dict()["failure"]
    assert volumes([], ("core",), "person") == {}


def test_a_table_is_text_markdown_or_csv() -> None:
    table = Table("title", ["a", "b"], [["1", "x|y"], ["22", "z, w"]], ["note"])
    assert table.text().splitlines() == ["title", "", "a   b", "--  ----", "1   x|y", "22  z, w", "", "note"]
    assert table.markdown().splitlines()[2:6] == [
        "| a | b |",
        "| --- | --- |",
        "| 1 | x\\|y |",
        "| 22 | z, w |",
    ]
    assert table.csv().splitlines() == ["a,b", "1,x|y", '22,"z, w"']


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["tables", *map(str, words)])
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


def test_table_3_of_a_dataset(root: Path, tmp_path: Path) -> None:
    name = zoo_entry.register(tmp_path)
    out = tmp_path / "table3.json"
    code, output = run(3, "--data", root, "--split", "all", "--model", name, "--reported", "--json", out)
    assert code == 1 and "brats_2013_pat0005_1" in output
    content = json.loads(out.read_text())
    by_row = {tuple(each["modalities"]): each for each in content["table"]}
    assert by_row["t1", "t1c", "t2", "flair"]["model"]["mean"] == 1.0
    assert by_row["t1",]["model"]["mean"] == 0.0 and by_row["t1",]["rule"]["mean"] is None
    failed = [case["case"] for case in content["cases"] if "failure" in case]
    assert failed == ["brats_2013_pat0005_1"]
    assert sorted(path.name for path in tmp_path.glob("table3*")) == ["table3.json"]


def test_table_4_of_a_dataset(root: Path) -> None:
    code, output = run(4, "--data", root, "--limit", 2, "--as", "csv")
    lines = output.splitlines()
    assert code == 0 and lines[0].startswith(",view,FLAIR,claim")
    assert any(line.startswith("Tumor-HGG,all views,2") and line.endswith("-,-") for line in lines)

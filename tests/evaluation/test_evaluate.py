"""The evaluator over cases on disk, the rule to beat, and the command."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import ndimage

from tests.inference import zoo_entry
from tests.inference.heads import make_study
from tests.inference.threshold_model import CARD
from tfmed import datasets, io
from tfmed.errors import TfmedError
from tfmed.evaluation import InstanceSegmentation, Prediction, evaluate, labelled_cases, rule_predictor
from tfmed.evaluation.evaluator import UNITS, Evaluation, Row, person_of
from tfmed.evaluation.rule import rule
from tfmed.inference import Rules
from tfmed.study import LabelMap, Study, Volume
from tfmed.tools import cli

RULES = Rules.from_card(CARD)
SCORER = InstanceSegmentation(RULES)


def shifted(study: Study) -> Prediction:
    """The truth moved by one voxel: every score is below perfect."""
    return Prediction(np.roll(study.labels.array, 1, axis=0))


def test_every_case_gets_a_row_and_a_bad_one_its_reason(root: Path) -> None:
    rows = list(evaluate(shifted, datasets.scan(root), SCORER))
    assert [row.case for row in rows] == [f"brats_2013_pat000{n}_1" for n in range(1, 6)]
    assert set(rows[0].scores) == {"whole", "core", "enhancing", "non_enhancing", "oedema"}
    assert 0.8 < rows[0].scores["whole"]["dice"] < 1
    assert rows[0].scores["non_enhancing"]["dice"] == 1 and rows[0].scores["whole"]["hd95_mm"] == 1
    assert rows[4].scores == {} and ".mha" in rows[4].failure


def test_regions_that_an_edition_does_not_label_are_left_out(root: Path) -> None:
    case = replace(datasets.scan(root)[0], edition="brats2018")
    row = next(evaluate(shifted, [case], SCORER))
    assert set(row.scores) == {"whole", "core", "enhancing", "oedema"}
    unknown = next(evaluate(shifted, [replace(case, edition="brats1999")], SCORER))
    assert "brats1999" in unknown.failure


def test_a_split_without_cases_says_what_to_do(root: Path, tmp_path: Path) -> None:
    assert len(labelled_cases(root, "all")) == 5
    parts = [labelled_cases(root, "test", folds=2, fold=fold) for fold in (0, 1)]
    assert sorted(case.id for part in parts for case in part) == [c.id for c in labelled_cases(root, "all")]
    with pytest.raises(TfmedError, match="val part"):
        labelled_cases(root, "val", folds=1, fold=0)
    for folds, fold in ((5, 7), (5, 1), (None, 1), (5, None)):
        with pytest.raises(TfmedError, match="has no folds"):
            labelled_cases(root, "all", folds=folds, fold=fold)


def test_the_rule_finds_a_plain_glioma() -> None:
    rng = np.random.default_rng(0)
    grid = np.linalg.norm(np.indices((60, 64, 56)) - np.reshape([30, 32, 28], (3, 1, 1, 1)), axis=0)
    lesion = np.linalg.norm(np.indices((60, 64, 56)) - np.reshape([36, 32, 28], (3, 1, 1, 1)), axis=0)
    inside = grid < 27
    tissue = np.where(grid > 25, 80, 110) + 2 * rng.normal(size=grid.shape)
    flair = np.where(inside, tissue + 60 * (lesion < 12), 0)
    t1c = np.where(inside, tissue + 60 * ((lesion < 8) & (lesion > 5)), 0)
    images = {name: Volume(image, np.eye(4)) for name, image in (("flair", flair), ("t1c", t1c))}
    labels = rule(Study("glioma", images))
    for region, truth, least in ((labels > 0, lesion < 12, 0.9), (np.isin(labels, [1, 4]), lesion < 8, 0.85)):
        assert 2 * (region & truth).sum() / (region.sum() + truth.sum()) > least
    core = np.isin(labels, [1, 4])
    assert (ndimage.binary_fill_holes(core) == core).all()
    without = rule(Study("glioma", {"flair": images["flair"]}))
    np.testing.assert_array_equal(without, 2 * (labels > 0))
    with pytest.raises(TfmedError, match="needs FLAIR"):
        rule(Study("glioma", {"t1c": images["t1c"]}))


def test_the_rule_reads_only_what_it_may(root: Path) -> None:
    study = datasets.scan(root)[0].load()
    assert set(np.unique(rule_predictor(("flair",))(study).labels)) <= {0, 2}


def test_the_command_prints_a_table_and_writes_every_score(root: Path, tmp_path: Path) -> None:
    name = zoo_entry.register(tmp_path)
    words = ["evaluate", name, "--data", root, "--split", "all", "--json", tmp_path / "scores.json"]
    words += ["--reliability", tmp_path / "reliability.png"]
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 1, done.output
    assert "5 cases of 5 patients" in done.output and "Dice of rule minus default" in done.output
    assert "could not be scored" in done.output and "brats_2013_pat0005_1" in done.output
    content = json.loads((tmp_path / "scores.json").read_text())
    assert content["split_hash"] == datasets.split_hash(datasets.scan(root))
    model, baseline = content["evaluations"]
    assert (model["name"], baseline["name"]) == ("default", "rule")
    assert model["summary"]["whole"]["dice"] == {"mean": 1.0, "n": 4, "patients": 4, "interval": [1.0, 1.0]}
    assert model["summary"]["whole"]["lesion_f1"]["mean"] == 1
    assert [path.name for path in tmp_path.glob("scores*")] == ["scores.json"]
    assert model["froc"]["sensitivity"] == [1] * 7 and baseline["froc"] is None
    assert (tmp_path / "reliability.png").stat().st_size > 1000
    assert "expected calibration error" in done.output


def test_several_roots_are_one_set(root: Path, tmp_path: Path) -> None:
    case = datasets.scan(root)[0]
    shutil.copytree(
        next(iter(case.modalities.values())).parents[1], tmp_path / "more" / "HGG" / "brats_2013_pat0009_1"
    )
    name = zoo_entry.register(tmp_path)
    scores = tmp_path / "scores.json"
    words = [
        "evaluate",
        name,
        "--data",
        root,
        "--data",
        tmp_path / "more",
        "--split",
        "all",
        "--json",
        scores,
        "--no-rule",
    ]
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert f"6 cases of 6 patients\ndata: {root}, {tmp_path / 'more'}" in done.output
    content = json.loads(scores.read_text())
    assert content["data"] == [str(root), str(tmp_path / "more")]
    assert [each["name"] for each in content["evaluations"]] == ["default"]


def test_intervals_may_resample_people(root: Path, tmp_path: Path) -> None:
    case = datasets.scan(root)[0]
    copied = tmp_path / "HGG" / "brats_2013_pat0001_1"
    shutil.copytree(next(iter(case.modalities.values())).parents[1], copied)
    (copied / "phantom.json").write_text('{"provenance": {"person": "subject01"}}')
    assert person_of(case) == case.patient
    assert person_of(datasets.scan(tmp_path)[0]) == "subject01"
    (copied / "phantom.json").write_text("{}")
    assert person_of(datasets.scan(tmp_path)[0]) == case.patient
    rows = [Row(str(n), f"p{n}", "HGG", {"whole": {"dice": n / 9}}, person=f"q{n // 5}") for n in range(10)]
    by_patient, by_person = (Evaluation("m", rows, ("whole",), unit=u).mean("whole", "dice") for u in UNITS)
    assert (by_patient.patients, by_person.patients) == (10, 2)
    assert np.diff(by_person.interval) > np.diff(by_patient.interval)


def test_a_folder_without_labels_has_nothing_to_compare_with(tmp_path: Path) -> None:
    name = "VSD.Brain.XX.O.MR_Flair.1"
    folder = tmp_path / "HGG" / "brats_2013_pat0001_1" / name
    folder.mkdir(parents=True)
    io.save(Volume(np.zeros((4, 4, 4), np.int16), np.eye(4)), folder / f"{name}.mha")
    with pytest.raises(TfmedError, match="no case with labels"):
        labelled_cases(tmp_path)


def test_labels_of_the_study_are_needed() -> None:
    from tfmed.evaluation.scorers import true_regions

    study = make_study()
    with pytest.raises(TfmedError, match="no labels"):
        true_regions(replace(study, labels=None), RULES)
    regions = true_regions(study, RULES)
    np.testing.assert_array_equal(regions["core"], np.isin(study.labels.array, [1, 3, 4]))
    assert isinstance(study.labels, LabelMap)

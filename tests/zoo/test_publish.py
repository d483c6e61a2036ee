"""A run's weights come into the card packed, with what a reader must know to make them again."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from tfmed import zoo
from tfmed.errors import TfmedError
from tfmed.tools import _publish as publish

SUMMARY = {
    "model": "toy_seg",
    "variant": "small",
    "data": {"train": {"cases": 9, "patients": 8, "split_hash": "ab" * 32}},
    "seconds": 5400.0,
    "hardware": {"processor": "a processor", "cores": 2, "gpus": []},
}


@pytest.fixture
def run(family: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    zoo.get("toy_seg", weights=None).save_weights(folder / "final.weights.h5")
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    (folder / "recipe.toml").write_text("seed = 7\n")
    return folder


def test_a_run_becomes_the_default_weights_of_its_card(run: Path, family: Path) -> None:
    arguments = ["weights", str(run), "--tag", "v1", "--data", "noise"]
    CliRunner().invoke(publish.command, arguments, catch_exceptions=False)
    card = zoo.card("toy_seg")
    entry = card["weights"]["v1"]
    assert card["default_weights"] == "v1"
    assert (entry["seed"], entry["hours"], entry["hardware"]) == (7, 1.5, "2 cores of a processor")
    assert entry["trained_on"]["cases"] == 9
    assert (family / "weights" / "toy_seg-v1.toml").read_text() == "seed = 7\n"
    original = zoo.get("toy_seg", weights=run / "final.weights.h5").get_layer("conv").kernel.numpy()
    packed = zoo.get("toy_seg").get_layer("conv").kernel.numpy()
    np.testing.assert_array_equal(packed, original.astype(np.float16).astype(np.float32))


def test_float32_keeps_every_bit(run: Path, tmp_path: Path) -> None:
    publish.pack(run / "final.weights.h5", tmp_path / "packed.weights.h5", "float32")
    original = zoo.get("toy_seg", weights=run / "final.weights.h5").get_layer("conv").kernel.numpy()
    packed = zoo.get("toy_seg", weights=tmp_path / "packed.weights.h5").get_layer("conv").kernel.numpy()
    np.testing.assert_array_equal(packed, original)


def test_a_value_that_float16_cannot_hold_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "big.h5", "w") as file:
        file["kernel"] = np.float32([1e6])
    with pytest.raises(TfmedError, match=r"kernel in .* holds values that float16 can't"):
        publish.pack(tmp_path / "big.h5", tmp_path / "packed.weights.h5", "float16")
    assert [path.name for path in tmp_path.iterdir()] == ["big.h5"]


@pytest.mark.parametrize(("unit", "option"), [("patient", ""), ("person", " --resample person")])
def test_scores_come_into_the_card_with_the_command_that_makes_them_again(
    run: Path, tmp_path: Path, unit: str, option: str
) -> None:
    from tfmed.evaluation import Evaluation, Report
    from tfmed.evaluation.evaluator import Row

    def enter(*arguments: str) -> None:
        CliRunner().invoke(publish.command, arguments, catch_exceptions=False)

    enter("weights", str(run), "--tag", "v1", "--data", "noise")
    rows = [
        Row(f"case{n}", f"patient{n}", "HGG", {"whole": {"dice": 0.5 + 0.1 * n}}, person=f"head{n}")
        for n in range(4)
    ]
    rows += [
        Row(f"well{n}", f"well{n}", None, {"whole": {"false_lesions": n}}, healthy=True) for n in range(3)
    ]
    evaluations = [Evaluation(name, rows, ("whole",), unit=unit) for name in ("default", "rule")]
    Report("toy_seg", ("cases",), "all", "cd" * 32, ("t1",), evaluations).save(tmp_path / "figures.json")
    for _ in range(2):
        enter(
            "metrics",
            str(tmp_path / "figures.json"),
            "--dataset",
            "noise",
            "--made-by",
            "tfmed phantom cases",
        )
    (entry,) = zoo.card("toy_seg")["metrics"]
    assert (entry["weights"], entry["n"], entry["modalities"]) == ("v1", 7, ["t1"])
    assert entry["command"] == (
        "tfmed phantom cases && tfmed evaluate toy_seg --data cases --split all --modalities t1" + option
    )
    (dice,) = (value for value in entry["values"] if value["metric"] == "dice")
    assert dice["mean"] == pytest.approx(0.65)
    assert dice["interval"][0] < 0.65 < dice["interval"][1]
    (false,) = (value for value in entry["values"] if value["metric"] == "false_lesions_when_healthy")
    assert (false["class"], false["mean"], false["n"]) == ("whole", 1.0, 3)
    assert "whole dice: 0.650" in str(zoo.card("toy_seg"))

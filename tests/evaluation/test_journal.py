"""Rows of long work: kept as they come, taken up again, and only where they belong."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.inference import zoo_entry
from tests.inference.threshold_model import ThresholdModel
from tfmed import datasets
from tfmed.errors import TfmedError
from tfmed.evaluation import journal as module
from tfmed.evaluation.journal import Journal, forget, setting
from tfmed.tools import cli


def counted(done: list[str], stop_at: int | None = None):
    """Work that notes what it did and is stopped before the case of that number."""

    def work(cases: list[str]) -> Iterator[dict]:
        for case in cases:
            if len(done) == stop_at:
                raise KeyboardInterrupt
            done.append(case)
            yield {"case": case, "failure": "torn" if case == "bad" else None}

    return work


@given(stops=st.lists(st.integers(0, 6), max_size=4))
def test_stopped_anywhere_every_case_is_done_once_and_comes_in_order(
    tmp_path_factory: pytest.TempPathFactory, stops: list[int]
) -> None:
    result = tmp_path_factory.mktemp("journal") / "out.json"
    cases, done = list("abcdef"), []
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            list(Journal(result, {}).rows("x", cases, counted(done, min(len(done) + stop, 5))))
    rows = list(Journal(result, {}).rows("x", cases, counted(done)))
    assert done == cases and [row["case"] for row in rows] == cases
    forget(result)
    assert not list(result.parent.iterdir())


def test_what_failed_is_tried_again_in_its_place(tmp_path: Path) -> None:
    done: list[str] = []
    for _ in range(2):
        rows = list(Journal(tmp_path / "out", {}).rows("x", ["a", "bad", "c"], counted(done)))
        assert [row["case"] for row in rows] == ["a", "bad", "c"]
    assert done == ["a", "bad", "c", "bad"]


def test_rows_of_another_setting_or_title_are_not_taken(tmp_path: Path) -> None:
    done: list[str] = []
    for given_setting, title in (({"a": 1}, "x"), ({"a": 2}, "x"), ({"a": 2}, "y"), ({"a": 2}, "y")):
        list(Journal(tmp_path / "out", given_setting).rows(title, ["a"], counted(done)))
    assert done == ["a"] * 3


@given(cut=st.integers(1, 60))
def test_a_line_that_was_cut_off_costs_no_more_than_its_row(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    result, done = tmp_path_factory.mktemp("cut") / "out", []
    list(Journal(result, {}).rows("x", ["a", "b"], counted(done)))
    path = result.with_name("out.rows")
    last = path.read_bytes().splitlines(keepends=True)[-1]
    path.write_bytes(path.read_bytes()[: -min(cut, len(last) - 1)])
    list(Journal(result, {}).rows("x", ["a", "b"], counted(done)))
    assert done == ["a", "b", "b"]
    assert len(path.read_text().splitlines()) == 3


def test_nothing_is_kept_without_a_result_and_an_unwritable_place_is_told(tmp_path: Path) -> None:
    done: list[str] = []
    assert len(list(Journal(None, {}).rows("x", ["a"], counted(done)))) == 1
    (tmp_path / "out.rows").mkdir()
    with pytest.raises(TfmedError, match=r"out\.rows can't be written"):
        Journal(tmp_path / "out", {})


def test_a_setting_tells_weights_and_rules() -> None:
    one, other = ThresholdModel(), ThresholdModel()
    other.card = other.card | {"fusion": {"min_views": 1}}
    assert setting([one], [], n=1) == setting([ThresholdModel()], [], n=1) != setting([other], [], n=1)
    one.extra = one.add_weight(shape=(1,), name="extra")
    assert setting([one], []) != setting([ThresholdModel()], [])


def test_a_setting_tells_the_files_of_cases(root: Path, tmp_path: Path) -> None:
    case = datasets.scan(root)[0]
    moved = shutil.copytree(root, tmp_path / "moved")
    same_name = datasets.scan(moved)[0]
    assert same_name.id == case.id and setting([], [same_name]) != setting([], [case])
    before = setting([], [same_name])
    assert before == setting([], [same_name])
    same_name.labels.write_bytes(same_name.labels.read_bytes() + b" ")
    assert setting([], [same_name]) != before


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    done: list[str] = []
    list(Journal(tmp_path / "out", {}).rows("x", ["a"], counted(done)))
    (tmp_path / "out.rows").write_text("{}\nno JSON\n")
    list(Journal(tmp_path / "out", {}).rows("x", ["a"], counted(done)))
    assert done == ["a", "a"] and [path.name for path in tmp_path.iterdir()] == ["out.rows"]


@pytest.mark.parametrize("words", [["evaluate"], ["tables", "3", "--reported", "--model"]])
def test_commands_go_on_from_rows(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    """The rows of a call are left as if it had been stopped before its result was written."""
    name = zoo_entry.register(tmp_path)
    out = tmp_path / "scores.json"
    command = [*words, name, "--data", str(root), "--split", "all", "--json", str(out)]
    rows = out.with_name("scores.json.rows")
    with monkeypatch.context() as context:
        context.setattr(module, "forget", lambda result: shutil.copy(rows, rows.with_suffix(".kept")))
        CliRunner().invoke(cli, command)
    first = json.loads(out.read_text())
    rows.write_text(rows.with_suffix(".kept").read_text().replace("1.0", "0.25"))
    done = CliRunner().invoke(cli, command)
    assert "rows are taken from" in done.output and done.exit_code == 1, done.output
    again = json.loads(out.read_text())
    assert again != first and "0.25" in out.read_text() and not rows.exists()

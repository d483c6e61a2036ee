"""The demo shows each command, uses finished results again, and stops where a command fails."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tfmed.tools import demo


@pytest.fixture
def way(tmp_path: Path) -> demo.Way:
    return demo.Way(tmp_path)


def test_a_step_shows_its_command_and_is_used_again(
    way: demo.Way, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    way.step("List the zoo", ["zoo", "list"], tmp_path)
    shown = capfd.readouterr().out
    assert "[1/8] List the zoo" in shown
    assert "$ tfmed zoo list" in shown
    assert "brats_instance_seg " in shown
    again = demo.Way(tmp_path)
    again.step("List the zoo", ["zoo", "list"], tmp_path)
    shown = capfd.readouterr().out
    assert f"Used again from an earlier run: {tmp_path}" in shown
    assert "brats_instance_seg " not in shown


@pytest.mark.parametrize("change", ["arguments", "since", "result"])
def test_a_step_runs_anew_where_something_changed(
    way: demo.Way, tmp_path: Path, capfd: pytest.CaptureFixture[str], change: str
) -> None:
    result = tmp_path / "result"
    result.touch()
    way.step("List", ["zoo", "list"], result)
    if change == "result":
        result.unlink()
    arguments = ["zoo", "list", "--json"] if change == "arguments" else ["zoo", "list"]
    capfd.readouterr()
    demo.Way(tmp_path).step("List", arguments, result, since="other" if change == "since" else "")
    assert "$ tfmed zoo list" in capfd.readouterr().out


def test_it_ends_with_the_status_of_a_command_that_fails(way: demo.Way, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        way.step("Show nothing", ["zoo", "show", "nothing"], tmp_path)
    assert ended.value.code == 2
    assert not (tmp_path / ".done" / "1.txt").exists()


def test_a_folder_holds_one_demo(tmp_path: Path) -> None:
    demo._same_settings(tmp_path, {"minutes": 3.0, "phantoms": 12})
    ended = CliRunner().invoke(demo.command, [str(tmp_path), "--minutes", "4"])
    assert "name another folder" in str(ended.exception)

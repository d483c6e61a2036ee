"""Many phantoms: restartable, independent of the workers, people kept apart."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tfmed.phantom.anatomy import label_map
from tfmed.tools import cli


def run(*arguments: str) -> dict:
    result = CliRunner().invoke(
        cli, ["phantom", *arguments, "--spacing", "6", "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_a_second_run_leaves_finished_cases_alone_and_adds_the_missing(tmp_path: Path) -> None:
    out = str(tmp_path)
    run(out, "-n", "1", "--anatomy", "analytic")
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.mha")}
    manifest = run(out, "-n", "2", "--anatomy", "analytic")
    assert len(times) == 5
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert len(manifest["cases"]) == 2


@pytest.mark.parametrize("layout", ["--latent", "--layout=brats2015"])
def test_a_case_of_other_options_is_made_anew_and_a_moved_one_is_not(layout: str, tmp_path: Path) -> None:
    first, moved = tmp_path / "first", tmp_path / "moved"
    arguments = ["-n", "1", "--anatomy", "analytic", layout]
    run(str(first), *arguments, "--grade", "HGG")
    first.rename(moved)
    times = {path: path.stat().st_mtime_ns for path in moved.rglob("*") if path.is_file()}
    run(str(moved), *arguments, "--grade", "HGG")
    assert all(path.stat().st_mtime_ns == times[path] for path in times if path.name != "manifest.json")
    assert run(str(moved), *arguments, "--grade", "LGG")["cases"][-1]["diagnosis"] == "LGG"


def test_workers_change_nothing(tmp_path: Path) -> None:
    arguments = ["-n", "2", "--anatomy", "analytic", "--latent"]
    alone = run(str(tmp_path / "a"), *arguments)
    together = run(str(tmp_path / "b"), *arguments, "--workers", "2")
    assert alone == together


def test_people_of_the_test_split_never_enter_training(people: Path, tmp_path: Path) -> None:
    train = run(str(tmp_path / "train"), "-n", "4", "--latent", "--anatomy", str(people / "train"))
    test = run(str(tmp_path / "test"), "-n", "2", "--latent", "--anatomy", str(people / "test"))
    seen, held_out = (
        {(case["provenance"]["person"], case["provenance"]["crc32"]) for case in manifest["cases"]}
        for manifest in (train, test)
    )
    assert {person for person, _ in seen} <= {"head_a", "head_b"}
    assert {person for person, _ in held_out} == {"head_c"}
    assert not {crc for _, crc in seen} & {crc for _, crc in held_out}


def test_a_label_map_comes_back_in_tissue_codes(people: Path) -> None:
    from tfmed.phantom.anatomy import analytic

    anatomy = label_map(str(people / "train" / "head_a.nii.gz"))
    assert (anatomy.codes == analytic(1).codes).all()

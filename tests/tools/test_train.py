"""``tfmed train`` from the shell: a real model on a real store, and one sentence for bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.studies import write
from tfmed import pipeline

RECIPE = """
steps = 2
batch = 1
size = [64, 64]
log_every = 1
validate_samples = 1
"""


def tfmed(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tfmed.tools", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=500, env={**os.environ, "TERM": "dumb"}
    )


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stores")
    for part in ("train", "val"):
        pipeline.prepare([write(root / "in", part)], root / part, workers=1)
    (root / "recipe.toml").write_text(RECIPE)
    return root


def test_bad_input_ends_with_status_2_and_one_sentence(stores: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("stepz = 3")
    cases = [
        (["brats_instance_seg", "--data", tmp_path / "none"], "no such file or folder"),
        (["brats_instance_seg", "--data", stores, "--recipe", tmp_path / "bad.toml"], "did you mean 'steps'"),
        (["brats_instance_seg", "--data", stores, "--resume"], "no checkpoint to resume from"),
        (["brats_instance_seg", "--data", stores, "--batch", 0], "batch must lie between"),
    ]
    for arguments, said in cases:
        done = tfmed("train", *arguments, "--logdir", tmp_path / "run")
        assert done.returncode == 2, done.stderr
        assert said in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_zoo_model_trains_resumes_and_its_weights_load(stores: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    common = ["train", "brats_instance_seg", "--data", stores, "--logdir", run]
    done = tfmed(*common, "--recipe", stores / "recipe.toml", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["steps"] == 2 and summary["model"] == "brats_instance_seg"
    assert summary["data"]["train"]["cases"] == summary["data"]["val"]["cases"] == 1
    assert "step 2" in done.stderr and "holds a run already" in tfmed(*common).stderr

    done = tfmed(*common, "--resume", "--steps", 3, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["steps"] == 3, done.stderr

    from tfmed import zoo

    assert zoo.get("brats_instance_seg", weights=run / "final.weights.h5").name

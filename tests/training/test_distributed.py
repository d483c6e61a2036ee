"""The number of devices and of workers changes how long a run takes, not what it gives."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest


def start(strategy: str, run: Path, *more: str, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.training.distributed", strategy, str(run), *more]
    return subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.PIPE, text=True)


def finish(*processes: subprocess.Popen) -> list[str]:
    said = [process.communicate(timeout=300)[1] for process in processes]
    for process, text in zip(processes, said, strict=True):
        assert process.returncode == 0, text[-4000:]
    return said


def weights(run: Path) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    with h5py.File(run / "final.weights.h5") as file:
        file.visititems(
            lambda _, item: found.append(np.array(item)) if isinstance(item, h5py.Dataset) else None
        )
    return found


def assert_same(one: Path, other: Path) -> None:
    mine, theirs = weights(one), weights(other)
    assert sum(array.size for array in mine) == 81
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    metrics = [json.loads((run / "summary.json").read_text())["metrics"] for run in (one, other)]
    assert metrics[0]["whole"] == pytest.approx(metrics[1]["whole"], abs=0.01)


def test_two_devices_give_what_one_gives(tmp_path: Path) -> None:
    finish(start("one", tmp_path / "one"), start("two", tmp_path / "two"))
    assert_same(tmp_path / "one", tmp_path / "two")


def cluster() -> list[str]:
    """TF_CONFIG of two workers on this machine."""
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    return [json.dumps({"cluster": {"worker": addresses}, "task": task}) for task in tasks]


@pytest.mark.slow
def test_two_workers_give_what_one_process_gives_and_only_the_first_writes(tmp_path: Path) -> None:
    run = tmp_path / "two"
    said = finish(*(start("workers", run, TF_CONFIG=config) for config in cluster()))
    assert "validation" in said[0] and "validation" not in said[1]
    finish(start("one", tmp_path / "one"))
    assert_same(tmp_path / "one", run)
    assert len(list((run / "events").iterdir())) == 1
    assert json.loads((run / "summary.json").read_text())["hardware"]["workers"] == 2


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_both_at_the_same_step_and_both_go_on(tmp_path: Path) -> None:
    run, configs = tmp_path / "two", cluster()
    both = [start("workers", run, TF_CONFIG=config) for config in configs]
    while not (run / "checkpoints" / "checkpoint").exists():
        assert all(each.poll() is None for each in both), both[0].communicate()[1][-4000:]
        time.sleep(0.02)
    both[1].send_signal(signal.SIGTERM)
    said = finish(*both)
    assert "stopped at step" in said[0] and not (run / "final.weights.h5").exists()
    finish(*(start("workers", run, "resume", TF_CONFIG=config) for config in cluster()))
    finish(start("one", tmp_path / "one"))
    assert_same(tmp_path / "one", run)

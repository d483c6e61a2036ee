"""The loop on a tiny model: it learns, stops politely, and goes on as if it had never stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.tiny import TinyData, TinyModel, TinyTask
from tfmed.errors import TfmedError
from tfmed.training import Recipe, train

Finished = tuple[Path, dict[str, Any], TinyModel]
RECIPE = Recipe(
    steps=24, batch=4, learning_rate=3e-2, warmup_steps=3, log_every=4,
    validate_every=10, checkpoint_every=7, seed=3,
)  # fmt: skip


def tiny(dropout: float = 0.2, seed: int = 3) -> TinyModel:
    keras.utils.set_random_seed(seed)
    return TinyModel(dropout)


class Stopping(TinyData):
    """Data that sends this process a signal when sample ``at`` is drawn."""

    def __init__(self, at: int, number: int) -> None:
        super().__init__()
        self.at, self.number = at, number

    def training(self, batch: int, start: int, shard: tuple[int, int]) -> tf.data.Dataset:
        def watch(index: np.ndarray) -> np.ndarray:
            if index == self.at // batch:
                os.kill(os.getpid(), self.number)
                time.sleep(0.05)
            return index

        batches = super().training(batch, start, shard)

        def through(index: tf.Tensor, each: tuple) -> tuple:
            with tf.control_dependencies([tf.numpy_function(watch, [index], tf.int64)]):
                return tf.nest.map_structure(tf.identity, each)

        return batches.enumerate(start // batch).map(through)


def events(run: Path) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(run / "events"), size_guidance={"tensors": 0}).Reload()
    return {tag: {e.step: e.tensor_proto for e in found.Tensors(tag)} for tag in found.Tags()["tensors"]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of RECIPE that nobody disturbed: its folder, summary and model."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    model = tiny()
    return run, train(model, TinyTask(), TinyData(), RECIPE, run, about={"model": "tiny"}), model


def test_the_model_learns_and_every_loss_term_and_score_is_in_tensorboard(finished: Finished) -> None:
    run, summary, _ = finished
    found = events(run)
    losses = [float(tf.make_ndarray(found["loss"][step])) for step in (4, 24)]
    assert losses[1] < 0.7 * losses[0]
    assert {"loss/entropy", "loss/size", "learning_rate", "slices_per_second", "validation/whole"} <= set(
        found
    )
    parts = sum(float(tf.make_ndarray(found[f"loss/{name}"][24])) for name in ("entropy", "size"))
    assert losses[1] == pytest.approx(parts, rel=1e-5)
    assert set(found["validation/whole"]) == {10, 20, 24}
    assert summary["metrics"]["whole"] > 0.5


def test_the_summary_tells_what_was_trained_and_names_the_weights_by_hash(finished: Finished) -> None:
    run, summary, model = finished
    assert json.loads((run / "summary.json").read_text()) == summary
    assert summary["steps"] == 24 and summary["slices"] == 96
    assert summary["hardware"]["cores"] >= 1 and summary["data"] == TinyData().describe()
    assert summary["weights"]["sha256"] in (run / "summary.md").read_text()
    assert summary["weights"]["bytes"] == (run / "final.weights.h5").stat().st_size
    assert (run / "recipe.toml").read_text() == RECIPE.to_toml()
    assert not [path.name for path in run.iterdir() if "partial" in path.name]
    other = tiny(seed=9)
    other.load_weights(run / "final.weights.h5")
    for mine, kept in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, kept)


def test_final_weights_are_the_moving_average_and_best_are_the_best_validation(
    finished: Finished, tmp_path: Path
) -> None:
    run, summary, model = finished
    plain = tiny()
    train(plain, TinyTask(), TinyData(), RECIPE.replace(average=0.0), tmp_path / "plain")
    kernels = [each.hidden.kernel.numpy() for each in (model, plain)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-4
    scores = [float(tf.make_ndarray(value)) for value in events(run)["validation/whole"].values()]
    assert summary["best_mean"] == pytest.approx(max(scores), rel=1e-6)
    with h5py.File(run / "best.weights.h5") as file:
        assert len(file)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_and_resumed_run_ends_in_the_same_bits_as_an_undisturbed_one(
    finished: Finished, tmp_path: Path, number: int
) -> None:
    before = signal.getsignal(number)
    stopped = train(tiny(), TinyTask(), Stopping(44, number), RECIPE, tmp_path)
    assert stopped["stopped_by"] == signal.Signals(number).name and 5 < stopped["steps"] < 24
    assert signal.getsignal(number) is before
    assert not (tmp_path / "final.weights.h5").exists()

    data, model = TinyData(), tiny(seed=99)
    resumed = train(model, TinyTask(), data, RECIPE, tmp_path, resume=True)
    assert data.starts == [4 * stopped["steps"]]
    assert "stopped_by" not in resumed and resumed["metrics"] == finished[1]["metrics"]
    for mine, undisturbed in zip(model.get_weights(), finished[2].get_weights(), strict=True):
        np.testing.assert_array_equal(mine, undisturbed)


def test_a_finished_run_that_is_resumed_trains_no_further(finished: Finished) -> None:
    run, summary, model = finished
    data, again = TinyData(), tiny(seed=99)
    assert train(again, TinyTask(), data, RECIPE, run, resume=True)["metrics"] == summary["metrics"]
    assert data.starts == []
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_a_run_by_the_clock_ends_on_time_with_its_schedule_done(tmp_path: Path) -> None:
    began = time.monotonic()
    train(tiny(), TinyTask(), TinyData(), RECIPE.replace(minutes=0.1, validate_every=10**6), tmp_path)
    assert 6 <= time.monotonic() - began < 30
    rates = [float(tf.make_ndarray(v)) for _, v in sorted(events(tmp_path)["learning_rate"].items())]
    assert rates[-1] < 0.2 * max(rates) and len(rates) > 3


def test_what_cannot_be_trained_is_refused(finished: Finished, tmp_path: Path) -> None:
    run, _, _ = finished
    cases = [
        ("holds a run already", dict(run=run)),
        ("no checkpoint to resume from", dict(run=tmp_path, resume=True)),
        ("trained on other cases", dict(run=run, resume=True, data=TinyData(poison=1.0))),
    ]
    for said, given in cases:
        arguments = dict(model=tiny(), task=TinyTask(), data=TinyData(), recipe=RECIPE) | given
        with pytest.raises(TfmedError, match=said):
            train(**arguments)


def test_a_checkpoint_of_another_model_is_refused(finished: Finished) -> None:
    with pytest.raises(TfmedError, match="was not written by this model"):
        train(TinyModel(width=5), TinyTask(), TinyData(), RECIPE, finished[0], resume=True)


def test_gradients_that_are_not_finite_leave_the_weights_alone_and_end_the_run_in_one_sentence(
    tmp_path: Path,
) -> None:
    model = tiny(dropout=0.0)
    recipe = RECIPE.replace(weight_decay=0.0)
    with pytest.raises(TfmedError, match="no gradient of the last 4 steps"):
        train(model, TinyTask(), TinyData(poison=float("nan")), recipe, tmp_path)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_mixed_precision_trains_with_float32_weights(tmp_path: Path) -> None:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = tiny()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    summary = train(model, TinyTask(), TinyData(), RECIPE, tmp_path)
    assert model.hidden.compute_dtype == "bfloat16" and model.hidden.kernel.dtype == "float32"
    assert summary["metrics"]["whole"] > 0.5


def test_an_error_in_the_data_ends_the_process(tmp_path: Path) -> None:
    """TensorFlow's reading threads must not keep Python from ending."""
    words = [sys.executable, "-m", "tests.training.failing", str(tmp_path / "run")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "no such slice" in done.stderr

"""The training loop: one for one device, many GPUs and many workers."""

import json
import signal
import time
import traceback
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from tfmed.errors import TfmedError
from tfmed.training.checks import check_run, check_same_data
from tfmed.training.cluster import check_recipe, workers
from tfmed.training.interrupt import Interrupt
from tfmed.training.logs import Log
from tfmed.training.recipe import Recipe
from tfmed.training.schedule import average_decay, learning_rate
from tfmed.training.state import State
from tfmed.training.step import Step, make_optimizer
from tfmed.training.summary import hardware, sha256, versions, write_summary, write_text
from tfmed.training.validation import Validator, mean_score


class Data(Protocol):
    """What the loop trains on. Batches are (inputs, targets), two dictionaries of tensors."""

    def training(self, batch: int, start: int, shard: tuple[int, int]) -> tf.data.Dataset:
        """Endless batches from sample ``start`` on; of n shards, shard i has every n-th from start + i on."""

    def validation(self) -> tf.data.Dataset | None:
        """The same few batches every time; None if there is nothing to validate on."""

    def describe(self) -> dict[str, Any]:
        """Where the data came from, for the summary; ``train`` therein identifies what is trained on."""


def train(
    model: keras.Model,
    task: Any,
    data: Data,
    recipe: Recipe,
    run: str | Path,
    *,
    strategy: tf.distribute.Strategy | None = None,
    resume: bool = False,
    about: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Train ``model``, which was built in the scope of ``strategy``, and return the summary of the run.

    The loss is the sum of ``model.loss_terms(inputs, targets, training=True)``, each term a mean over the
    slices of the batch; ``task`` scores and draws what ``model.decode`` makes of the outputs. ``run`` gets
    recipe.toml, checkpoints/, events/ for TensorBoard, best.weights.h5 (best mean score of a validation),
    final.weights.h5 and the summary; both weight files hold the moving average, as does the model afterwards.

    A run that was stopped by SIGTERM or SIGINT leaves a checkpoint and returns a summary with ``stopped_by``;
    taken up with ``resume`` it ends in the same weights as one that was never stopped, unless the recipe
    follows the clock. Raises TfmedError if ``run`` holds a run already and ``resume`` is not set, if there is
    nothing to resume from, if it was trained on other data, or if no gradient of a whole interval was finite.
    """
    strategy = strategy or tf.distribute.get_strategy()
    run = Path(run)
    check_run(run, resume)
    check_recipe(recipe, strategy)
    if resume:
        check_same_data(run, data.describe())
    loop = _Loop(model, task, data, recipe, run, strategy, about or {})
    if resume:
        loop.state.restore(run / "checkpoints")
    with Interrupt() as interrupt, strategy.scope():
        return loop.go(interrupt)


class _Loop:
    def __init__(
        self,
        model: keras.Model,
        task: Any,
        data: Data,
        recipe: Recipe,
        run: Path,
        strategy: tf.distribute.Strategy,
        about: dict[str, Any],
    ) -> None:
        self.model, self.data, self.recipe, self.run, self.strategy = model, data, recipe, run, strategy
        self.about = about
        self.worker, self.worker_count = workers(strategy)
        with strategy.scope():
            self.optimizer = make_optimizer(recipe)
            self.state = State(model, self.optimizer, averaged=recipe.average > 0)
        self.step = Step(model, self.optimizer, self.state.averages, recipe.clip_norm, strategy)
        self.validator = Validator(model, task)
        self.scores: dict[str, float | None] = {}
        self.sums: Any = 0.0

    def go(self, interrupt: Interrupt) -> dict[str, Any]:
        self.run.mkdir(parents=True, exist_ok=True)
        if self.chief:
            write_text(self.run / "recipe.toml", self.recipe.to_toml())
            write_text(self.run / "data.json", json.dumps(self.data.describe(), indent=1) + "\n")
        self.log = Log(self.run if self.chief else None, self.recipe, self.state.step)
        self.began = time.monotonic() - self.state.seconds
        try:
            if self._train(interrupt):
                return self._finish()
            return self._stop(interrupt)
        finally:
            self.log.close()

    @property
    def chief(self) -> bool:
        return self.worker == 0

    @property
    def progress(self) -> float:
        """The share of the run that is done, by the clock if the recipe says so."""
        if self.recipe.minutes:
            return (time.monotonic() - self.began) / (60 * self.recipe.minutes)
        return self.state.step / self.recipe.steps

    def _train(self, interrupt: Interrupt) -> bool:
        """Go through the steps that are left; False if a signal ended them early."""
        batches = None
        try:
            while self.progress < 1:
                if batches is None:
                    batches = iter(self._batches())
                self._one_step(next(batches))
                if self._asked_to_stop(interrupt):
                    return False
                if self.state.step % self.recipe.validate_every == 0 and self.progress < 1:
                    self._validate()
                if self.state.step % self.recipe.checkpoint_every == 0:
                    self._save()
            return True
        except Exception as error:
            # An error's frames keep the iterator, and while its threads wait for Python, Python cannot end.
            traceback.clear_frames(error.__traceback__)
            raise
        finally:
            del batches

    def _batches(self) -> tf.data.Dataset:
        replicas = self.strategy.num_replicas_in_sync
        start = self.state.step * self.recipe.batch

        def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            shard = (context.input_pipeline_id, context.num_input_pipelines)
            return self.data.training(self.recipe.batch // replicas, start, shard)

        return self.strategy.distribute_datasets_from_function(of_worker)

    def _one_step(self, batch: tuple) -> None:
        recipe, state = self.recipe, self.state
        rate = learning_rate(
            recipe.learning_rate, self.progress, state.step, recipe.warmup_steps, recipe.final_rate
        )
        self.optimizer.learning_rate = rate
        self.sums += self.step(batch, tf.constant(average_decay(recipe.average, state.step)))
        state.step += 1
        self.log.advance()
        if state.step % recipe.log_every == 0:
            self._report(rate)

    def _report(self, rate: float) -> None:
        *sums, good = self.sums.numpy()
        if not good:
            raise TfmedError(
                f"no gradient of the last {self.recipe.log_every} steps (up to {self.state.step}) was "
                "finite; lower the learning rate or look at the data"
            )
        terms = {name: float(value / good) for name, value in zip(self.step.names, sums, strict=True)}
        self.log.training(self.state.step, terms, rate, min(self.progress, 1.0))
        self.sums = 0.0

    def _asked_to_stop(self, interrupt: Interrupt) -> bool:
        """Workers must stop at the same step, so several of them agree on it from time to time."""
        asked = interrupt.signal_number is not None
        if self.worker_count == 1:
            return asked
        if self.state.step % self.recipe.log_every:
            return False
        return bool(_any_replica(self.strategy, tf.constant(asked)))

    def _validate(self) -> None:
        batches = self.data.validation()
        if batches is None:
            return
        with self.state.averaged_weights():
            self.scores, pictures = self.validator(batches)
            if mean_score(self.scores) > self.state.best:
                self.state.best = mean_score(self.scores)
                self._save_weights("best")
        self.log.validation(self.state.step, self.scores, pictures)

    def _save(self) -> None:
        self.state.seconds = time.monotonic() - self.began
        if self.chief:
            self.state.save(self.run / "checkpoints")

    def _save_weights(self, name: str) -> Path:
        path = self.run / f"{name}.weights.h5"
        if self.chief:
            partial = self.run / f".{name}.partial.weights.h5"
            self.model.save_weights(partial)
            partial.replace(path)
        return path

    def _stop(self, interrupt: Interrupt) -> dict[str, Any]:
        self._save()
        self.log.say(f"stopped at step {self.state.step}; go on with --resume")
        return self._summary() | {
            "stopped_by": signal.Signals(interrupt.signal_number or signal.SIGTERM).name
        }

    def _finish(self) -> dict[str, Any]:
        self._save()
        self._validate()
        self.state.keep_averaged_weights()
        path = self._save_weights("final")
        summary = self._summary()
        if self.chief:
            summary["weights"] = {
                "file": path.name,
                "bytes": path.stat().st_size,
                "sha256": sha256(path),
                "parameters": self.model.count_params(),
            }
            write_summary(summary, self.run)
        return summary

    def _summary(self) -> dict[str, Any]:
        seconds, samples = self.state.seconds, self.state.step * self.recipe.batch
        return {
            "model": self.model.name,
            **self.about,
            "data": self.data.describe(),
            "steps": self.state.step,
            "slices": samples,
            "seconds": round(seconds, 1),
            "slices_per_second": round(samples / max(seconds, 1e-9), 2),
            "metrics": self.scores,
            "best_mean": self.state.best if np.isfinite(self.state.best) else None,
            "hardware": hardware() | {"workers": self.worker_count},
            "versions": versions(),
        }


@tf.function
def _any_replica(strategy: tf.distribute.Strategy, flag: tf.Tensor) -> tf.Tensor:
    count = strategy.run(lambda: tf.cast(flag, tf.float32))
    return strategy.reduce(tf.distribute.ReduceOp.SUM, count, axis=None) > 0

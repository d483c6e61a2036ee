"""What is seen of a run while it goes: TensorBoard, a progress bar, and lines where nobody watches."""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from tfmed.progress import bar
from tfmed.training.recipe import Recipe


class Log:
    """Writes event files under ``folder`` and talks on stderr; a log with ``folder`` None is silent."""

    def __init__(self, folder: Path | None, recipe: Recipe, first_step: int) -> None:
        self._recipe, self._quiet = recipe, folder is None
        self._writer = _writer(folder) if folder else tf.summary.create_noop_writer()
        self._bar = bar(total=None if recipe.minutes else recipe.steps, desc="train", unit="step")
        self._bar.update(first_step)
        self._since, self._at = time.monotonic(), first_step
        with self._writer.as_default(step=first_step):
            hparams.hparams(_flat(recipe))
            tf.summary.text("recipe", f"```toml\n{recipe.to_toml()}```")

    def advance(self) -> None:
        self._bar.update(1)

    def training(self, step: int, terms: dict[str, float], rate: float, progress: float) -> None:
        """Means of the loss terms over the last interval, the learning rate, and slices a second."""
        now = time.monotonic()
        speed = (step - self._at) * self._recipe.batch / max(now - self._since, 1e-9)
        self._since, self._at = now, step
        with self._writer.as_default(step=step):
            for name, value in terms.items():
                tf.summary.scalar(name if name == "loss" else f"loss/{name}", value)
            tf.summary.scalar("learning_rate", rate)
            tf.summary.scalar("slices_per_second", speed)
        self._bar.set_postfix_str(f"loss {terms['loss']:.4f}, {speed:.1f} slices/s, {progress:.0%}")
        if self._bar.disable:
            self.say(
                f"step {step}  {progress:6.1%}  loss {terms['loss']:.4f}  lr {rate:.2e}  {speed:.1f} slices/s"
            )

    def validation(self, step: int, scores: dict[str, float | None], pictures: np.ndarray) -> None:
        """Scores by region (None where there was nothing to score), and pictures [N, H, W, 3] uint8."""
        known = {name: value for name, value in scores.items() if value is not None}
        with self._writer.as_default(step=step):
            for name, value in known.items():
                tf.summary.scalar(f"validation/{name}", value)
            tf.summary.image("validation", pictures, max_outputs=8)
        self.say(f"step {step}  validation: " + "  ".join(f"{k} {v:.3f}" for k, v in known.items()))
        # The time that validation took is not training's.
        self._since, self._at = time.monotonic(), step

    def say(self, line: str) -> None:
        if not self._quiet:
            self._bar.write(line, file=sys.stderr)
            sys.stderr.flush()

    def close(self) -> None:
        self._bar.close()
        self._writer.close()


def _writer(folder: Path) -> tf.summary.SummaryWriter:
    return tf.summary.create_file_writer(str(folder / "events"))


def _flat(recipe: Recipe) -> dict[str, bool | int | float | str]:
    values = dataclasses.asdict(recipe)
    return {k: v if isinstance(v, bool | int | float | str) else repr(v) for k, v in values.items()}

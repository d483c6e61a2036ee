"""Everything that changes during a run, and its checkpoints."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf

from tfmed.errors import TfmedError


class State:
    """Weights, optimiser, moving average, step, elapsed seconds, best score.

    The position in the data is the step alone, because sample i is a function of (seed, i). Create it in the
    strategy's scope.
    """

    def __init__(self, model: keras.Model, optimizer: keras.optimizers.Optimizer, averaged: bool) -> None:
        self.model = model
        optimizer.build(model.trainable_variables)
        weights = [weight.value for weight in model.trainable_variables]
        self.averages = [tf.Variable(w, trainable=False, name="average") for w in weights] if averaged else []
        self.step, self.seconds, self.best = 0, 0.0, float("-inf")
        self._counters = {
            "step": tf.Variable(0, dtype=tf.int64, trainable=False),
            "seconds": tf.Variable(0.0, dtype=tf.float64, trainable=False),
            "best": tf.Variable(self.best, dtype=tf.float64, trainable=False),
        }
        self._checkpoint = tf.train.Checkpoint(
            weights=[variable.value for variable in model.variables],
            optimizer=[variable.value for variable in optimizer.variables],
            averages=self.averages,
            **self._counters,
        )
        # Made on first use, and by all workers together or not at all; only the first will save.
        self._checkpoint.save_counter  # noqa: B018

    def save(self, folder: Path) -> None:
        """Write a checkpoint; the last two are kept. A checkpoint counts only once it is complete."""
        for name, variable in self._counters.items():
            variable.assign(getattr(self, name))
        self._manager(folder).save(checkpoint_number=self.step)

    def restore(self, folder: Path) -> None:
        """Take up the last checkpoint. Raises TfmedError if there is none or if it is of another model."""
        path = tf.train.latest_checkpoint(folder)
        if path is None:
            raise TfmedError(f"{folder}: there is no checkpoint to resume from; start without --resume")
        try:
            status = self._checkpoint.restore(path)
            status.assert_existing_objects_matched()
            status.assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError):
            raise TfmedError(
                f"{path}: the checkpoint was not written by this model and recipe; resume with the settings "
                "that the run was started with"
            ) from None
        for name, variable in self._counters.items():
            setattr(self, name, variable.numpy().item())

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Within it, the model has the averaged weights; afterwards its own again, to the bit."""
        own = [weight.numpy() for weight in self._averaged_variables()]
        self._assign(average.numpy() for average in self.averages)
        try:
            yield
        finally:
            self._assign(own)

    def keep_averaged_weights(self) -> None:
        """The model takes the averaged weights for good."""
        self._assign(average.numpy() for average in self.averages)

    def _averaged_variables(self) -> list[keras.Variable]:
        return self.model.trainable_variables if self.averages else []

    def _assign(self, values: Iterable) -> None:
        for weight, value in zip(self._averaged_variables(), values, strict=True):
            weight.assign(value)

    def _manager(self, folder: Path) -> tf.train.CheckpointManager:
        return tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=2)

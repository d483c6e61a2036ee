"""Trains on data that fail at a sample, while others are being read; run in a process of its own."""

import sys
import time

import tensorflow as tf

from tests.training import tiny
from tfmed.training import Recipe, train

FAILING = 9


class FailingData(tiny.TinyData):
    """Reads ahead; the sample ``FAILING`` cannot be read, and those after it take their time."""

    def _from(self, start: int, shard: tuple[int, int]) -> tf.data.Dataset:
        def fail(index: int) -> int:
            if index == FAILING:
                raise ValueError("no such slice")
            if index > FAILING:
                time.sleep(0.02)
            return index

        samples = super()._from(start, shard)
        indices = tf.data.Dataset.range(start, 2**62).map(lambda i: tf.numpy_function(fail, [i], tf.int64))
        return tf.data.Dataset.zip((samples, indices)).map(lambda sample, _: sample).prefetch(8)


if __name__ == "__main__":
    recipe = Recipe(steps=50, batch=2, validate_samples=0)
    train(tiny.TinyModel(), tiny.TinyTask(), FailingData(), recipe, sys.argv[1])

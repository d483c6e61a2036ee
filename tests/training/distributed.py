"""Trains the tiny model in a process of its own: ``python -m tests.training.distributed STRATEGY RUN``."""

import sys

import keras
import tensorflow as tf

from tests.training.tiny import TinyData, TinyModel, TinyTask
from tfmed.training import Recipe, pick_strategy, train

# SGD, because AdamW would hide a gradient that is summed once too often; a norm that is clipped at each step.
RECIPE = Recipe(
    steps=50, batch=4, optimizer="sgd", learning_rate=0.3, warmup_steps=2, clip_norm=0.2, average=0.9,
    log_every=5, validate_every=5, checkpoint_every=5,
)  # fmt: skip


def strategy_of(name: str) -> tf.distribute.Strategy:
    if name == "two":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    return pick_strategy()


if __name__ == "__main__":
    strategy = strategy_of(sys.argv[1])
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = TinyModel()
    train(model, TinyTask(), TinyData(), RECIPE, sys.argv[2], strategy=strategy, resume="resume" in sys.argv)

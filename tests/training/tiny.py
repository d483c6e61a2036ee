"""A model, a task and data small enough to train in a second."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

SIZE = 16


@keras.saving.register_keras_serializable("tfmed_tests")
class TinyModel(keras.Model):
    """Finds bright pixels: one hidden convolution, one region."""

    def __init__(self, dropout: float = 0.0, width: int = 4) -> None:
        super().__init__(name="tiny")
        self.hidden = keras.layers.Conv2D(width, 3, padding="same", activation="relu")
        self.dropout = keras.layers.Dropout(dropout)
        self.out = keras.layers.Conv2D(1, 1)
        self({"image": np.zeros((1, SIZE, SIZE, 2), np.float32), "present": np.ones((1, 2), np.float32)})

    def call(self, inputs: dict, training: bool | None = None) -> dict:
        return {"logits": self.out(self.dropout(self.hidden(inputs["image"]), training=training))}

    def loss_terms(self, inputs: dict, targets: dict, training: bool = True) -> dict:
        logits = self(inputs, training=training)["logits"]
        truth = tf.cast(targets["regions"], logits.dtype)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(truth, logits)
        return {"entropy": tf.reduce_mean(entropy), "size": 0.1 * tf.reduce_mean(tf.sigmoid(logits))}

    def decode(self, outputs: dict, height: int, width: int) -> dict:
        return {"regions": tf.sigmoid(tf.cast(outputs["logits"], tf.float32))}


class TinyTask:
    def scores(self, targets: dict, regions: np.ndarray) -> dict[str, tuple[float, float]]:
        found, truth = regions > 0.5, targets["regions"] > 0
        return {"whole": (2.0 * (found & truth).sum(), float(found.sum() + truth.sum()))}

    def overlay(self, image: np.ndarray, regions: np.ndarray) -> np.ndarray:
        return np.repeat(np.clip(image[..., :1] * 50 + 100 * regions, 0, 255), 3, axis=-1).astype(np.uint8)


def sample(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample ``index``: noise with a bright square; a function of the index alone."""
    rng = np.random.default_rng([7, index])
    image = rng.normal(size=(SIZE, SIZE, 2)).astype(np.float32)
    regions = np.zeros((SIZE, SIZE, 1), np.uint8)
    y, x = rng.integers(0, SIZE - 6, 2)
    regions[y : y + 6, x : x + 6] = 1
    return image + 3 * regions, regions


class TinyData:
    """Endless samples; ``starts`` remembers where training was asked to start."""

    def __init__(self, poison: float = 0.0) -> None:
        self.starts: list[int] = []
        self.poison = poison

    def training(self, batch: int, start: int, shard: tuple[int, int]) -> tf.data.Dataset:
        self.starts.append(start)
        return self._from(start, shard).batch(batch)

    def validation(self) -> tf.data.Dataset:
        return self._from(10**6, (0, 1)).take(16).batch(8)

    def describe(self) -> dict[str, Any]:
        return {"train": {"cases": 1, "poison": self.poison}}

    def _from(self, start: int, shard: tuple[int, int]) -> tf.data.Dataset:
        def draw(index: tf.Tensor) -> tuple[dict, dict]:
            image, regions = tf.numpy_function(sample, [index], (tf.float32, tf.uint8), stateful=False)
            image = tf.ensure_shape(image, (SIZE, SIZE, 2)) + self.poison
            return {"image": image, "present": tf.ones(2)}, {
                "regions": tf.ensure_shape(regions, (SIZE, SIZE, 1))
            }

        return tf.data.Dataset.range(start, 2**62).shard(shard[1], shard[0]).map(draw)

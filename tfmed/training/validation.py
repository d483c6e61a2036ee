"""Scores of a model on a fixed set of slices, cheap enough to take every few minutes."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class Validator:
    """Scores a model by its task; the graph is traced once.

    ``model.decode`` gives region probabilities [N, H, W, K], ``task.scores`` for each region a pair whose
    sums over the batches divide to the score, ``task.overlay`` the pictures.
    """

    def __init__(self, model: keras.Model, task: Any) -> None:
        self._model, self._task = model, task

    def __call__(self, batches: Iterable) -> tuple[dict[str, float | None], np.ndarray]:
        """Scores by name, and pictures [N, H, 2W, 3] uint8 of the first batch: the truth beside the finding.

        ``batches`` yields (inputs, targets) as from ``tfmed.pipeline.slices``. A score is None where neither
        the truth nor the finding holds its region.
        """
        sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
        pictures = np.zeros((0, 1, 1, 3), np.uint8)
        for inputs, targets in batches:
            regions = self._regions(inputs).numpy()
            truth = {name: value.numpy() for name, value in targets.items()}
            for name, pair in self._task.scores(truth, regions).items():
                sums[name] += pair
            if not len(pictures):
                image = inputs["image"].numpy()
                drawn = [self._task.overlay(image, each) for each in (truth["regions"], regions)]
                pictures = np.concatenate(drawn, axis=2)
        scores = {name: float(part / whole) if whole else None for name, (part, whole) in sums.items()}
        return scores, pictures

    @tf.function(reduce_retracing=True, autograph=False)
    def _regions(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        _, height, width, _ = inputs["image"].shape
        return self._model.decode(self._model(inputs, training=False), height, width)["regions"]


def mean_score(scores: dict[str, float | None]) -> float:
    """Mean over the regions that occurred; minus infinity if none did."""
    values = [value for value in scores.values() if value is not None]
    return float(np.mean(values)) if values else float("-inf")

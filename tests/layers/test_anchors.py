"""Anchors: where they lie, and sizes planned from data."""

import numpy as np
import tensorflow as tf

from tfmed.layers import anchors


def test_grid_centres_every_size_on_every_cell() -> None:
    found = anchors.grid(tf.constant(2), tf.constant(3), 8, [(4.0, 6.0), (10.0, 2.0)]).numpy()
    assert found.shape == (12, 4)
    np.testing.assert_allclose(found[0], [2, 1, 6, 7])
    np.testing.assert_allclose(found[-1], [7, 19, 17, 21])


def test_plan_finds_the_sizes_that_there_are() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([[8, 8], [20, 40], [60, 50]])
    sizes = np.repeat(truth, 50, 0) * rng.uniform(0.95, 1.05, (150, 2))
    boxes = np.concatenate([np.zeros_like(sizes), sizes], 1)[rng.permutation(150)]
    np.testing.assert_allclose(anchors.plan(boxes, 3), truth, rtol=0.05)

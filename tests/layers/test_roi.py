"""Warping and pasting against what they mean: values at cell centres, and each the other's inverse."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmed.layers import roi


def ramp(height: int, width: int, stride: float) -> tf.Tensor:
    """A map whose two channels hold the image coordinates (y, x) of each cell's centre."""
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    return tf.constant(np.stack([(ys + 0.5) * stride, (xs + 0.5) * stride], -1)[None])


@settings(deadline=None, max_examples=40)
@given(st.floats(4, 20), st.floats(4, 20), st.floats(2, 30), st.floats(2, 30), st.sampled_from([1, 2, 8]))
def test_warp_reads_the_centres_of_the_cells(y: float, x: float, h: float, w: float, stride: int) -> None:
    y, x = y + stride, x + stride
    boxes = tf.constant([[y, x, y + h, x + w]], tf.float32)
    features = ramp(80 // stride, 80 // stride, stride)
    found = roi.warp(features, boxes, tf.constant([0]), 5, stride).numpy()[0]
    centres = (np.arange(5) + 0.5) / 5
    np.testing.assert_allclose(found[:, 0, 0], y + h * centres, atol=1e-3)
    np.testing.assert_allclose(found[0, :, 1], x + w * centres, atol=1e-3)


def test_warp_is_differentiable_in_the_box() -> None:
    boxes = tf.Variable([[10.0, 12.0, 30.0, 40.0]])
    with tf.GradientTape() as tape:
        mean_y = tf.reduce_mean(roi.warp(ramp(64, 64, 1), boxes, tf.constant([0]), 8, 1)[..., 0])
    np.testing.assert_allclose(tape.gradient(mean_y, boxes), [[0.5, 0, 0.5, 0]], atol=1e-4)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))
def test_paste_fills_the_box_and_nothing_else(y: int, x: int, h: int, w: int) -> None:
    boxes = tf.constant([[[y, x, y + h, x + w]]], tf.float32)
    pasted = roi.paste(tf.ones((1, 1, 7, 7)), boxes, tf.constant(40), tf.constant(40)).numpy()[0, 0]
    expected = np.zeros((40, 40))
    expected[y : y + h, x : x + w] = 1
    np.testing.assert_allclose(pasted, expected, atol=1e-5)


def test_paste_undoes_warp() -> None:
    rng = np.random.default_rng(0)
    image = rng.random((1, 40, 40, 1)).astype(np.float32)
    boxes = tf.constant([[8.0, 4.0, 24.0, 20.0]])
    mask = roi.warp(tf.constant(image), boxes, tf.constant([0]), 16, 1.0)
    pasted = roi.paste(tf.transpose(mask, [0, 3, 1, 2]), boxes[None], tf.constant(40), tf.constant(40))
    np.testing.assert_allclose(pasted.numpy()[0, 0, 8:24, 4:20], image[0, 8:24, 4:20, 0], atol=1e-5)


def test_an_empty_box_pastes_nothing() -> None:
    pasted = roi.paste(tf.ones((1, 1, 4, 4)), tf.zeros((1, 1, 4)), tf.constant(8), tf.constant(8))
    assert not pasted.numpy().any()

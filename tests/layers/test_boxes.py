"""Boxes: overlap against a count of pixels, regression and its inverse, suppression against a loop."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmed.layers import boxes as box

whole = st.integers(0, 20)


@st.composite
def pixel_boxes(draw: st.DrawFn, count: int) -> np.ndarray:
    corners = draw(st.lists(st.tuples(whole, whole, whole, whole), min_size=count, max_size=count))
    return np.array([[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d in corners], np.float32)


def drawn(one: np.ndarray) -> np.ndarray:
    image = np.zeros((21, 21), bool)
    y1, x1, y2, x2 = one.astype(int)
    image[y1:y2, x1:x2] = True
    return image


@settings(deadline=None)
@given(pixel_boxes(3), pixel_boxes(2))
def test_overlap_counts_pixels(a: np.ndarray, b: np.ndarray) -> None:
    found = box.overlap(tf.constant(a), tf.constant(b)).numpy()
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            both, either = drawn(one) & drawn(other), drawn(one) | drawn(other)
            assert np.isclose(found[i, j], both.sum() / max(either.sum(), 1), atol=1e-6)


@settings(deadline=None)
@given(pixel_boxes(4), pixel_boxes(4))
def test_decode_undoes_encode(boxes: np.ndarray, anchors: np.ndarray) -> None:
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 4)
    anchors[:, 2:] = np.maximum(anchors[:, 2:], anchors[:, :2] + 4)
    moves = box.encode(tf.constant(boxes), tf.constant(anchors))
    np.testing.assert_allclose(box.decode(moves, tf.constant(anchors)), boxes, atol=1e-3)


def test_decode_never_explodes() -> None:
    anchors = tf.constant([[0.0, 0.0, 10.0, 10.0]])
    huge = box.decode(tf.constant([[0.0, 0.0, 1e6, 1e6]]), anchors).numpy()
    np.testing.assert_allclose(huge[0, 2:] - huge[0, :2], 10 * np.exp(box.LARGEST), rtol=1e-5)


@settings(deadline=None)
@given(pixel_boxes(6), st.lists(st.sampled_from([0.1, 0.3, 0.3, 0.9]), min_size=6, max_size=6))
def test_suppression_drops_what_a_better_box_covers(boxes: np.ndarray, scores: list[float]) -> None:
    kept = box.suppress(tf.constant(boxes), tf.constant(scores), 0.5).numpy()
    shared = box.overlap(tf.constant(boxes), tf.constant(boxes)).numpy()
    for j in range(6):
        better = [i for i in range(6) if (scores[i], -i) > (scores[j], -j)]
        covered = any(shared[i, j] > 0.5 for i in better)
        assert kept[j] == (0 if covered else np.float32(scores[j]))


def test_clip_cuts_at_the_image() -> None:
    clipped = box.clip(tf.constant([[-3.0, 2.0, 50.0, 70.0]]), tf.constant(40), tf.constant(60))
    np.testing.assert_array_equal(clipped, [[0, 2, 40, 60]])

"""Votes: against a loop over them, and what agreeing and stray votes come to."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmed.layers import votes

CELLS, STRIDE = (3, 4), 8
sides = st.floats(2, 300, width=32)
centres = st.floats(0, 32, width=32)
ballots = st.lists(
    st.tuples(centres, centres, sides, sides, st.floats(0, 1, width=32)), min_size=1, max_size=9
)


def tally(boxes: list, chances: list) -> tuple[np.ndarray, np.ndarray]:
    """Of one image."""
    given = tf.constant([boxes], tf.float32), tf.constant([chances], tf.float32)
    return tuple(found.numpy()[0] for found in votes.tally(*given, tf.constant(3), tf.constant(4), STRIDE))


@settings(deadline=None)
@given(ballots)
def test_the_tally_is_that_of_a_loop(drawn: list) -> None:
    boxes = [[y - h / 2, x - w / 2, y + h / 2, x + w / 2] for y, x, h, w, _ in drawn]
    chances = [each[4] for each in drawn]
    sums, wrong = np.zeros((3, 4, votes.OCTAVES, 5)), np.ones((3, 4, votes.OCTAVES))
    for box, chance in zip(np.float32(boxes), chances, strict=True):
        row, column = (min(int((box[i] + box[i + 2]) / 2 / STRIDE), CELLS[i] - 1) for i in (0, 1))
        area = max(box[2] - box[0], 1) * max(box[3] - box[1], 1)
        size = np.log2(area**0.5 / votes.SMALLEST)
        if abs(size - round(size)) < 1e-4:
            return  # on the edge between two octaves, where rounding decides
        place = row, column, int(np.clip(np.floor(size), 0, votes.OCTAVES - 1))
        sums[place] += chance * np.array([*box, 1])
        wrong[place] *= 1 - min(chance, votes.SUREST)
    found, sure = tally(boxes, chances)
    np.testing.assert_allclose(sure, 1 - wrong.ravel(), atol=1e-4)
    flat = sums.reshape(-1, 5)
    some = flat[:, 4] > 1e-3
    np.testing.assert_allclose(found[some], flat[some, :4] / flat[some, 4:], rtol=1e-3, atol=1e-2)


def test_votes_of_several_images_do_not_mix() -> None:
    boxes = tf.constant([[[0.0, 0.0, 16.0, 16.0]], [[0.0, 0.0, 16.0, 16.0]]])
    _, chances = votes.tally(boxes, tf.constant([[0.5], [0.25]]), tf.constant(3), tf.constant(4), STRIDE)
    np.testing.assert_allclose(np.max(chances, 1), [0.5, 0.25], atol=1e-6)
    np.testing.assert_allclose(np.sum(chances, 1), [0.5, 0.25], atol=1e-6)


def test_a_small_lesion_in_a_large_one_keeps_its_own_box() -> None:
    large, small = [-20.0, -20.0, 44.0, 44.0], [6.0, 6.0, 18.0, 18.0]
    boxes, chances = tally([large, small, large, small], [0.6, 0.6, 0.6, 0.6])
    best = np.argsort(-chances)[:2]
    np.testing.assert_allclose(sorted(boxes[best].tolist()), [large, small], atol=1e-3)
    np.testing.assert_allclose(chances[best], 1 - 0.4**2, atol=1e-5)

"""Proposals without anchors: every cell votes for the box that it lies in; votes that agree make one."""

import tensorflow as tf

# Side of the box, centred on the cell, from which a vote is measured; it stretches by e^2 either way.
UNIT = 32.0
# Votes are told apart by the octave of their boxes' size: 8 pixels and less, to 64 and more.
SMALLEST, OCTAVES = 8.0, 4
# A single cell never is quite sure.
SUREST = 0.999


def tally(
    boxes: tf.Tensor, chances: tf.Tensor, height: tf.Tensor, width: tf.Tensor, stride: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Counts votes by the cell that holds the centre of their box and the octave of its size.

    The accumulator of a generalised Hough transform (Ballard, 1981) over centre and radius, one vote a cell.

    Args:
        boxes: [N, P, 4] float32, in pixels, that the P cells vote for.
        chances: [N, P], of each vote to be right, 0..1.
        height, width: cells of the map. stride: pixels a cell.

    Returns:
        boxes [N, C, 4] and chances [N, C] of the C = height x width x 4 places of the accumulator: the mean
        of the votes, weighed by their chance, and the chance that not all of them are wrong; 0 without votes.
    """
    count = height * width * OCTAVES
    cell = tf.cast((boxes[..., :2] + boxes[..., 2:]) / (2.0 * stride), tf.int32)
    cell = tf.clip_by_value(cell, 0, tf.stack([height, width]) - 1)
    sides = tf.maximum(boxes[..., 2:] - boxes[..., :2], 1.0)
    octave = tf.math.log(tf.reduce_prod(sides, -1) / SMALLEST**2) / (2.0 * tf.math.log(2.0))
    octave = tf.clip_by_value(tf.cast(tf.floor(octave), tf.int32), 0, OCTAVES - 1)
    place = (cell[..., 0] * width + cell[..., 1]) * OCTAVES + octave
    place += count * tf.range(tf.shape(boxes)[0])[:, None]

    doubt = tf.math.log1p(-tf.minimum(chances, SUREST))
    votes = tf.concat([boxes * chances[..., None], chances[..., None], doubt[..., None]], -1)
    sums = tf.math.unsorted_segment_sum(votes, place, count * tf.shape(boxes)[0])
    sums = tf.reshape(sums, [-1, count, 6])
    return tf.math.divide_no_nan(sums[..., :4], sums[..., 4:5]), 1.0 - tf.exp(sums[..., 5])

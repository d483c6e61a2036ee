"""Boxes as tensors: overlap, regression targets, suppression. Pure functions of stock TensorFlow operations.

A box is (y1, x1, y2, x2) in pixels, half-open; arrays of boxes have shape [..., P, 4], float32.
"""

import tensorflow as tf

# Spread of the regression targets (Girshick, Fast R-CNN, 2015), so that all four are of order one.
SPREAD = (0.1, 0.1, 0.2, 0.2)
# exp(LARGEST) bounds how far one regression can stretch a box.
LARGEST = 2.0


def area(boxes: tf.Tensor) -> tf.Tensor:
    """Pixels of each box, 0 where a side is negative: [..., P, 4] -> [..., P]."""
    size = tf.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return size[..., 0] * size[..., 1]


def overlap(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Intersection over union of all pairs: [..., A, 4] and [..., B, 4] -> [..., A, B]; 0 for empty boxes."""
    top = tf.maximum(a[..., :, None, :2], b[..., None, :, :2])
    bottom = tf.minimum(a[..., :, None, 2:], b[..., None, :, 2:])
    both = area(tf.concat([top, bottom], -1))
    union = area(a)[..., :, None] + area(b)[..., None, :] - both
    return tf.math.divide_no_nan(both, union)


def _centre_size(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    size = tf.maximum(boxes[..., 2:] - boxes[..., :2], 1.0)
    return (boxes[..., :2] + boxes[..., 2:]) / 2.0, size


def encode(boxes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
    """What moves ``anchors`` onto ``boxes``: relative shift, log stretch (Girshick et al., R-CNN, 2014).

    Both [..., 4] of one shape; sides shorter than a pixel count as one. Inverse of ``decode`` within LARGEST.
    """
    centre, size = _centre_size(boxes)
    from_centre, from_size = _centre_size(anchors)
    moves = tf.concat([(centre - from_centre) / from_size, tf.math.log(size / from_size)], -1)
    return moves / tf.constant(SPREAD, moves.dtype)


def decode(moves: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
    """Applies regression outputs [..., 4] to boxes [..., 4]; inverse of ``encode``."""
    moves = moves * tf.constant(SPREAD, moves.dtype)
    from_centre, from_size = _centre_size(anchors)
    centre = from_centre + moves[..., :2] * from_size
    size = from_size * tf.exp(tf.clip_by_value(moves[..., 2:], -LARGEST, LARGEST))
    return tf.concat([centre - size / 2.0, centre + size / 2.0], -1)


def widen(boxes: tf.Tensor, margin: float) -> tf.Tensor:
    """Boxes [..., 4] with ``margin`` of their own height and width added on each side."""
    edge = margin * (boxes[..., 2:] - boxes[..., :2])
    return boxes + tf.concat([-edge, edge], -1)


def clip(boxes: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Boxes cut at the edges of an image of ``height`` x ``width`` pixels."""
    limit = tf.cast(tf.stack([height, width, height, width]), boxes.dtype)
    return tf.clip_by_value(boxes, 0.0, limit)


def suppress(boxes: tf.Tensor, scores: tf.Tensor, threshold: float) -> tf.Tensor:
    """Scores with those of overlapped boxes set to 0: [..., P, 4], [..., P] -> [..., P].

    A box goes when any better one overlaps it by more than ``threshold``, even one suppressed itself
    (fast NMS of Bolya et al., YOLACT, 2019): one matrix instead of a loop, the same on every device. Of equal
    scores the first is the better.
    """
    count = tf.shape(scores)[-1]
    ahead = scores[..., :, None] > scores[..., None, :]
    equal = scores[..., :, None] == scores[..., None, :]
    first = tf.range(count)[:, None] < tf.range(count)[None, :]
    better = tf.logical_or(ahead, tf.logical_and(equal, first))
    covered = tf.logical_and(better, overlap(boxes, boxes) > threshold)
    return tf.where(tf.reduce_any(covered, axis=-2), tf.zeros_like(scores), scores)

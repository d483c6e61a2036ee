"""Anchors: the boxes that the first stage scores and moves, and how their sizes are planned from data."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def grid(height: tf.Tensor, width: tf.Tensor, stride: int, sizes: Sequence[tuple[float, float]]) -> tf.Tensor:
    """Anchors of a feature map: [height * width * A, 4] float32 boxes in pixels, the A sizes innermost.

    height, width: cells of the map. stride: pixels a cell. sizes: (height, width) in pixels of each anchor,
    centred on its cell.
    """
    ys = (tf.range(height, dtype=tf.float32) + 0.5) * stride
    xs = (tf.range(width, dtype=tf.float32) + 0.5) * stride
    centre = tf.stack(tf.meshgrid(ys, xs, indexing="ij"), -1)[:, :, None, :]
    half = tf.constant(sizes, tf.float32) / 2.0
    return tf.reshape(tf.concat([centre - half, centre + half], -1), [-1, 4])


def plan(boxes: np.ndarray, count: int, rounds: int = 100) -> list[tuple[float, float]]:
    """Anchor sizes that cover the boxes of a training set: k-means under 1 - IoU of the centred sizes.

    boxes: [B, 4] as y1, x1, y2, x2 in pixels. Returns ``count`` (height, width), smallest first. Starts from
    quantiles of the area, so it is a function of the boxes alone. Source: Redmon and Farhadi, YOLO9000, 2017.
    """
    sizes = (boxes[:, 2:] - boxes[:, :2]).astype(np.float64)
    by_area = sizes[np.argsort(sizes.prod(1), kind="stable")]
    centres = by_area[((np.arange(count) + 0.5) / count * len(by_area)).astype(int)]
    for _ in range(rounds):
        both = np.minimum(sizes[:, None], centres).prod(2)
        union = sizes.prod(1)[:, None] + centres.prod(1) - both
        nearest = (both / union).argmax(1)
        moved = np.array(
            [np.median(sizes[nearest == c], 0) if (nearest == c).any() else centres[c] for c in range(count)]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    centres = centres[np.argsort(centres.prod(1), kind="stable")]
    return [(round(float(h), 1), round(float(w), 1)) for h, w in centres]

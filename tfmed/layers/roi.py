"""Regions of interest: features warped into a box's own grid, masks pasted from it back into the image."""

import tensorflow as tf


def warp(
    features: tf.Tensor,
    boxes: tf.Tensor,
    index: tf.Tensor,
    size: int,
    stride: float,
    method: str = "bilinear",
) -> tf.Tensor:
    """Features at the centres of a ``size`` x ``size`` grid in each box; bilinear: differentiable in the box.

    features: [N, h, w, C], a cell every ``stride`` pixels, the first centred at stride / 2. boxes: [R, 4] as
    y1, x1, y2, x2 in pixels. index: [R] int32, the image of each box. Returns [R, size, size, C]; 0 outside
    the map. The RoI warping of Dai et al. (multi-task network cascades, 2016).
    """
    shape = tf.cast(tf.shape(features)[1:3], boxes.dtype)
    half = (boxes[:, 2:] - boxes[:, :2]) / (2.0 * size)
    scale = 1.0 / tf.maximum(shape - 1.0, 1.0)
    first = ((boxes[:, :2] + half) / stride - 0.5) * scale
    last = ((boxes[:, 2:] - half) / stride - 0.5) * scale
    return tf.image.crop_and_resize(features, tf.concat([first, last], -1), index, [size, size], method)


def _spread(first: tf.Tensor, last: tf.Tensor, size: int, length: tf.Tensor) -> tf.Tensor:
    """Weights [..., length, size] of grid cells for each pixel of one axis; rows outside the box are 0."""
    pixels = tf.range(length, dtype=first.dtype) + 0.5
    cell = tf.maximum(last - first, 1e-3)[..., None] / size
    place = (pixels - first[..., None]) / cell - 0.5
    inside = tf.logical_and(pixels > first[..., None], pixels < last[..., None])
    distance = tf.abs(tf.clip_by_value(place, 0.0, size - 1.0)[..., None] - tf.range(size, dtype=first.dtype))
    return tf.where(inside[..., None], tf.maximum(1.0 - distance, 0.0), 0.0)


def paste(masks: tf.Tensor, boxes: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Masks of box grids in the image: [..., S, S] and [..., 4] -> [..., height, width].

    Bilinear between the cells' centres, constant beyond the outermost ones, 0 outside the box; the inverse of
    ``warp`` at stride 1. Two matrix products, since bilinear weights separate into rows and columns.
    """
    size = masks.shape[-1]
    rows = _spread(boxes[..., 0], boxes[..., 2], size, height)
    columns = _spread(boxes[..., 1], boxes[..., 3], size, width)
    return tf.matmul(tf.matmul(rows, masks), columns, transpose_b=True)

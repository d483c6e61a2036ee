"""Loss functions that several tasks share; float32 tensors in, unreduced or scalar tensors out."""

import tensorflow as tf


def cross_entropy(logits: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
    """Sigmoid cross-entropy element by element; both of one shape, truth in [0, 1]."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=logits)


def smooth_l1(difference: tf.Tensor) -> tf.Tensor:
    """x^2 / 2 where |x| < 1, |x| - 1/2 elsewhere (Girshick, Fast R-CNN, 2015)."""
    size = tf.abs(difference)
    return tf.where(size < 1.0, 0.5 * size * size, size - 0.5)


def soft_dice(logits: tf.Tensor, truth: tf.Tensor, axis: tuple[int, ...]) -> tf.Tensor:
    """1 - (2 sum p t + 1) / (sum p^2 + sum t^2 + 1) over ``axis`` (Milletari et al., V-Net, 2016)."""
    p = tf.sigmoid(logits)
    both = tf.reduce_sum(p * truth, axis)
    total = tf.reduce_sum(p * p + truth * truth, axis)
    return 1.0 - (2.0 * both + 1.0) / (total + 1.0)


def mean_where(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Weighted mean of all values; 0 where no weight is left. ``weights`` broadcasts against ``values``."""
    weights = tf.broadcast_to(weights, tf.shape(values))
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), tf.reduce_sum(weights))


def region_terms(logits: tf.Tensor, truth: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Dense supervision of nested regions: "ce" and "dice", cross-entropy and soft Dice over the batch.

    logits: [N, H, W, K]; ``truth`` as ``tfmed.tasks.SemanticSegmentation.targets`` gives it, batched. The
    former is weighted by 4: most pixels are easy.
    """
    regions, known = tf.cast(truth["regions"], tf.float32), truth["known"]
    error = tf.reduce_mean(cross_entropy(logits, regions), (1, 2))
    dice = soft_dice(logits * known[:, None, None, :], regions, (0, 1, 2))
    return {"ce": 4.0 * mean_where(error, known), "dice": mean_where(dice, tf.reduce_max(known, 0))}

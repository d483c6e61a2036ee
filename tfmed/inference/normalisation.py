"""The rule of `tfmed.intensity` in TensorFlow, so that a served model needs no client to normalise for it."""

import tensorflow as tf

from tfmed.intensity import CLIP_DEVIATIONS, SCALE_FLOOR


def background(array: tf.Tensor) -> tf.Tensor:
    """The value outside the head of [X, Y, Z]: element n // 2 of the sorted border faces, a scalar."""
    faces = [
        tf.reshape(tf.gather(array, end, axis=axis), [-1]) for axis in range(3) for end in _ends(array, axis)
    ]
    values = tf.sort(tf.concat(faces, 0))
    return values[tf.size(values) // 2]


def moments(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(center, scale), float64 scalars, of the foreground values [n]; see `tfmed.intensity.moments`."""
    values = tf.cast(values, tf.float64)
    center, scale = _mean_and_deviation(values)
    near = tf.abs(values - center) <= CLIP_DEVIATIONS * scale
    center, scale = _mean_and_deviation(tf.boolean_mask(values, near))
    return center, tf.maximum(scale, tf.constant(SCALE_FLOOR, tf.float64))


def normalise(volume: tf.Tensor, present: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Every modality scaled by its own foreground.

    Args:
        volume: [X, Y, Z, M] float32, raw; M is static.
        present: [M] float32, 0 for a modality that was not given.

    Returns:
        [X, Y, Z, M] float32, exactly 0 outside the foreground and for absent modalities; and bool [X, Y, Z],
        the foreground of any modality.
    """
    channels = []
    inside = tf.zeros(tf.shape(volume)[:3], tf.bool)
    for channel, given in zip(tf.unstack(volume, axis=-1), tf.unstack(present), strict=True):
        mask = tf.logical_and(channel != background(channel), given > 0)
        center, scale = moments(tf.boolean_mask(channel, mask))
        scaled = (channel - tf.cast(center, tf.float32)) / tf.cast(scale, tf.float32)
        channels.append(tf.where(mask, scaled, tf.zeros_like(scaled)))
        inside = tf.logical_or(inside, mask)
    return tf.stack(channels, axis=-1), inside


def _ends(array: tf.Tensor, axis: int) -> tuple[int, tf.Tensor]:
    return 0, tf.shape(array)[axis] - 1


def _mean_and_deviation(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    n = tf.cast(tf.size(values), tf.float64)
    mean = tf.math.divide_no_nan(tf.reduce_sum(values), n)
    variance = tf.math.divide_no_nan(tf.reduce_sum(tf.square(values - mean)), n)
    return mean, tf.sqrt(variance)

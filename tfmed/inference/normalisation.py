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


def foreground(volume: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """bool [X, Y, Z, M]: voxels of a raw volume that differ from their modality's background, if it is given.

    volume: float32 [X, Y, Z, M], M static. present: float32 [M], 0 for a modality that was not given.
    """
    outside = tf.stack([background(channel) for channel in tf.unstack(volume, axis=-1)])
    return tf.logical_and(volume != outside, present > 0)


def normalise(volume: tf.Tensor, inside: tf.Tensor) -> tf.Tensor:
    """Every modality scaled by its own foreground.

    Args:
        volume: float32 [X, Y, Z, M], raw; M is static. May be cropped, as long as it holds the foreground.
        inside: bool [X, Y, Z, M], the foreground.

    Returns:
        float32 [X, Y, Z, M], exactly 0 outside the foreground.
    """
    centers: list[tf.Tensor] = []
    scales: list[tf.Tensor] = []
    for number in range(volume.shape[-1]):
        # One after the other: what they need meanwhile is larger than the volume.
        with tf.control_dependencies(scales[-1:]):
            channel = tf.boolean_mask(volume[..., number], inside[..., number])
        center, scale = moments(channel)
        centers.append(center)
        scales.append(scale)
    center, scale = (tf.cast(tf.stack(each), tf.float32) for each in (centers, scales))
    return tf.where(inside, (volume - center) / scale, 0.0)


def _ends(array: tf.Tensor, axis: int) -> tuple[int, tf.Tensor]:
    return 0, tf.shape(array)[axis] - 1


def _mean_and_deviation(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    n = tf.cast(tf.size(values), tf.float64)
    mean = tf.math.divide_no_nan(tf.reduce_sum(values), n)
    variance = tf.math.divide_no_nan(tf.reduce_sum(tf.square(values - mean)), n)
    return mean, tf.sqrt(variance)

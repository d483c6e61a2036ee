"""Arrays as strings of raw little-endian bytes and back, in stock TensorFlow operations."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

DTYPES = ("uint8", "int16", "uint16", "float16", "float32")
_SIZES = tuple(np.dtype(name).itemsize for name in DTYPES)


def decode(data: tf.Tensor, shape: tf.Tensor, dtype: tf.Tensor) -> tf.Tensor:
    """The array that a string of raw bytes holds.

    Args:
        data: string scalar, the little-endian values in C order.
        shape: int32 [R], R static, every length at least 1.
        dtype: string scalar, one of DTYPES.

    Returns:
        float32 of rank R and the given shape.

    Raises (when the graph runs):
        InvalidArgumentError: the dtype is not known, or the bytes are not as many as shape and dtype need.
    """
    values = decode_batch(data[tf.newaxis], shape, dtype)
    return tf.reshape(values, shape)


def decode_batch(data: tf.Tensor, shape: tf.Tensor, dtype: tf.Tensor) -> tf.Tensor:
    """The arrays, all of one shape and dtype, that strings [N] of raw bytes hold: float32 [N, *shape].

    shape and dtype are those of one array; see `decode`.
    """
    which = tf.argmax(tf.equal(dtype, DTYPES), output_type=tf.int32)
    with tf.control_dependencies(_checks(data, shape, dtype, which)):
        flat = tf.switch_case(which, [_reader(data, name) for name in DTYPES])
    values = tf.reshape(flat, tf.concat([tf.shape(data), shape], 0))
    values.set_shape([data.shape[0], *[None] * shape.shape[0]])
    return values


def encode(array: tf.Tensor) -> tf.Tensor:
    """The raw bytes of a uint8 tensor in C order, a string scalar.

    No stock operation does just this. A serialised TensorProto ends with the raw content, its last field.
    """
    if array.dtype != tf.uint8:
        raise TypeError(f"Raw bytes are written of uint8 only. Received: {array.dtype.name}")
    serialised = tf.io.serialize_tensor(array)
    size = tf.size(array)
    return tf.strings.substr(serialised, tf.strings.length(serialised) - size, size)


def _reader(data: tf.Tensor, name: str) -> Callable[[], tf.Tensor]:
    return lambda: tf.cast(tf.io.decode_raw(data, tf.as_dtype(name)), tf.float32)


def _checks(data: tf.Tensor, shape: tf.Tensor, dtype: tf.Tensor, which: tf.Tensor) -> list[tf.Operation]:
    # float64, since the product of four hostile int32 lengths could overflow int64 to any value.
    needed = tf.reduce_prod(tf.cast(shape, tf.float64)) * tf.gather(tf.constant(_SIZES, tf.float64), which)
    found = tf.strings.length(data)
    return [
        tf.debugging.Assert(
            tf.reduce_any(tf.equal(dtype, DTYPES)), ["Unknown dtype:", dtype, f"Known: {', '.join(DTYPES)}"]
        ),
        tf.debugging.Assert(
            tf.reduce_all(shape > 0), ["Every length of a shape is 1 or more. Received:", shape]
        ),
        tf.debugging.Assert(
            tf.reduce_all(tf.cast(found, tf.float64) == needed),
            ["Bytes received:", found, "needed by the shape:", shape, "and the dtype:", dtype],
            summarize=4,
        ),
    ]

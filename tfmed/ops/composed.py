"""L2-norm pooling in stock TensorFlow ops: for XLA, for exports, and where the native library is absent."""

import tensorflow as tf


def l2_norm_pool(
    x: tf.Tensor, ksize: list[int], strides: list[int], padding: str, mode: str, data_format: str
) -> tf.Tensor:
    """The same arithmetic as the native op; arguments are those of `tfmed.ops.l2_norm_pool`, already complete.

    Half types are computed in float32. Squares must be within the range of the type: for float32, inputs beyond
    1e19 overflow and those below 1e-19 vanish.
    """
    wide = tf.cast(x, tf.float32) if x.dtype in (tf.float16, tf.bfloat16) else x
    if data_format in ("NCHW", "NCDHW"):
        rank = x.shape.rank
        wide = tf.transpose(wide, [0, *range(2, rank), 1])
    y = _safe_sqrt(_pool_squares(tf.square(wide), ksize, strides, padding, mode))
    if data_format in ("NCHW", "NCDHW"):
        y = tf.transpose(y, [0, rank - 1, *range(1, rank - 1)])
    return tf.cast(y, x.dtype)


def _pool_squares(
    squares: tf.Tensor, ksize: list[int], strides: list[int], padding: str, mode: str
) -> tf.Tensor:
    """Sum (mode ``sum``) or mean (``rms``) of channels-last `squares` over every window."""
    whole = [axis + 1 for axis, window in enumerate(ksize) if window == -1]
    if whole:
        reduce = tf.reduce_sum if mode == "sum" else tf.reduce_mean
        squares = reduce(squares, axis=whole, keepdims=True)
        ksize = [1 if window == -1 else window for window in ksize]
        strides = [1 if axis + 1 in whole else stride for axis, stride in enumerate(strides)]
    if all(window == 1 and stride == 1 for window, stride in zip(ksize, strides, strict=True)):
        return squares
    average = tf.nn.avg_pool2d if len(ksize) == 2 else tf.nn.avg_pool3d
    if mode == "rms":
        return average(squares, ksize, strides, padding)
    if padding == "SAME":
        squares = tf.pad(squares, _same_padding(squares, ksize, strides))
    count = 1
    for window in ksize:
        count *= window
    return average(squares, ksize, strides, "VALID") * tf.cast(count, squares.dtype)


def _same_padding(x: tf.Tensor, ksize: list[int], strides: list[int]) -> tf.Tensor:
    """Zeros before and after each axis, [rank, 2], that make VALID windows those of SAME padding."""
    extents = tf.shape(x)[1:-1]
    outputs = -(-extents // strides)
    total = tf.maximum((outputs - 1) * strides + ksize - extents, 0)
    spatial = tf.stack([total // 2, total - total // 2], axis=1)
    return tf.pad(spatial, [[1, 1], [0, 0]])


def _safe_sqrt(x: tf.Tensor) -> tf.Tensor:
    """The square root with gradient 0, not NaN, where `x` is 0."""
    zero = tf.equal(x, 0)
    return tf.where(zero, tf.zeros_like(x), tf.sqrt(tf.where(zero, tf.ones_like(x), x)))

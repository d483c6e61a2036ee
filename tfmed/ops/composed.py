"""L2-norm pooling in stock TensorFlow ops: for XLA, for exports, and where the native library is absent."""

import math

import tensorflow as tf


def l2_norm_pool(
    x: tf.Tensor, ksize: list[int], strides: list[int], padding: str, mode: str, data_format: str
) -> tf.Tensor:
    """The native op's arithmetic; arguments are those of `tfmed.ops.l2_norm_pool`, already complete.

    Half types are computed in float32. Squares must be within the range of the type: for float32, inputs
    beyond 1e19 overflow and those below 1e-19 vanish.
    """
    rank = len(ksize) + 2
    channels_first = data_format in ("NCHW", "NCDHW")
    wide = tf.cast(x, tf.float32) if x.dtype in (tf.float16, tf.bfloat16) else x
    if channels_first:
        wide = tf.transpose(wide, [0, *range(2, rank), 1])
    y = _safe_sqrt(_pool(tf.square(wide), ksize, strides, padding, mode))
    if channels_first:
        y = tf.transpose(y, [0, rank - 1, *range(1, rank - 1)])
    return tf.cast(y, x.dtype)


def _pool(x: tf.Tensor, ksize: list[int], strides: list[int], padding: str, mode: str) -> tf.Tensor:
    """Sum (mode ``sum``) or mean (``rms``) of channels-last `x` over every window."""
    whole = [axis for axis, window in enumerate(ksize, 1) if window == -1]
    if whole:
        x = (tf.reduce_sum if mode == "sum" else tf.reduce_mean)(x, axis=whole, keepdims=True)
    steps = [(1, 1) if w == -1 else (w, s) for w, s in zip(ksize, strides, strict=True)]
    if steps == [(1, 1)] * len(steps):
        return x
    windows, strides = [list(values) for values in zip(*steps, strict=True)]
    before, after = _padding(tf.shape(x)[1:-1], windows, strides, padding)
    padded = (
        tf.pad(x, [[0, 0], *tf.unstack(tf.stack([before, after], axis=1)), [0, 0]])
        if padding == "SAME"
        else x
    )
    sums = _sum_windows(padded, windows, strides)
    if mode == "sum":
        return sums
    return sums / tf.cast(_counts(tf.shape(x), tf.shape(sums), windows, strides, before), x.dtype)


def _sum_windows(x: tf.Tensor, ksize: list[int], strides: list[int]) -> tf.Tensor:
    """Sums over VALID windows. A volume's slices first, then its depth: avg_pool3d has no float64."""
    if len(ksize) == 2:
        return tf.nn.avg_pool2d(x, ksize, strides, "VALID") * math.prod(ksize)
    shape = tf.shape(x)
    slices = tf.reshape(x, tf.concat([[-1], shape[2:]], axis=0))
    pooled = _sum_windows(slices, ksize[1:], strides[1:])
    size = tf.shape(pooled)
    lines = tf.reshape(pooled, [shape[0], shape[1], size[1] * size[2], x.shape[-1] or size[3]])
    sums = _sum_windows(lines, [ksize[0], 1], [strides[0], 1])
    return tf.reshape(sums, [shape[0], tf.shape(sums)[1], size[1], size[2], x.shape[-1] or size[3]])


def _padding(
    extents: tf.Tensor, ksize: list[int], strides: list[int], padding: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Padded places before and after each axis."""
    if padding == "VALID":
        return tf.zeros_like(extents), tf.zeros_like(extents)
    outputs = -(-extents // strides)
    total = tf.maximum((outputs - 1) * strides + ksize - extents, 0)
    return total // 2, total - total // 2


def _counts(
    shape: tf.Tensor, pooled: tf.Tensor, ksize: list[int], strides: list[int], before: tf.Tensor
) -> tf.Tensor:
    """How many inputs each window holds, of a shape that broadcasts against the output."""
    counts = tf.ones([1] * (len(ksize) + 2), tf.int32)
    for axis, (window, stride) in enumerate(zip(ksize, strides, strict=True), 1):
        start = tf.range(pooled[axis]) * stride - before[axis - 1]
        held = tf.minimum(start + window, shape[axis]) - tf.maximum(start, 0)
        counts *= tf.reshape(held, [-1 if i == axis else 1 for i in range(len(ksize) + 2)])
    return counts


def _safe_sqrt(x: tf.Tensor) -> tf.Tensor:
    """The square root with gradient 0, not NaN, where `x` is 0."""
    zero = tf.equal(x, 0)
    return tf.where(zero, tf.zeros_like(x), tf.sqrt(tf.where(zero, tf.ones_like(x), x)))

"""Keras layers on L2-norm pooling: windows in 2D and 3D, whole images, and the normalised L2 unit."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmed import ops
from tfmed.errors import TfmedError
from tfmed.ops.pooling import Implementation, check_implementation, check_mode, resolve_implementation

_LAYOUTS = {
    2: {"channels_last": "NHWC", "channels_first": "NCHW"},
    3: {"channels_last": "NDHWC", "channels_first": "NCDHW"},
}


class _L2NormLayer(keras.layers.Layer):
    """A layer that pools by `implementation`: "native" where the compiled op loads, or "composed".

    Under XLA, and within `tfmed.ops.implementation(...)`, that choice is overruled. `supports_jit` is false
    for the native op, so that Keras does not choose XLA by itself and lose it.
    """

    def __init__(self, implementation: Implementation = "native", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_implementation(implementation)
        self.implementation = implementation
        self.supports_jit = implementation == "composed" or not ops.native_available()

    def _pool(self, x: tf.Tensor, *window: Any) -> tf.Tensor:
        with ops.implementation(resolve_implementation(self.implementation)):
            return ops.l2_norm_pool(x, *window)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "implementation": self.implementation}


class _L2NormPooling(_L2NormLayer):
    _axes: int

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        mode: str = "sum",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = _positive("pool_size", pool_size, self._axes)
        self.strides = self.pool_size if strides is None else _positive("strides", strides, self._axes)
        if padding.lower() not in ("valid", "same"):
            raise TfmedError(f"Unknown padding. Received: {padding!r}. Known: valid, same.")
        check_mode(mode)
        self.padding = padding.lower()
        self.mode = mode
        self.data_format = _data_format(data_format)
        self.input_spec = keras.layers.InputSpec(ndim=self._axes + 2)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        layout = _LAYOUTS[self._axes][self.data_format]
        return self._pool(inputs, self.pool_size, self.strides, self.padding.upper(), self.mode, layout)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        shape = list(input_shape)
        for axis, (window, stride) in enumerate(zip(self.pool_size, self.strides, strict=True), first):
            shape[axis] = _pooled(shape[axis], window, stride, self.padding)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        names = ("pool_size", "strides", "padding", "mode", "data_format")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("tfmed")
class L2NormPooling2D(_L2NormPooling):
    """The L2 norm of every window of an image: y = sqrt(sum of x^2), ``rms``: sqrt(mean of x^2).

    Args:
        pool_size: window height and width, or one number for both.
        strides: steps between windows; None means `pool_size`.
        padding: ``valid``, or ``same``, whose padded places add nothing and are not counted.
        mode: ``sum`` or ``rms``.
        data_format: ``channels_last`` or ``channels_first``; None is Keras' setting.
        implementation: ``native`` (where the compiled op loads) or ``composed`` of stock ops.

    Input [N, H, W, C], output [N, H', W', C] in the input's type (or channels first).
    """

    _axes = 2


@keras.saving.register_keras_serializable("tfmed")
class L2NormPooling3D(_L2NormPooling):
    """`L2NormPooling2D` for volumes: [N, D, H, W, C] to [N, D', H', W', C] (or channels first)."""

    _axes = 3


@keras.saving.register_keras_serializable("tfmed")
class GlobalL2NormPooling2D(_L2NormLayer):
    """The L2 norm of each channel over an image: [N, H, W, C] to [N, C], or [N, 1, 1, C] with `keepdims`.

    Args:
        mode: ``sum`` or ``rms``; only the latter does not grow with the image.
        keepdims: keep the two spatial axes with extent 1.
        data_format, implementation: as in `L2NormPooling2D`.
    """

    def __init__(
        self, mode: str = "sum", keepdims: bool = False, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_mode(mode)
        self.mode = mode
        self.keepdims = keepdims
        self.data_format = _data_format(data_format)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        pooled = self._pool(inputs, -1, 1, "VALID", self.mode, _LAYOUTS[2][self.data_format])
        axes = [1, 2] if self.data_format == "channels_last" else [2, 3]
        return pooled if self.keepdims else tf.squeeze(pooled, axes)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        batch, channels = input_shape[0], input_shape[3 if self.data_format == "channels_last" else 1]
        if not self.keepdims:
            return (batch, channels)
        return (batch, 1, 1, channels) if self.data_format == "channels_last" else (batch, channels, 1, 1)

    def get_config(self) -> dict[str, Any]:
        names = ("mode", "keepdims", "data_format")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("tfmed")
class NormalizedL2Unit(_L2NormLayer):
    """Units that measure a distance in a learned projection: y_n = sqrt(mean over j of (w_nj . x - c_nj)^2).

    The normalised Lp unit of Gulcehre et al. (2014) with p = 2: a 1x1 convolution to `units` groups of
    `group_size` channels, minus a learned centre, then the root mean square over each group.

    Args:
        units: N, the number of outputs a pixel.
        group_size: k, the number of projections that make one unit.
        kernel_initializer, centre_initializer, kernel_regularizer: as of a Keras layer.
        implementation: as in `L2NormPooling2D`.

    Input [..., C] of any rank from 2 up, output [..., N].
    """

    def __init__(
        self,
        units: int,
        group_size: int = 4,
        kernel_initializer: Any = "glorot_uniform",
        centre_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.group_size = (
            _positive(n, v, 1)[0] for n, v in (("units", units), ("group_size", group_size))
        )
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.centre_initializer = keras.initializers.get(centre_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.input_spec = keras.layers.InputSpec(min_ndim=2)

    def build(self, input_shape: Sequence[int | None]) -> None:
        width = self.units * self.group_size
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], width),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.centre = self.add_weight(name="centre", shape=(width,), initializer=self.centre_initializer)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        width = self.units * self.group_size
        projected = tf.matmul(tf.reshape(inputs, [-1, inputs.shape[-1]]), self.kernel) - self.centre
        norms = self._pool(
            tf.reshape(projected, [1, -1, width, 1]), [1, self.group_size], None, "VALID", "rms"
        )
        return tf.reshape(norms, tf.concat([tf.shape(inputs)[:-1], [self.units]], axis=0))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "group_size": self.group_size,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "centre_initializer": keras.initializers.serialize(self.centre_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def _positive(name: str, value: int | Sequence[int], count: int) -> tuple[int, ...]:
    values = (value,) * count if isinstance(value, int) else tuple(value)
    if len(values) != count or any(v < 1 for v in values):
        raise TfmedError(f"{name} must be one positive number, or {count} of them. Received: {value}.")
    return values


def _pooled(extent: int | None, window: int, stride: int, padding: str) -> int | None:
    """How many windows there are along an axis; None where its extent is unknown."""
    if extent is None:
        return None
    if padding == "same":
        return -(-extent // stride)
    if window > extent:
        raise TfmedError(f"A window of {window} does not fit an axis of {extent} with valid padding.")
    return (extent - window) // stride + 1


def _data_format(name: str | None) -> str:
    name = name or keras.config.image_data_format()
    if name not in ("channels_last", "channels_first"):
        raise TfmedError(f"Unknown data_format. Received: {name!r}. Known: channels_last, channels_first.")
    return name

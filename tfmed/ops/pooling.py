"""L2-norm pooling: the public function, its gradients, and the choice of what computes it."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import tensorflow as tf
from tensorflow.python.ops import control_flow_util

from tfmed.errors import TfmedError
from tfmed.ops import composed, native

Implementation = Literal["native", "composed"]
DATA_FORMATS = {4: ("NHWC", "NCHW"), 5: ("NDHWC", "NCDHW")}
DTYPES = ("float16", "bfloat16", "float32", "float64")

_chosen = threading.local()


def native_available() -> bool:
    """Whether the native library is there, was built for this TensorFlow, and loads."""
    return native.problem() is None


@contextlib.contextmanager
def implementation(name: Implementation) -> Iterator[None]:
    """Within the context, and this thread, all that is traced or run uses `name`, whatever a layer says.

    Raises TfmedError for an unknown name, and for "native" where the native library cannot be used.
    """
    check_implementation(name)
    if name == "native" and (why := native.problem()):
        raise TfmedError(f"The native L2-norm pooling is not available: {why}. {native.REBUILD}")
    outer = getattr(_chosen, "name", None)
    _chosen.name = name
    try:
        yield
    finally:
        _chosen.name = outer


def resolve_implementation(preferred: Implementation = "native") -> Implementation:
    """What runs here and now: XLA has only stock ops, then the context decides, then `preferred`.

    "native" becomes "composed", with one warning, where the library cannot be used.
    """
    check_implementation(preferred)
    if not tf.executing_eagerly() and control_flow_util.GraphOrParentsInXlaContext(
        tf.compat.v1.get_default_graph()
    ):
        return "composed"
    name = getattr(_chosen, "name", None) or preferred
    return "native" if name == "native" and native.ops() is not None else "composed"


def check_mode(mode: str) -> None:
    """Raises TfmedError for an unknown mode."""
    if mode not in ("sum", "rms"):
        raise TfmedError(f"Unknown mode of L2-norm pooling. Received: {mode!r}. Known: sum, rms.")


def check_implementation(name: str) -> None:
    """Raises TfmedError for an unknown implementation."""
    if name not in get_args(Implementation):
        raise TfmedError(
            f"Unknown implementation of L2-norm pooling. Received: {name!r}. Known: native, composed."
        )


def l2_norm_pool(
    x: Any,
    ksize: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "VALID",
    mode: str = "sum",
    data_format: str | None = None,
) -> tf.Tensor:
    """The Euclidean norm of every window: y_R = sqrt(sum over R of x^2), or of the mean in mode ``rms``.

    Its gradient, dx_i = sum over the windows R that hold i of dy_R x_i / y_R (``rms``: divided by the number
    of inputs in R), is 0 where y_R is 0, and can be differentiated again. NaN and infinity go through as
    IEEE 754 says.

    Args:
        x: [N, H, W, C] or [N, D, H, W, C], or channels first; float16, bfloat16, float32 or float64.
        ksize: the window, one number or one a spatial axis; -1 is the whole axis, whatever its extent.
        strides: like `ksize`; None means non-overlapping windows.
        padding: ``VALID``, or ``SAME``, whose padded places add nothing and are not counted.
        mode: ``sum`` or ``rms``.
        data_format: ``NHWC``, ``NCHW``, ``NDHWC``, ``NCDHW``; None means channels last, of x's rank.

    Returns:
        The pooled tensor in x's type and layout. Half types are summed in float32. So is float32 on the CPU,
        at most 16 squares at a time, and in float64 where these leave its range: no normal float32 overflows
        or vanishes in the native op. Squares must be in range otherwise: of bfloat16 and, in the composed
        form that stands in under XLA and in exports, of float32 (between 1e-19 and 1e19), of float64
        (between 1e-154 and 1e154).

    Raises:
        TfmedError: a rank, type, window, stride, padding, mode or layout that makes no sense.
        tf.errors.InvalidArgumentError: shapes that only turn out wrong when a graph runs.
    """
    x = tf.convert_to_tensor(x)
    arguments = _complete(x, ksize, strides, padding, mode, data_format)
    if resolve_implementation() == "composed":
        return composed.l2_norm_pool(x, **arguments)
    return native.ops().tfmed_l2_norm_pool(x, **arguments)


def _complete(
    x: tf.Tensor,
    ksize: int | Sequence[int],
    strides: int | Sequence[int] | None,
    padding: str,
    mode: str,
    data_format: str | None,
) -> dict[str, Any]:
    """Checked attributes of the native op."""
    if x.dtype.name not in DTYPES:
        raise TfmedError(f"L2-norm pooling needs one of {', '.join(DTYPES)}. Received: {x.dtype.name}.")
    rank = x.shape.rank if x.shape.rank is not None else len(data_format or "")
    if rank not in DATA_FORMATS:
        raise TfmedError(f"L2-norm pooling needs an input of rank 4 or 5. Received: shape {x.shape}.")
    data_format = data_format or DATA_FORMATS[rank][0]
    if data_format not in DATA_FORMATS[rank]:
        known = " or ".join(DATA_FORMATS[rank])
        raise TfmedError(f"An input of rank {rank} is {known}. Received: data_format={data_format!r}.")
    if padding not in ("VALID", "SAME"):
        raise TfmedError(f"Unknown padding. Received: {padding!r}. Known: VALID, SAME.")
    check_mode(mode)
    windows = _per_axis("ksize", ksize, rank - 2)
    steps = [max(w, 1) for w in windows] if strides is None else _per_axis("strides", strides, rank - 2)
    if any(w < 1 and w != -1 for w in windows) or any(s < 1 for s in steps):
        raise TfmedError(
            f"Windows must be positive, or -1 for a whole axis, and strides positive. "
            f"Received: ksize={windows}, strides={steps}."
        )
    first = 2 if data_format.startswith("NC") else 1
    extents = x.shape.as_list()[first : first + rank - 2] if x.shape.rank else [None] * (rank - 2)
    for axis, (window, extent) in enumerate(zip(windows, extents, strict=True)):
        if extent is None:
            continue
        if (padding == "VALID" and window > extent) or (window == -1 and extent == 0):
            raise TfmedError(
                f"A window of {window} does not fit the input's {extent} along spatial axis {axis} with "
                f"{padding} padding. Received: ksize={windows}, shape {x.shape}."
            )
    return {
        "ksize": windows,
        "strides": steps,
        "padding": padding,
        "mode": mode,
        "data_format": data_format,
    }


def _per_axis(name: str, value: int | Sequence[int], axes: int) -> list[int]:
    values = [value] * axes if isinstance(value, int) else [int(v) for v in value]
    if len(values) != axes:
        raise TfmedError(f"{name} needs one number, or {axes} for {axes} spatial axes. Received: {values}.")
    return values


def _attributes(op: tf.Operation) -> dict[str, Any]:
    texts = {name: op.get_attr(name).decode() for name in ("padding", "mode", "data_format")}
    return {"ksize": list(op.get_attr("ksize")), "strides": list(op.get_attr("strides")), **texts}


@tf.RegisterGradient("TfmedL2NormPool")
def _pool_gradient(op: tf.Operation, dy: tf.Tensor) -> tf.Tensor:
    x, y = op.inputs[0], op.outputs[0]
    return native.ops().tfmed_l2_norm_pool_grad(x, y, dy, **_attributes(op))


@tf.RegisterGradient("TfmedL2NormPoolGrad")
def _grad_gradient(op: tf.Operation, v: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The gradient of dx = x * spread(dy / y): linear in x and in dy, inverse in y."""
    x, y, dy = op.inputs
    attributes = _attributes(op)
    inner = native.ops().tfmed_l2_norm_pool_inner(x, v, y, **attributes)
    return (
        native.ops().tfmed_l2_norm_pool_grad(v, y, dy, **attributes),
        -tf.math.divide_no_nan(inner * dy, y),
        inner,
    )


@tf.RegisterGradient("TfmedL2NormPoolInner")
def _inner_gradient(op: tf.Operation, dp: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The gradient of p = pooled(x v) / y: linear in x and in v, inverse in y."""
    x, v, y = op.inputs
    attributes = _attributes(op)
    return (
        native.ops().tfmed_l2_norm_pool_grad(v, y, dp, **attributes),
        native.ops().tfmed_l2_norm_pool_grad(x, y, dp, **attributes),
        -tf.math.divide_no_nan(op.outputs[0] * dp, y),
    )

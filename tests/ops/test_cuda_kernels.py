"""The CUDA kernels: compiled by nvcc where it is, and run on the host, thread by thread."""

import ctypes
import math
import os
import subprocess
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tests.ops.reference import Pool
from tests.ops.strategies import inputs, pools
from tfmed.ops import build, native

unhurried = hypothesis.settings(
    deadline=None, max_examples=100, suppress_health_check=list(hypothesis.HealthCheck)
)
TOLERANCES = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-6, "float64": 1e-13}


class Axis(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int64) for name in ("input", "out", "window", "stride", "pad"))


class Geometry(ctypes.Structure):
    _fields_ = (
        ("batch", ctypes.c_int64),
        ("channels", ctypes.c_int64),
        ("channel_block", ctypes.c_int64),
        *((name, Axis) for name in ("depth", "height", "width")),
        ("mean", ctypes.c_bool),
    )


def geometry(pool: Pool, channels_first: bool) -> Geometry:
    axes = [Axis(1, 1, 1, 1, 0)] * (5 - len(pool.shape))
    out, _ = pool.windows()
    for extent, size, window, stride in zip(pool.shape[1:-1], out, pool.ksize, pool.strides, strict=True):
        total = max((size - 1) * stride + window - extent, 0) if pool.padding == "SAME" else 0
        axes.append(Axis(extent, size, window, stride, total // 2))
    batch, channels = pool.shape[0], pool.shape[-1]
    if channels_first:
        batch, channels = batch * channels, 1
    return Geometry(batch, channels, channels, *axes, pool.mode == "rms")


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    target = tmp_path_factory.mktemp("cuda") / "cuda_on_host.so"
    source = Path(__file__).with_name("cuda_on_host.cc")
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{build.SOURCES}"]
    subprocess.run([os.environ.get("CXX", "g++"), *flags, str(source), "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))


def on_host(kernels: ctypes.CDLL, name: str, g: Geometry, like: tf.Tensor, *tensors: tf.Tensor) -> np.ndarray:
    """What the kernel writes, in the shape and type of `like`."""
    arrays = [np.ascontiguousarray(tensor.numpy()) for tensor in tensors]
    target = np.full(like.shape, 77, like.dtype.as_numpy_dtype)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*arrays, target)]
    kernel = getattr(kernels, f"{name}_{like.dtype.name}")
    kernel(ctypes.byref(g), ctypes.c_int64(math.prod(like.shape)), *pointers)
    return target


def assert_close(found: np.ndarray, expected: tf.Tensor, terms: np.ndarray | float = 0.0) -> None:
    tolerance = TOLERANCES[expected.dtype.name]
    wide = tf.cast(expected, tf.float64).numpy()
    assert np.all(
        np.abs(found.astype(np.float64) - wide) <= tolerance * np.maximum(np.abs(wide), terms) + 1e-7
    )


@unhurried
@hypothesis.given(st.data())
def test_kernels_on_the_host_equal_the_cpu_op(kernels: ctypes.CDLL, data: st.DataObject) -> None:
    pool = data.draw(pools())
    dtype = data.draw(st.sampled_from(sorted(TOLERANCES)))
    first = data.draw(st.booleans())
    rank = len(pool.shape)
    x = tf.cast(data.draw(inputs(pool, (0, 1))), dtype)
    x = tf.transpose(x, [0, rank - 1, *range(1, rank - 1)]) if first else x
    layout = ("NCHW", "NCDHW")[rank - 4] if first else ("NHWC", "NDHWC")[rank - 4]
    arguments = {"ksize": pool.ksize, "strides": pool.strides, "padding": pool.padding, "mode": pool.mode}
    arguments["data_format"] = layout
    ops, g = native.ops(), geometry(pool, first)
    y = ops.tfmed_l2_norm_pool(x, **arguments)
    assert_close(on_host(kernels, "norm", g, y, x), y)
    dy = tf.cast(tf.random.stateless_normal(y.shape, seed=(1, 2)), dtype)
    dx = ops.tfmed_l2_norm_pool_grad(x, y, dy, **arguments)
    absolute = ops.tfmed_l2_norm_pool_grad(abs(x), y, abs(dy), **arguments)
    assert_close(on_host(kernels, "spread", g, dx, x, y, dy), dx, tf.cast(absolute, tf.float64).numpy())
    v = tf.cast(tf.random.stateless_normal(x.shape, seed=(3, 4)), dtype)
    p = ops.tfmed_l2_norm_pool_inner(x, v, y, **arguments)
    absolute = ops.tfmed_l2_norm_pool_inner(abs(x), abs(v), y, **arguments)
    assert_close(on_host(kernels, "inner", g, p, x, v, y), p, tf.cast(absolute, tf.float64).numpy())


@pytest.mark.parametrize("value", [1e19, 1e-19, np.inf, np.nan, 0.0])
def test_extreme_float32_values_come_through(kernels: ctypes.CDLL, value: float) -> None:
    pool = Pool((1, 4, 4, 3), (2, 2), (2, 2), "VALID", "sum")
    x = tf.constant(np.full(pool.shape, value, np.float32))
    y = on_host(kernels, "norm", geometry(pool, False), tf.zeros([1, 2, 2, 3]), x)
    np.testing.assert_allclose(y, np.full((1, 2, 2, 3), 2 * np.float32(value)), rtol=1e-6)


def test_long_windows_keep_their_precision(kernels: ctypes.CDLL) -> None:
    pool = Pool((1, 64, 64, 1), (64, 64), (1, 1), "VALID", "sum")
    x = tf.fill(pool.shape, 1.1)
    y = on_host(kernels, "norm", geometry(pool, False), tf.zeros([1, 1, 1, 1]), x)
    np.testing.assert_allclose(y, pool.norm(x.numpy()), rtol=1e-6)


@pytest.mark.skipif(build.nvcc() is None, reason="nvcc is not on the path")
def test_nvcc_compiles_the_kernels_without_a_warning(tmp_path: Path) -> None:
    target = tmp_path / "pool_cuda.o"
    subprocess.run(build.cuda_command(build.nvcc(), target), check=True)
    assert target.stat().st_size > 0

"""The native op against a float64 reference, its derivatives, its edges and its errors."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tests.ops.reference import Pool
from tests.ops.strategies import inputs, pools
from tfmed.errors import TfmedError
from tfmed.ops import implementation, l2_norm_pool, native, native_available

LAYOUTS = {4: "NCHW", 5: "NCDHW"}
unhurried = hypothesis.settings(
    deadline=None, max_examples=100, suppress_health_check=list(hypothesis.HealthCheck)
)


def run(
    pool: Pool, x: np.ndarray, dy: np.ndarray, channels_first: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """y and dx of the op, channels last whatever the layout it ran in."""
    rank = x.ndim
    first, last = [0, rank - 1, *range(1, rank - 1)], [0, *range(2, rank), 1]
    layout = LAYOUTS[rank] if channels_first else None
    given, upstream = (tf.transpose(v, first) if channels_first else tf.convert_to_tensor(v) for v in (x, dy))
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = l2_norm_pool(given, pool.ksize, pool.strides, pool.padding, pool.mode, layout)
    dx = tape.gradient(y, given, output_gradients=upstream)
    found = [tf.transpose(v, last) if channels_first else v for v in (y, dx)]
    return found[0].numpy(), found[1].numpy()


def upstream(pool: Pool, dtype: type = np.float32) -> np.ndarray:
    out, _ = pool.windows()
    return np.random.default_rng(7).normal(size=(pool.shape[0], *out, pool.shape[-1])).astype(dtype)


def assert_accurate(pool: Pool, x: np.ndarray, y: np.ndarray, dx: np.ndarray, tolerance: float) -> None:
    expected = pool.norm(x)
    assert np.all(np.abs(y - expected) <= tolerance * expected)
    gradient, terms = pool.gradient(x, upstream(pool))
    assert np.all(np.abs(dx - gradient) <= tolerance * terms)


def test_the_native_library_is_there() -> None:
    assert native_available(), native.problem()


def check_float32(data: st.DataObject) -> None:
    pool = data.draw(pools())
    x = data.draw(inputs(pool))
    y, dx = run(pool, x, upstream(pool), channels_first=data.draw(st.booleans()))
    assert_accurate(pool, x, y, dx, 1e-6)


@unhurried
@hypothesis.given(st.data())
def test_float32_is_within_a_millionth_of_its_terms(data: st.DataObject) -> None:
    check_float32(data)


@pytest.mark.slow
@hypothesis.settings(unhurried, max_examples=4000)
@hypothesis.given(st.data())
def test_float32_is_within_a_millionth_of_its_terms_in_thousands_of_cases(data: st.DataObject) -> None:
    check_float32(data)


@pytest.mark.parametrize("fill", ["normal", "constant"])
@pytest.mark.parametrize("channels", [1, 16])
def test_windows_of_4096_elements_stay_within_a_millionth(fill: str, channels: int) -> None:
    pool = Pool((1, 66, 65, channels), (64, 64), (1, 1), "VALID", "sum")
    x = np.full(pool.shape, 1.1, np.float32)
    if fill == "normal":
        x = np.random.default_rng(0).normal(size=pool.shape).astype(np.float32)
    y, dx = run(pool, x, upstream(pool))
    assert_accurate(pool, x, y, dx, 1e-6)


@pytest.mark.parametrize(("dtype", "step"), [("float16", 2**-10), ("bfloat16", 2**-7), ("float64", 1e-14)])
@unhurried
@hypothesis.given(st.data())
def test_other_types_are_within_their_own_precision(dtype: str, step: float, data: st.DataObject) -> None:
    pool = data.draw(pools())
    x = tf.cast(data.draw(inputs(pool, (-1, 1))), dtype)
    dy = tf.cast(upstream(pool), dtype)
    y, dx = (v.astype(np.float64) for v in run(pool, x, dy, channels_first=data.draw(st.booleans())))
    wide = tf.cast(x, tf.float64).numpy()
    tiny = 2.0**-24 if dtype == "float16" else 0
    assert np.all(np.abs(y - pool.norm(wide)) <= step * pool.norm(wide) + tiny)
    gradient, terms = pool.gradient(wide, tf.cast(dy, tf.float64).numpy())
    # y comes rounded into the gradient; a float16 y below its normal range has few digits.
    normal = pool.norm(wide).min(where=pool.norm(wide) > 0, initial=1) > 1e-3
    assert not normal or np.all(np.abs(dx - gradient) <= 2 * step * terms + tiny)


@unhurried
@hypothesis.given(st.data())
def test_the_stock_op_form_computes_the_same(data: st.DataObject) -> None:
    pool = data.draw(pools())
    x = data.draw(inputs(pool, (-3, 3))).astype(np.float64)
    dy, first = upstream(pool, np.float64), data.draw(st.booleans())
    results = []
    for name in ("native", "composed"):
        with implementation(name):
            results.append(run(pool, x, dy, first))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12 * np.abs(ours).max(initial=0))


SMOOTH = [
    Pool((2, 5, 4, 3), (2, 2), (2, 2), "VALID", "sum"),
    Pool((1, 5, 4, 5), (3, 2), (1, 2), "SAME", "rms"),
    Pool((1, 3, 4, 3, 2), (2, 2, 2), (1, 2, 1), "SAME", "sum"),
]


def smooth_input(pool: Pool) -> tf.Tensor:
    """float64 away from 0, where differences of the norm are accurate."""
    rng = np.random.default_rng(3)
    return tf.constant(rng.uniform(0.5, 1.5, pool.shape) * rng.choice([-1, 1], pool.shape))


def weighted(pool: Pool, x: tf.Tensor) -> tf.Tensor:
    y = l2_norm_pool(x, pool.ksize, pool.strides, pool.padding, pool.mode)
    return tf.reduce_sum(y * upstream(pool, np.float64))


def differentiate(pool: Pool, times: int, x: tf.Tensor) -> tf.Tensor:
    """The derivative of `weighted` taken so many times, each time against random weights."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = weighted(pool, x) if times == 1 else differentiate(pool, times - 1, x)
        if times > 1:
            value = tf.reduce_sum(value * np.random.default_rng(times).normal(size=pool.shape))
    return tape.gradient(value, x)


@pytest.mark.parametrize("pool", SMOOTH)
def test_the_gradient_is_that_of_differences(pool: Pool) -> None:
    exact, estimate = tf.test.compute_gradient(lambda x: weighted(pool, x), [smooth_input(pool)], delta=1e-5)
    assert np.abs(exact[0] - estimate[0]).max() < 1e-8


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("pool", SMOOTH)
def test_higher_derivatives_are_those_of_differences(pool: Pool, times: int) -> None:
    def derivative(x: tf.Tensor) -> tf.Tensor:
        return differentiate(pool, times, x)

    exact, estimate = tf.test.compute_gradient(derivative, [smooth_input(pool)], delta=1e-5)
    assert np.abs(exact[0] - estimate[0]).max() < 1e-7


@pytest.mark.parametrize("channels", [1, 8])
def test_windows_of_zeros_have_zero_derivatives(channels: int) -> None:
    x = tf.zeros([1, 4, 4, channels])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = l2_norm_pool(x, 2)
        dx = inner.gradient(y, x)
        total = tf.reduce_sum(dx * dx)
    assert not np.any(dx)
    assert not np.any(outer.gradient(total, x))


@pytest.mark.parametrize("channels", [1, 5, 40])
def test_nan_and_infinity_pass_through(channels: int) -> None:
    x = np.ones((1, 2, 6, channels), np.float32)
    x[0, 0, 0], x[0, 1, 2] = np.nan, -np.inf
    y, dx = run(Pool(x.shape, (2, 2), (2, 2), "VALID", "sum"), x, np.ones((1, 1, 3, channels), np.float32))
    assert np.isnan(y[0, 0, 0]).all()
    assert np.isposinf(y[0, 0, 1]).all()
    np.testing.assert_allclose(y[0, 0, 2], 2)
    assert np.isnan(dx[0, :, :2]).all()
    assert np.isnan(dx[0, 1, 2]).all()
    assert not np.any(dx[0, 0, 2])
    np.testing.assert_allclose(dx[0, :, 4:], 0.5)


@pytest.mark.parametrize("channels", [1, 40])
def test_inputs_that_no_window_holds_have_gradient_zero_even_if_nan(channels: int) -> None:
    x = np.ones((1, 5, 8, channels), np.float32)
    x[:, 4], x[:, :, 2::3] = np.nan, np.inf
    y, dx = run(Pool(x.shape, (2, 2), (2, 3), "VALID", "sum"), x, np.ones((1, 2, 3, channels), np.float32))
    np.testing.assert_allclose(y, 2)
    assert not np.any(dx[:, 4])
    assert not np.any(dx[:, :, 2::3])
    np.testing.assert_allclose(dx[:, :4, 0::3], 0.5)


@pytest.mark.parametrize("channels", [1, 40])
@pytest.mark.parametrize("value", [1e19, 1e-19, 3e37, 2e-38])
def test_float32_neither_overflows_nor_vanishes(value: float, channels: int) -> None:
    x = np.full((1, 4, 4, channels), value, np.float32)
    y, dx = run(Pool(x.shape, (2, 2), (2, 2), "VALID", "sum"), x, np.ones((1, 2, 2, channels), np.float32))
    np.testing.assert_allclose(y / np.float32(value), 2, rtol=1e-6)
    np.testing.assert_allclose(dx, 0.5, rtol=1e-6)


@pytest.mark.parametrize("window", [2, 3, 5])
def test_channels_of_any_magnitude_are_right_side_by_side(window: int) -> None:
    pool = Pool((1, 7, 7, 39), (window, window), (2, 2), "SAME", "rms")
    x = np.random.default_rng(0).normal(size=pool.shape) * 10.0 ** np.arange(-19, 20)
    x[..., 3::7] = 0
    x[0, 3, 3, 20], x[0, 3, 3, 26] = np.nan, np.inf
    y, _ = run(pool, x.astype(np.float32), upstream(pool))
    np.testing.assert_allclose(y, pool.norm(x.astype(np.float32)), rtol=1e-6)
    assert np.isnan(y[..., 20]).any()
    assert np.isinf(y[..., 26]).any()


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_of_any_magnitude_are_right_side_by_side(stride: int) -> None:
    """Ratios dy / y beyond float32 on either side, of gradients that are not."""
    pool = Pool((2, 6, 6, 64), (3, 3), (stride, stride), "SAME", "sum")
    exponents = np.arange(64) % 37 - 18
    x = (np.random.default_rng(0).normal(size=pool.shape) * 10.0**exponents).astype(np.float32)
    x[..., 3::7] = 0
    dy = (upstream(pool) * 10.0 ** (-np.sign(exponents) * 26)).astype(np.float32)
    dy[0, 0, 0, 20] = np.nan
    _, dx = run(pool, x, dy)
    expected, terms = pool.gradient(x, dy)
    np.testing.assert_array_equal(np.isnan(dx), np.isnan(expected))
    assert np.all((np.abs(dx - expected) <= 1e-6 * terms)[~np.isnan(expected)])


@pytest.mark.parametrize(("dtype", "channels"), [("float32", 64), ("bfloat16", 128), ("float64", 40)])
def test_results_beyond_the_caches_are_those_of_single_images(dtype: str, channels: int) -> None:
    pool = Pool((4, 300, 250, channels), (3, 2), (2, 2), "SAME", "sum")
    numbers = np.random.default_rng(0).normal(size=pool.shape).astype(np.float32)
    x, dy = tf.cast(numbers, dtype), tf.cast(upstream(pool), dtype)
    assert x.numpy().nbytes > 64 << 20
    together = run(pool, x, dy)
    one = replace(pool, shape=(1, *pool.shape[1:]))
    apart = [run(one, x[i : i + 1], dy[i : i + 1]) for i in range(4)]
    for whole, pieces in zip(together, zip(*apart, strict=True), strict=True):
        np.testing.assert_array_equal(whole, np.concatenate(pieces))


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (2, 4, 4, 0)])
def test_empty_tensors_work(shape: tuple[int, ...]) -> None:
    pool = Pool(shape, (2, 2), (2, 2), "VALID", "sum")
    y, dx = run(pool, np.zeros(shape, np.float32), np.zeros((shape[0], 2, 2, shape[3]), np.float32))
    assert y.shape == (shape[0], 2, 2, shape[3])
    assert dx.shape == shape


def test_few_rows_are_shared_by_channels_with_equal_results() -> None:
    x = np.random.default_rng(0).normal(size=(1, 31, 31, 1000)).astype(np.float32)
    pool = Pool(x.shape, (31, 31), (1, 1), "VALID", "rms")
    y, dx = run(pool, x, upstream(pool))
    assert_accurate(pool, x, y, dx, 1e-6)


def test_a_window_of_minus_one_is_the_whole_axis_of_any_extent() -> None:
    pooled = tf.function(
        lambda x: l2_norm_pool(x, [-1, 2]), input_signature=[tf.TensorSpec([None, None, None, 3])]
    )
    assert pooled.get_concrete_function().output_shapes.as_list() == [None, 1, None, 3]
    for height in (3, 7):
        np.testing.assert_allclose(
            pooled(tf.ones([2, height, 4, 3])), np.full((2, 1, 2, 3), (2 * height) ** 0.5), 1e-6
        )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"ksize": 2, "shape": (2, 3)}, "rank 4 or 5"),
        ({"ksize": 5}, "5 does not fit the input's 4"),
        ({"ksize": 2, "strides": 0}, r"strides=\[0, 0\]"),
        ({"ksize": [2, 2, 2]}, r"\[2, 2, 2\]"),
        ({"ksize": 2, "padding": "FULL"}, "'FULL'"),
        ({"ksize": 2, "mode": "max"}, "'max'"),
        ({"ksize": 2, "data_format": "NDHWC"}, "'NDHWC'"),
        ({"ksize": 2, "dtype": tf.int32}, "int32"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, words: str) -> None:
    x = tf.zeros(arguments.pop("shape", (1, 4, 4, 2)), arguments.pop("dtype", tf.float32))
    with pytest.raises(TfmedError, match=words):
        l2_norm_pool(x, **arguments)


ATTRIBUTES = {"ksize": [2, 2], "strides": [2, 2], "padding": "VALID", "mode": "sum", "data_format": "NHWC"}


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(
    ("shapes", "changed", "words"),
    [
        ([(1, 4, 4), (1, 2, 2, 1), (1, 2, 2, 1)], {}, "rank 4"),
        ([(1, 1, 4, 1), (1, 2, 2, 1), (1, 2, 2, 1)], {}, "window of 2 is larger than the input's 1"),
        (
            [(1, 4, 4, 1), (1, 2, 3, 1), (1, 2, 2, 1)],
            {},
            r"y must have shape \[1, 2, 2, 1\], got \[1, 2, 3, 1\]",
        ),
        (
            [(1, 4, 4, 1), (1, 2, 2, 1), (1, 2, 2, 2)],
            {},
            r"dy must have shape \[1, 2, 2, 1\], got \[1, 2, 2, 2\]",
        ),
        ([(1, 4, 4, 1), (1, 2, 2, 1), (1, 2, 2, 1)], {"strides": [0, 2]}, r"positive, got \[0, 2\]"),
        ([(1, 4, 4, 1), (1, 2, 2, 1), (1, 2, 2, 1)], {"ksize": [2, 0]}, r"got ksize \[2, 0\]"),
    ],
)
def test_shape_inference_and_kernels_name_the_same_errors(
    shapes: list[tuple[int, ...]], changed: dict, words: str, static: bool
) -> None:
    attributes = {**ATTRIBUTES, **changed}
    tensors = [tf.zeros(shape) for shape in shapes]

    def gradient(x: tf.Tensor, y: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        return native.ops().tfmed_l2_norm_pool_grad(x, y, dy, **attributes)

    specs = [tf.TensorSpec(tensor.shape if static else None) for tensor in tensors]
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=words):
        tf.function(gradient, input_signature=specs)(*tensors)


def test_xla_gets_the_stock_op_form_with_its_gradient() -> None:
    x = tf.random.stateless_normal([2, 6, 6, 3], seed=(1, 2))

    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(l2_norm_pool(x, 2))
        return tape.gradient(y, x)

    np.testing.assert_allclose(tf.function(step, jit_compile=True)(x), step(x), rtol=1e-5)


def ops_in(form: str | None) -> set[str]:
    def pooled(x: tf.Tensor) -> tf.Tensor:
        return l2_norm_pool(x, 2)

    function = tf.function(pooled, input_signature=[tf.TensorSpec([1, 4, 4, 1])])
    if form is None:
        return {op.type for op in function.get_concrete_function().graph.get_operations()}
    with implementation(form):
        return {op.type for op in function.get_concrete_function().graph.get_operations()}


def test_the_context_decides_what_is_traced_and_ends() -> None:
    assert "TfmedL2NormPool" in ops_in(None)
    with implementation("composed"):
        assert "TfmedL2NormPool" in ops_in("native")
        assert "TfmedL2NormPool" not in ops_in(None)
    assert "TfmedL2NormPool" in ops_in(None)


def test_an_unknown_implementation_is_named() -> None:
    with pytest.raises(TfmedError, match="'fast'"), implementation("fast"):
        pass


SELF_CHECK = """
import os
import numpy as np, tensorflow as tf
from tfmed.ops import implementation, l2_norm_pool, native
used = native.instruction_set()
assert used == os.environ.get("TFMED_OPS_ISA", used), used
for shape in [(2, 9, 7, 37), (1, 9, 7, 3), (1, 9, 7, 130), (2, 9, 7, 128)]:
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        x = tf.cast(np.random.default_rng(0).normal(size=shape), dtype)
        found = []
        for form in ("native", "composed"):
            with implementation(form), tf.GradientTape() as tape:
                tape.watch(x)
                y = l2_norm_pool(x, 3, 2, "SAME")
            found.append([tf.cast(v, tf.float64) for v in (y, tape.gradient(y, x))])
        for ours, theirs in zip(*found):
            assert np.abs(ours - theirs).max() < {"float16": 2e-2, "bfloat16": 2e-1}.get(dtype, 1e-5)
"""


@pytest.mark.parametrize("isa", [{}, {"TFMED_OPS_ISA": "baseline"}])
def test_instruction_sets_compute_the_same_on_more_threads_than_rows(isa: dict[str, str]) -> None:
    forced = {**os.environ, "TF_NUM_INTRAOP_THREADS": "4", **isa}
    subprocess.run([sys.executable, "-c", SELF_CHECK], env=forced, check=True)


def test_many_callers_at_once_get_what_one_gets() -> None:
    x = tf.constant(np.random.default_rng(0).normal(size=(16, 30, 30, 48)).astype(np.float32))
    pool = tf.function(lambda x: l2_norm_pool(x, 3, 2, "SAME"))
    expected = pool(x).numpy()
    with ThreadPoolExecutor(8) as callers:
        for found in callers.map(lambda _: pool(x).numpy(), range(200)):
            np.testing.assert_array_equal(found, expected)

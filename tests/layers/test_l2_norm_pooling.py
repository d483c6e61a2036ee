"""The Keras layers: shapes, saving, mixed precision, XLA, training."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmed import ops
from tfmed.errors import TfmedError
from tfmed.layers import GlobalL2NormPooling2D, L2NormPooling2D, L2NormPooling3D, NormalizedL2Unit

IMAGE = np.random.default_rng(0).normal(size=(2, 7, 8, 3)).astype(np.float32)
VOLUME = np.random.default_rng(0).normal(size=(2, 5, 7, 6, 3)).astype(np.float32)
CASES = [
    (L2NormPooling2D, {"pool_size": 3, "strides": 2, "padding": "same"}, IMAGE),
    (L2NormPooling2D, {"pool_size": (2, 3), "mode": "rms", "data_format": "channels_first"}, IMAGE),
    (L2NormPooling3D, {"pool_size": 2, "strides": (1, 2, 3)}, VOLUME),
    (GlobalL2NormPooling2D, {"mode": "rms"}, IMAGE),
    (GlobalL2NormPooling2D, {"keepdims": True, "data_format": "channels_first"}, IMAGE),
    (NormalizedL2Unit, {"units": 5, "group_size": 3, "centre_initializer": "ones"}, IMAGE),
]


@pytest.mark.parametrize(("kind", "arguments", "x"), CASES)
def test_the_output_has_the_shape_that_was_foretold(kind: type, arguments: dict, x: np.ndarray) -> None:
    layer = kind(**arguments)
    assert layer(x).shape == layer.compute_output_shape(x.shape)
    unknown = keras.Input((None,) * (x.ndim - 2) + (x.shape[-1],))
    if arguments.get("data_format") != "channels_first":
        assert kind(**arguments)(unknown).shape[-1] == layer(x).shape[-1]


@pytest.mark.parametrize(("kind", "arguments", "x"), CASES)
def test_a_saved_model_comes_back_equal(kind: type, arguments: dict, x: np.ndarray, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input(x.shape[1:]), kind(**arguments)])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(x), model(x))
    assert again.layers[0].get_config() == model.layers[0].get_config()


@pytest.mark.parametrize(("kind", "arguments", "x"), CASES)
def test_native_and_composed_layers_agree(kind: type, arguments: dict, x: np.ndarray) -> None:
    native, composed = (kind(**arguments, implementation=name) for name in ("native", "composed"))
    native(x), composed(x)
    composed.set_weights(native.get_weights())
    np.testing.assert_allclose(native(x), composed(x), rtol=1e-5)
    assert composed.supports_jit
    assert native.supports_jit != ops.native_available()


@pytest.mark.parametrize(("kind", "arguments", "x"), CASES)
def test_mixed_precision_computes_in_half_and_returns_it(kind: type, arguments: dict, x: np.ndarray) -> None:
    layer = kind(**arguments, dtype="mixed_bfloat16")
    y = layer(x)
    assert y.dtype == tf.bfloat16
    assert all(weight.dtype == "float32" for weight in layer.weights)


@pytest.mark.parametrize(("kind", "arguments", "x"), CASES)
def test_xla_compiles_the_native_layer_by_stock_ops(kind: type, arguments: dict, x: np.ndarray) -> None:
    layer = kind(**arguments)
    expected = layer(x)
    np.testing.assert_allclose(tf.function(layer, jit_compile=True)(x), expected, rtol=1e-4, atol=1e-6)


def test_the_context_overrules_the_layer() -> None:
    layer = L2NormPooling2D(2, implementation="native")
    with ops.implementation("composed"):
        graph = tf.function(layer).get_concrete_function(tf.TensorSpec(IMAGE.shape)).graph
    assert not any(op.type.startswith("Tfmed") for op in graph.get_operations())


def test_a_plain_compile_and_fit_keeps_the_native_op() -> None:
    layers = [keras.Input(IMAGE.shape[1:]), L2NormPooling2D(2), NormalizedL2Unit(4), GlobalL2NormPooling2D()]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(IMAGE, np.ones((2, 1)), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert not model.jit_compile


def test_the_unit_is_a_distance_from_its_centre() -> None:
    unit = NormalizedL2Unit(2, 2)
    unit.build((None, 3))
    kernel = np.arange(12, dtype=np.float32).reshape(3, 4)
    centre = np.array([1, 2, 3, 4], np.float32)
    unit.set_weights([kernel, centre])
    x = np.array([[1, -1, 2]], np.float32)
    projected = (x @ kernel - centre).reshape(1, 2, 2)
    np.testing.assert_allclose(unit(x), np.sqrt((projected**2).mean(-1)), rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        (L2NormPooling2D, {"pool_size": 0}, "pool_size"),
        (L2NormPooling2D, {"pool_size": (2, 2, 2)}, "pool_size"),
        (L2NormPooling2D, {"padding": "full"}, "'full'"),
        (L2NormPooling3D, {"mode": "max"}, "'max'"),
        (GlobalL2NormPooling2D, {"data_format": "NHWC"}, "'NHWC'"),
        (NormalizedL2Unit, {"units": 4, "implementation": "fast"}, "'fast'"),
    ],
)
def test_bad_arguments_are_named(kind: type, arguments: dict, words: str) -> None:
    with pytest.raises(TfmedError, match=words):
        kind(**arguments)

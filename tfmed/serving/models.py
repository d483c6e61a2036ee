"""Exported models on disk, loaded with TensorFlow alone and called by signature."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from tfmed.errors import TfmedError
from tfmed.export import stubs
from tfmed.serving.errors import Code, RequestError, from_tensorflow

WARMUP_FILE = Path("assets.extra/tf_serving_warmup_requests")


class Servable:
    """One version of a model."""

    def __init__(self, path: Path) -> None:
        """Loads NAME/VERSION/.

        Raises:
            TfmedError: the folder holds no SavedModel that this TensorFlow can load.
        """
        self.name, self.version = path.parent.name, int(path.name)
        try:
            content = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
            self._loaded = tf.saved_model.load(str(path))
        except Exception as error:
            raise TfmedError(f"{path} cannot be loaded as a SavedModel: {error}") from error
        signatures = content.meta_graphs[0].signature_def
        self.signatures = {key: signatures[key] for key in self._loaded.signatures}
        self._warmup = path / WARMUP_FILE

    def warm_up(self) -> None:
        """Answers the requests that were exported with the model, so that the first user does not wait."""
        if not self._warmup.exists():
            return
        for record in tf.data.TFRecordDataset(str(self._warmup)).as_numpy_iterator():
            request = stubs.prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            self.predict(request.model_spec.signature_name, inputs)

    def signature(self, name: str) -> meta_graph_pb2.SignatureDef:
        """A signature by its name; "" is serving_default."""
        name = name or "serving_default"
        if name not in self.signatures:
            raise RequestError(
                Code.FAILED_PRECONDITION,
                f'Serving signature key "{name}" not found. Known: {", ".join(sorted(self.signatures))}.',
            )
        return self.signatures[name]

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: Iterable[str] = ()
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature: its name; "" is serving_default.
            inputs: arrays by input; strings as object arrays of bytes.
            outputs: names of those wanted, all if empty.

        Raises:
            RequestError: the signature is unknown, an input does not fit it, or the graph refused the values.
        """
        definition = self.signature(signature)
        _check_inputs(definition, inputs)
        wanted = _wanted(definition, outputs)
        try:
            run = self._loaded.signatures[signature or "serving_default"]
            answer = run(**{key: tf.constant(value) for key, value in inputs.items()})
        except tf.errors.OpError as error:
            raise from_tensorflow(error) from error
        return {key: _array(answer[key]) for key in wanted}


def _array(tensor: tf.Tensor) -> np.ndarray:
    return np.array(tensor.numpy(), object if tensor.dtype == tf.string else None)


def _wanted(definition: meta_graph_pb2.SignatureDef, outputs: Iterable[str]) -> list[str]:
    known = sorted(definition.outputs)
    wanted = list(outputs) or known
    for name in wanted:
        if name not in known:
            raise RequestError(
                Code.INVALID_ARGUMENT, f"Unknown output {name!r} in the filter. Known: {', '.join(known)}."
            )
    return wanted


def check_names(definition: meta_graph_pb2.SignatureDef, names: Iterable[str]) -> None:
    """RequestError unless exactly the inputs of a signature are named."""
    given, expected = set(names), set(definition.inputs)
    if given != expected:
        raise RequestError(
            Code.INVALID_ARGUMENT,
            "Inputs do not match the signature. "
            f"Missing: {_listed(expected - given)}. Unknown: {_listed(given - expected)}.",
        )


def _check_inputs(definition: meta_graph_pb2.SignatureDef, inputs: Mapping[str, np.ndarray]) -> None:
    check_names(definition, inputs)
    for name, expected in sorted(definition.inputs.items()):
        value = inputs[name]
        shape = tf.TensorShape(expected.tensor_shape)
        dtype = tf.as_dtype(expected.dtype)
        if tf.as_dtype(value.dtype) != dtype or not shape.is_compatible_with(value.shape) or value.size == 0:
            raise RequestError(
                Code.INVALID_ARGUMENT,
                f"Input {name!r}: received {tf.as_dtype(value.dtype).name} of shape {list(value.shape)}, "
                f"expected {dtype.name} of shape {_shape_text(shape)} with at least one element.",
            )


def _shape_text(shape: tf.TensorShape) -> str:
    return (
        "any"
        if shape.rank is None
        else str(["?" if n is None else n for n in shape.as_list()]).replace("'", "")
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"

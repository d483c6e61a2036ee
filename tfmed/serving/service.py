"""TensorFlow Serving's gRPC services over loaded models."""

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tfmed.export import stubs
from tfmed.serving.errors import Code, RequestError
from tfmed.serving.models import Servable

Models = Mapping[str, Servable]
_log = logging.getLogger(__name__)


def choose(models: Models, name: str, version: int | None) -> Servable:
    """The model of this name, and this version if one is given; RequestError NOT_FOUND if there is none."""
    if name not in models:
        known = ", ".join(sorted(models))
        raise RequestError(Code.NOT_FOUND, f"Could not find any versions of model {name}. Served: {known}.")
    servable = models[name]
    if version not in (None, servable.version):
        raise RequestError(
            Code.NOT_FOUND, f"Version {version} of model {name} is not served. Served: {servable.version}."
        )
    return servable


def status(servable: Servable) -> Any:
    """GetModelStatusResponse: a model that is loaded is available."""
    response = stubs.get_model_status_pb2.GetModelStatusResponse()
    entry = response.model_version_status.add(version=servable.version, state="AVAILABLE")
    entry.status.error_code = 0
    return response


def _answers(method: Callable[..., Any]) -> Callable[..., Any]:
    """Ends a call with the status code of a RequestError, or INTERNAL for what nobody foresaw."""

    @functools.wraps(method)
    def answer(self: Any, request: Any, context: stubs.grpc.ServicerContext) -> Any:
        try:
            return method(self, request)
        except RequestError as error:
            return context.abort(error.code, str(error))
        except Exception as error:
            _log.exception("A request failed.")
            return context.abort(Code.INTERNAL, f"{type(error).__name__}: {error}")

    return answer


class PredictionService(stubs.prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; the other methods answer UNIMPLEMENTED."""

    def __init__(self, models: Models, max_tensor_bytes: int) -> None:
        self._models = models
        self._max_tensor_bytes = max_tensor_bytes

    @_answers
    def Predict(self, request: Any) -> Any:
        spec = request.model_spec
        servable = _chosen(self._models, spec)
        inputs = {key: self._array(key, value) for key, value in request.inputs.items()}
        answer = servable.predict(spec.signature_name, inputs, request.output_filter)
        signature = spec.signature_name or "serving_default"
        return stubs.predict_pb2.PredictResponse(
            model_spec=stubs.model_spec(servable.name, signature, servable.version),
            outputs={key: tf.make_tensor_proto(value) for key, value in answer.items()},
        )

    @_answers
    def GetModelMetadata(self, request: Any) -> Any:
        if list(request.metadata_field) != ["signature_def"]:
            raise RequestError(
                Code.INVALID_ARGUMENT,
                f"metadata_field must be signature_def. Received: {list(request.metadata_field)}",
            )
        servable = _chosen(self._models, request.model_spec)
        messages = stubs.get_model_metadata_pb2
        response = messages.GetModelMetadataResponse(
            model_spec=stubs.model_spec(servable.name, version=servable.version)
        )
        response.metadata["signature_def"].Pack(messages.SignatureDefMap(signature_def=servable.signatures))
        return response

    def _array(self, name: str, proto: tensor_pb2.TensorProto) -> np.ndarray:
        """A TensorProto as an array; its claimed size is checked first, since one value may stand for all."""
        try:
            dtype = tf.as_dtype(proto.dtype)
            claimed = float(np.prod([d.size for d in proto.tensor_shape.dim], dtype=float)) * dtype.size
            if claimed > self._max_tensor_bytes:
                raise RequestError(
                    Code.RESOURCE_EXHAUSTED,
                    f"Input {name!r} claims {claimed:.0f} bytes; the limit is {self._max_tensor_bytes}.",
                )
            return tf.make_ndarray(proto)
        except (TypeError, ValueError) as error:
            raise RequestError(
                Code.INVALID_ARGUMENT, f"Input {name!r} is no valid tensor: {error}"
            ) from error


class ModelService(stubs.model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus."""

    def __init__(self, models: Models) -> None:
        self._models = models

    @_answers
    def GetModelStatus(self, request: Any) -> Any:
        return status(_chosen(self._models, request.model_spec))


def _chosen(models: Models, spec: Any) -> Servable:
    return choose(models, spec.name, spec.version.value if spec.HasField("version") else None)

"""TensorFlow Serving's messages and gRPC stubs, from the distribution tensorflow-serving-api."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfmed.errors import TfmedError

try:
    import grpc
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_log_pb2,
        prediction_service_pb2_grpc,
    )
except ImportError as error:
    raise TfmedError(
        f"Exporting and serving need grpcio and tensorflow-serving-api ({error}): pip install tfmed[serve]"
    ) from None

# A volume of 256^3 voxels with four modalities in float32 is 256 MiB, in base64 a third more.
MESSAGE_BYTES = 1 << 30

__all__ = [
    "MESSAGE_BYTES",
    "get_model_metadata_pb2",
    "get_model_status_pb2",
    "grpc",
    "message_limits",
    "model_pb2",
    "model_service_pb2_grpc",
    "model_spec",
    "predict_pb2",
    "predict_request",
    "prediction_log_pb2",
    "prediction_service_pb2_grpc",
]


def predict_request(
    name: str, inputs: Mapping[str, Any], signature: str, version: int | None = None
) -> predict_pb2.PredictRequest:
    """A request to the model `name`, its highest version by default, with arrays (or strings) by input."""
    request = predict_pb2.PredictRequest(model_spec=model_spec(name, signature, version))
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


def message_limits(message_bytes: int = MESSAGE_BYTES) -> list[tuple[str, int]]:
    """Options of a gRPC channel or server, whose own limit is 4 MiB."""
    return [
        ("grpc.max_receive_message_length", message_bytes),
        ("grpc.max_send_message_length", message_bytes),
    ]


def model_spec(name: str, signature: str = "", version: int | None = None) -> model_pb2.ModelSpec:
    """Names a model, one of its signatures, and a version (the highest if None)."""
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    if version is not None:
        spec.version.value = version
    return spec

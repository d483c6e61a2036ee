"""How a client's request reaches a server: gRPC or REST."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from tfmed.errors import TfmedError
from tfmed.export import stubs
from tfmed.serving import json_tensors

Inputs = Mapping[str, Any]


class Transport(Protocol):
    """One connection to one server."""

    def predict(
        self, name: str, inputs: Inputs, signature: str, version: int | None
    ) -> dict[str, np.ndarray]: ...

    def close(self) -> None: ...


class Grpc:
    """PredictionService over an insecure channel to host:port."""

    def __init__(self, target: str, timeout_s: float) -> None:
        self._target = target
        self._timeout_s = timeout_s
        self._channel = stubs.grpc.insecure_channel(target, options=stubs.message_limits())
        self._service = stubs.prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def predict(
        self, name: str, inputs: Inputs, signature: str, version: int | None
    ) -> dict[str, np.ndarray]:
        request = stubs.predict_request(name, inputs, signature, version)
        try:
            response = self._service.Predict(request, timeout=self._timeout_s)
        except stubs.grpc.RpcError as error:
            raise TfmedError(f"{self._target} answered {error.code().name}: {error.details()}") from None
        return {key: tf.make_ndarray(value) for key, value in response.outputs.items()}

    def close(self) -> None:
        self._channel.close()


class Rest:
    """The REST API at http://host:port."""

    def __init__(self, target: str, timeout_s: float) -> None:
        self._root = target.rstrip("/") if "://" in target else f"http://{target}"
        self._timeout_s = timeout_s
        self._outputs: dict[tuple[str, str], dict[str, np.dtype]] = {}

    def predict(
        self, name: str, inputs: Inputs, signature: str, version: int | None
    ) -> dict[str, np.ndarray]:
        path = f"/v1/models/{name}" + (f"/versions/{version}" if version is not None else "")
        expected = self._expected(path, signature)
        values = {key: json_tensors.encode(value) for key, value in inputs.items()}
        answer = self._call(f"{path}:predict", {"signature_name": signature, "inputs": values})["outputs"]
        # The one output of a signature comes without its name.
        named = answer if len(expected) > 1 else {next(iter(expected)): answer}
        return {key: _array(value, expected[key]) for key, value in named.items()}

    def close(self) -> None:
        """Nothing is held open between requests."""

    def _expected(self, path: str, signature: str) -> dict[str, np.dtype]:
        """The dtype of each output of a signature: JSON does not say it."""
        if (path, signature) not in self._outputs:
            metadata = self._call(f"{path}/metadata")["metadata"]["signature_def"]["signature_def"]
            if signature not in metadata:
                known = ", ".join(sorted(metadata))
                raise TfmedError(f"{self._root}{path} has no signature {signature!r}. Known: {known}.")
            self._outputs[path, signature] = {
                key: np.dtype(tf.as_dtype(types_pb2.DataType.Value(info["dtype"])).as_numpy_dtype)
                for key, info in metadata[signature]["outputs"].items()
            }
        return self._outputs[path, signature]

    def _call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._root + path, content, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise TfmedError(f"{self._root} answered {error.code}: {_reason(error)}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TfmedError(f"{self._root}{path} cannot be reached: {error}") from None


def _array(value: Any, dtype: np.dtype) -> np.ndarray:
    return json_tensors.array(value, tf.string, "") if dtype.kind == "O" else np.array(value, dtype)


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return error.reason

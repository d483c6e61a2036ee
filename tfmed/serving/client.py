"""A client of served models: the embedded server and TensorFlow Serving alike."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.serving.transports import Grpc, Rest, Transport

PROTOCOLS: dict[str, type[Grpc] | type[Rest]] = {"grpc": Grpc, "rest": Rest}


class Client:
    """Asks a server at one address; close it, or use it in a `with` block."""

    def __init__(self, target: str, protocol: str = "grpc", timeout_s: float = 600) -> None:
        """
        Args:
            target: host:port of gRPC or of REST (or http://host:port).
            protocol: "grpc" or "rest".
            timeout_s: the longest that one answer may take.
        """
        if protocol not in PROTOCOLS:
            raise TfmedError(f"Unknown protocol. Received: {protocol!r}. Known: {', '.join(PROTOCOLS)}.")
        self._transport: Transport = PROTOCOLS[protocol](target, timeout_s)

    def predict(
        self,
        name: str,
        inputs: Mapping[str, Any],
        signature: str = "serving_default",
        version: int | None = None,
    ) -> dict[str, np.ndarray]:
        """One answer of a model.

        Args:
            name: the model's served name.
            inputs: by input of the signature; see `tfmed.export.signatures.build`.
            signature: which of the model's signatures.
            version: the version asked for; the served one by default.

        Returns:
            arrays by output; strings as object arrays of bytes.

        Raises:
            TfmedError: no server answers, or it refuses the request; says what it said.
        """
        return self._transport.predict(name, inputs, signature, version)

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

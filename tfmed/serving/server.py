"""The embedded server: gRPC and REST over the same loaded models, in one process."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tfmed.errors import TfmedError
from tfmed.export.stubs import (
    MESSAGE_BYTES,
    grpc,
    message_limits,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)
from tfmed.serving.folder import find
from tfmed.serving.models import Servable
from tfmed.serving.rest import RestServer
from tfmed.serving.service import ModelService, PredictionService

THREADS = 4


class Server:
    """Serves the highest version of every model in a folder until it is stopped."""

    def __init__(
        self,
        directory: str | Path,
        host: str = "127.0.0.1",
        port: int = 8500,
        rest_port: int = 8501,
        message_bytes: int = MESSAGE_BYTES,
    ) -> None:
        """Loads the models, answers their warm-up requests, and takes both ports.

        Args:
            directory: holds NAME/VERSION/ of exported models.
            host: the address of the interface to listen on.
            port: of gRPC; 0 takes a free one.
            rest_port: of REST; 0 takes a free one.
            message_bytes: the largest request or answer.

        Raises:
            TfmedError: no model is found or one cannot be loaded, or a port is taken.
        """
        self.models = {name: Servable(path) for name, path in find(Path(directory)).items()}
        for servable in self.models.values():
            servable.warm_up()
        self.host = host
        self._grpc = self._grpc_server(message_bytes)
        with _port_errors("gRPC", host, port):
            self.port = self._grpc.add_insecure_port(f"{host}:{port}")
        with _port_errors("REST", host, rest_port):
            self._rest = RestServer((host, rest_port), self.models, message_bytes)
        self.rest_port = self._rest.server_address[1]

    def _grpc_server(self, message_bytes: int) -> grpc.Server:
        # With port reuse, a second server would share the port in silence.
        options = [*message_limits(message_bytes), ("grpc.so_reuseport", 0)]
        server = grpc.server(ThreadPoolExecutor(THREADS), options=options)
        prediction = PredictionService(self.models, message_bytes)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(prediction, server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(self.models), server)
        return server

    def start(self) -> None:
        """Begins to answer; returns at once."""
        self._grpc.start()
        threading.Thread(target=self._rest.serve_forever, name="rest", daemon=True).start()

    def stop(self, grace_s: float = 5) -> None:
        """Takes no new requests, gives running ones `grace_s` seconds, and frees the ports."""
        stopped = self._grpc.stop(grace_s)
        self._rest.shutdown()
        self._rest.server_close()
        stopped.wait()

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextlib.contextmanager
def _port_errors(protocol: str, host: str, port: int) -> Iterator[None]:
    try:
        yield
    except (OSError, OverflowError, RuntimeError) as error:
        raise TfmedError(
            f"Cannot listen for {protocol} on {host}:{port}: {error}. Give a free port, or 0 for any."
        ) from None

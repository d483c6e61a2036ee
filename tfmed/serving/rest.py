"""TensorFlow Serving's REST API over loaded models."""

import json
import logging
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import tensorflow as tf
from google.protobuf.json_format import MessageToDict

from tfmed.export import stubs
from tfmed.serving import json_tensors
from tfmed.serving.errors import Code, RequestError
from tfmed.serving.models import Servable, check_names
from tfmed.serving.service import Models, choose, status

_PATH = re.compile(r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+))?(?P<what>/metadata|:predict)?")
SOCKET_TIMEOUT_S = 60
_log = logging.getLogger(__name__)


class RestServer(ThreadingHTTPServer):
    """GET /v1/models/NAME[/versions/V][/metadata] and POST /v1/models/NAME[/versions/V]:predict."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], models: Models, max_body_bytes: int) -> None:
        self.models = models
        self.max_body_bytes = max_body_bytes
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no event for stderr."""
        _log.info("The connection of %s broke.", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SOCKET_TIMEOUT_S
    server: RestServer

    def do_GET(self) -> None:
        self._answer({None: _status, "/metadata": _metadata})

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.send_error(411, "A request needs a Content-Length; chunks are not read.")
        elif int(length) > self.server.max_body_bytes:
            self._discard(int(length))
            limit = self.server.max_body_bytes
            self.send_error(413, f"The body has {length} bytes, more than the limit of {limit}.")
        else:
            content = self.rfile.read(int(length))
            self._answer({":predict": lambda servable: _predict(servable, content)})

    def _answer(self, known: dict[str | None, Callable[[Servable], dict[str, Any]]]) -> None:
        try:
            match = _PATH.fullmatch(self.path.split("?")[0])
            if match is None or match["what"] not in known:
                raise RequestError(Code.INVALID_ARGUMENT, f"Malformed request: {self.command} {self.path}")
            version = int(match["version"]) if match["version"] else None
            servable = choose(self.server.models, match["name"], version)
            self._send(200, known[match["what"]](servable))
        except RequestError as error:
            self.send_error(error.http_status, str(error))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:
            _log.exception("A request failed.")
            self.send_error(500, f"{type(error).__name__}: {error}")

    def _discard(self, length: int) -> None:
        """Reads a body that is too large: a client that is still sending would not see the answer."""
        while length > 0 and (chunk := self.rfile.read(min(length, 1 << 20))):
            length -= len(chunk)

    def _send(self, code: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(code)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """An error as TensorFlow Serving words it; ends the connection, where a body may lie unread."""
        self.close_connection = True
        self._send(code, {"error": message or self.responses[code][0]})

    def log_message(self, format: str, *args: Any) -> None:
        _log.info(format, *args)


def _status(servable: Servable) -> dict[str, Any]:
    return MessageToDict(
        status(servable), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _metadata(servable: Servable) -> dict[str, Any]:
    signatures = stubs.get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
    printed = MessageToDict(
        signatures, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    spec = {"name": servable.name, "signature_name": "", "version": str(servable.version)}
    return {"model_spec": spec, "metadata": {"signature_def": printed}}


def _predict(servable: Servable, content: bytes) -> dict[str, Any]:
    body = _parsed(content)
    name = body.get("signature_name", "")
    if not isinstance(name, str):
        raise RequestError(Code.INVALID_ARGUMENT, '"signature_name" must be a string.')
    signature = servable.signature(name)
    expected = signature.inputs
    values, row_form = json_tensors.columns(body, sorted(expected))
    check_names(signature, values)
    inputs = {
        key: json_tensors.array(value, tf.as_dtype(expected[key].dtype), key) for key, value in values.items()
    }
    return json_tensors.body(servable.predict(name, inputs), row_form)


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RequestError(Code.INVALID_ARGUMENT, f"JSON parse error: {error}") from None
    if not isinstance(body, dict):
        raise RequestError(Code.INVALID_ARGUMENT, "The body must be a JSON object.")
    return body

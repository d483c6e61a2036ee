"""Requests that cannot be answered, in the status codes of gRPC and HTTP that TensorFlow Serving uses."""

import re

import tensorflow as tf

from tfmed.export.stubs import grpc

Code = grpc.StatusCode
HTTP_STATUS = {
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.NOT_FOUND: 404,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}
# Lines of a graph's error that tell its place; the first of several errors is kept, without its number.
_PLACE = re.compile(
    r"Graph execution error|Detected at node|<stack traces"
    r"|\d+ (root|successful|derived) |\s*(\[\[|\([1-9]\d*\) )"
)
_FIRST = re.compile(r"^\s*\(0\) [A-Z_]+:\s*")
_CODES = {code.value[0]: code for code in Code}


class RequestError(Exception):
    """A request that cannot be answered: a status code and one sentence."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def http_status(self) -> int:
        return HTTP_STATUS.get(self.code, 500)


def from_tensorflow(error: tf.errors.OpError) -> RequestError:
    """The error of a graph that ran, without the names of its nodes."""
    code = _CODES.get(error.error_code, Code.INTERNAL)
    return RequestError(code, _sentence(error.message))


def _sentence(message: str) -> str:
    """What an operation said, of a message that also tells where in the graph it stands."""
    said = [_FIRST.sub("", line) for line in message.splitlines() if line.strip() and not _PLACE.match(line)]
    sentence = " ".join(said) or message
    assertion = re.match(r"assertion failed: (.*)", sentence)
    return re.sub(r"\[([^][]*)\]", r"\1", assertion[1]) if assertion else sentence

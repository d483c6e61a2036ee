"""Of a graph's error, the sentence that an operation said, and the status codes of gRPC and HTTP."""

import pytest
import tensorflow as tf

from tfmed.export.stubs import grpc
from tfmed.serving.errors import from_tensorflow

ONE = """Graph execution error:

Detected at node Assert/Assert defined at (most recent call last):
<stack traces unavailable>
assertion failed: [Bytes received:] [10] [needed by the shape:] [2 2 2 4]
\t [[{{node Assert/Assert}}]] [Op:__inference_signature_wrapper_4054]"""
SEVERAL = """Graph execution error:

Detected at node Reshape defined at (most recent call last):
<stack traces unavailable>
2 root error(s) found.
  (0) INVALID_ARGUMENT:  Input to reshape is a tensor with 5 values, but the requested shape has 6
\t [[{{node Reshape}}]]
\t [[Mean/_4]]
  (1) INVALID_ARGUMENT:  Input to reshape is a tensor with 5 values, but the requested shape has 6
\t [[{{node Reshape}}]]
0 successful operations.
0 derived errors ignored. [Op:__inference_signature_wrapper_1]"""


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (ONE, "Bytes received: 10 needed by the shape: 2 2 2 4"),
        (SEVERAL, "Input to reshape is a tensor with 5 values, but the requested shape has 6"),
        ("Out of memory.", "Out of memory."),
    ],
)
def test_the_sentence_is_kept_without_its_place(message, sentence):
    error = from_tensorflow(tf.errors.InvalidArgumentError(None, None, message))
    assert str(error) == sentence


@pytest.mark.parametrize(
    ("raised", "code", "http"),
    [
        (tf.errors.InvalidArgumentError, grpc.StatusCode.INVALID_ARGUMENT, 400),
        (tf.errors.ResourceExhaustedError, grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
        (tf.errors.UnimplementedError, grpc.StatusCode.UNIMPLEMENTED, 501),
        (tf.errors.InternalError, grpc.StatusCode.INTERNAL, 500),
    ],
)
def test_tensorflow_s_codes_are_those_of_grpc(raised, code, http):
    error = from_tensorflow(raised(None, None, "why"))
    assert (error.code, error.http_status) == (code, http)

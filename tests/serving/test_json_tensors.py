"""Arrays survive the way through JSON."""

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfmed.serving import json_tensors
from tfmed.serving.errors import RequestError

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)


def through_json(value):
    return json.loads(json.dumps(value))


@given(
    st.sampled_from(["float32", "float64", "int32", "int64", "uint8", "bool"]).flatmap(
        lambda name: hnp.arrays(name, SHAPES)
    )
)
def test_numbers_come_back_exactly(array):
    body = through_json(json_tensors.body({"a": array, "b": array}, row_form=False))
    found = json_tensors.array(body["outputs"]["a"], tf.as_dtype(array.dtype), "a")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


@given(hnp.arrays(object, SHAPES, elements=st.binary(max_size=5), fill=st.nothing()))
def test_bytes_come_back_exactly(array):
    found = json_tensors.array(through_json(json_tensors.encode(array)), tf.string, "a")
    np.testing.assert_array_equal(found, array)


def test_text_is_read_as_utf_8_and_only_outputs_called_bytes_are_base64():
    assert json_tensors.array("ö", tf.string, "a") == "ö".encode()
    text = np.array("ö".encode(), object)
    body = json_tensors.body({"said": text, "said_bytes": text}, row_form=False)
    assert body == {"outputs": {"said": "ö", "said_bytes": {"b64": "w7Y="}}}


def test_the_only_input_or_output_needs_no_name():
    assert json_tensors.columns({"inputs": [1, 2]}, ["x"]) == ({"x": [1, 2]}, False)
    assert json_tensors.columns({"instances": [1, 2]}, ["x"]) == ({"x": [1, 2]}, True)
    assert json_tensors.columns({"inputs": {"b64": "AA=="}}, ["x"]) == ({"x": {"b64": "AA=="}}, False)
    assert json_tensors.body({"y": np.arange(2)}, row_form=False) == {"outputs": [0, 1]}
    assert json_tensors.body({"y": np.arange(2)}, row_form=True) == {"predictions": [0, 1]}


@pytest.mark.parametrize("outputs", [{"a": np.ones(2), "b": np.ones(3)}, {"a": np.array(1.0)}])
def test_outputs_without_a_common_batch_axis_have_no_rows(outputs):
    with pytest.raises(RequestError, match="no common batch axis"):
        json_tensors.body(outputs, row_form=True)

"""Raw bytes become the array that they were made of, and nothing else is accepted."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfmed.export import raw_bytes

ARRAYS = st.sampled_from(raw_bytes.DTYPES).flatmap(
    lambda name: hnp.arrays(
        np.dtype(name).newbyteorder("<"), hnp.array_shapes(min_dims=3, max_dims=3, max_side=5)
    )
)
decode = tf.function(
    raw_bytes.decode,
    input_signature=[
        tf.TensorSpec([], tf.string),
        tf.TensorSpec([3], tf.int32),
        tf.TensorSpec([], tf.string),
    ],
)


@settings(deadline=None, max_examples=60)
@given(ARRAYS)
def test_bytes_decode_to_their_array(array):
    found = decode(array.tobytes(), array.shape, array.dtype.name)
    np.testing.assert_array_equal(found, array.astype(np.float32))


@settings(deadline=None, max_examples=60)
@given(ARRAYS, st.integers(-3, 3), st.lists(st.integers(-(2**31), 2**31 - 1), min_size=3, max_size=3))
def test_a_length_that_shape_and_dtype_do_not_need_is_refused(array, surplus, claimed):
    data = array.tobytes()
    data = data[:surplus] if surplus < 0 else data + bytes(surplus)
    for shape in (array.shape, claimed):
        needed = np.prod([int(n) for n in shape], dtype=object) * array.itemsize
        if len(data) != needed or min(shape) < 1:
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"Bytes received|1 or more"):
                decode(data, shape, array.dtype.name)


def test_a_product_of_lengths_that_overflows_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="Bytes received"):
        decode(b"", [2**22, 2**21, 2**21], "uint8")


@settings(deadline=None, max_examples=40)
@given(hnp.arrays(np.uint8, hnp.array_shapes(max_dims=4, max_side=40)))
def test_encoding_gives_the_bytes_of_the_array(array):
    assert raw_bytes.encode(tf.constant(array)).numpy() == array.tobytes()


def test_only_uint8_is_encoded():
    with pytest.raises(TypeError, match="uint8 only"):
        raw_bytes.encode(tf.constant([1.0]))

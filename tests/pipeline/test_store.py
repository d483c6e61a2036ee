"""Slices as the store's files hold them."""

import numpy as np

from tfmed.pipeline.store import _widened


def test_every_finite_half_precision_value_is_read_as_it_is() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)].reshape(2, -1)
    widened = _widened(finite)
    assert widened.dtype == np.float32
    np.testing.assert_array_equal(widened.view(np.uint32), finite.astype(np.float32).view(np.uint32))

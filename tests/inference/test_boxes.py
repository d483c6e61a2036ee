"""The box of a mask."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfmed.inference.boxes import mask_box


@given(arrays.arrays(np.bool_, (5, 6, 4)), st.integers(0, 3))
def test_a_box_holds_the_mask_and_no_plane_too_many(mask: np.ndarray, margin: int) -> None:
    inner, wide = mask_box(mask), mask_box(mask, margin)
    assert mask[inner].sum() == mask.sum()
    if mask.any():
        for axis in range(3):
            assert mask[inner].take(0, axis).any() and mask[inner].take(-1, axis).any()
            assert wide[axis].start == max(inner[axis].start - margin, 0)
            assert wide[axis].stop == min(inner[axis].stop + margin, mask.shape[axis])
    else:
        assert inner == tuple(slice(0, n) for n in mask.shape)

"""Generated poolings: two and three axes, any window and stride, channels around the width of a register."""

import numpy as np
from hypothesis import strategies as st

from tests.ops.reference import Pool


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    axes = draw(st.integers(2, 3))
    extents = draw(st.tuples(*[st.integers(1, 9 if axes == 2 else 5)] * axes))
    padding = draw(st.sampled_from(["VALID", "SAME"]))
    most = [extent if padding == "VALID" else extent + 3 for extent in extents]
    ksize = tuple(draw(st.integers(1, limit)) for limit in most)
    strides = draw(st.tuples(*[st.integers(1, 4)] * axes))
    batch = draw(st.integers(1, 3))
    channels = draw(st.one_of(st.integers(1, 20), st.sampled_from([32, 33, 64, 71])))
    return Pool((batch, *extents, channels), ksize, strides, padding, draw(st.sampled_from(["sum", "rms"])))


@st.composite
def inputs(draw: st.DrawFn, pool: Pool, exponents: tuple[int, int] = (-18, 18)) -> np.ndarray:
    """float32 of one magnitude, some of them 0."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = 10.0 ** draw(st.integers(*exponents))
    kept = rng.random(pool.shape) < draw(st.sampled_from([1.0, 0.5, 0.1]))
    return (rng.normal(size=pool.shape) * scale * kept).astype(np.float32)

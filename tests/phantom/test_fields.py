"""Random fields and separable resampling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmed.phantom import fields


@settings(max_examples=25, deadline=None)
@given(st.floats(1.5, 20), st.integers(0, 99))
def test_noise_has_zero_mean_and_unit_variance(step: float, seed: int) -> None:
    values = fields.noise((160, 150), step, np.random.default_rng(seed), channels=8)
    knots = values.size / step**2
    # A cubic B-spline correlates with itself as the septic one does, whose value at 0 is 151/315: along an
    # axis correlations sum to 1 / .479 steps and their squares to 1.5. Both bounds are at 6 standard errors.
    assert abs(values.mean()) < 6 * (315 / 151) / np.sqrt(knots)
    assert abs(values.std() - 1) < 6 * (1.5 / np.sqrt(2)) / np.sqrt(knots)


def test_noise_correlates_over_its_step_and_not_beyond() -> None:
    values = fields.noise((4000,), 10, np.random.default_rng(0))
    assert np.corrcoef(values[:-3], values[3:])[0, 1] > 0.7
    assert abs(np.corrcoef(values[:-50], values[50:])[0, 1]) < 0.2


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.integers(1, 60), st.floats(0, 5), st.floats(0.1, 2))
def test_linear_resampling_gives_back_a_ramp(source: int, length: int, start: float, step: float) -> None:
    taps = fields.linear_taps(length, source, start, step)
    ramp = np.arange(source, dtype=np.float32)
    expected = np.clip(start + step * np.arange(length), 0, source - 1)
    np.testing.assert_allclose(fields.apply_axes(ramp, [taps]), expected, atol=1e-4)


@pytest.mark.parametrize("block", [1, 7, 40, 200])
def test_resampling_in_blocks_changes_no_bit(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    knots = np.random.default_rng(0).standard_normal((3, 6, 5, 4), dtype=np.float32)
    taps = [fields.linear_taps(length, source, 0.3, 0.41) for length, source in ((11, 6), (9, 5), (8, 4))]
    whole = fields.apply_axes(knots, taps)
    monkeypatch.setattr(fields, "BLOCK", block)
    np.testing.assert_array_equal(fields.apply_axes(knots, taps), whole)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999))
def test_trilinear_samples_of_a_plane_lie_on_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(np.arange(7.0), np.arange(6.0), np.arange(5.0), indexing="ij")
    points = rng.uniform(0, 1, (3, 50)) * np.array([[5.9], [4.9], [3.9]])
    values = fields.sample((2 * x - y + 0.5 * z).astype(np.float32), points)
    np.testing.assert_allclose(values, 2 * points[0] - points[1] + 0.5 * points[2], atol=1e-2)


@given(st.integers(0, 99), st.sampled_from([0.0, 4.5]))
@settings(max_examples=20, deadline=None)
def test_a_window_is_a_function_of_its_generator(seed: int, step: float) -> None:
    first, again = (fields.window((60, 90), step, np.random.default_rng(seed)) for _ in range(2))
    assert first.shape == (60, 90)
    np.testing.assert_array_equal(first, again)


def test_extent_bounds_a_mask_and_is_none_for_an_empty_one() -> None:
    mask = np.zeros((9, 8, 7), bool)
    assert fields.extent(mask) is None
    mask[2, 3, 4] = mask[5, 3, 6] = True
    assert fields.extent(mask) == (slice(2, 6), slice(3, 4), slice(4, 7))

"""Smooth fields are splines; resampling agrees with SciPy and keeps zeros."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, stats
from scipy.interpolate import BSpline

from tfmed.pipeline.fields import resample, smooth_field, spline_basis, white_noise


@pytest.mark.parametrize(("length", "controls"), [(192, 8), (7, 4), (50, 5)])
def test_the_basis_is_that_of_scipys_uniform_cubic_b_splines(length: int, controls: int) -> None:
    knots = np.arange(-3, controls + 1)
    places = (np.arange(length) + 0.5) / length * (controls - 3)
    expected = BSpline.design_matrix(places, knots.astype(float), 3).toarray()
    np.testing.assert_allclose(spline_basis(length, controls), expected, atol=1e-6)


def test_equal_control_values_give_a_constant_field() -> None:
    np.testing.assert_allclose(
        smooth_field(np.full((5, 7), 2.5), (40, 30)), np.full((40, 30), 2.5), rtol=1e-6
    )


def image_and_labels(height: int, width: int, depth: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(height, width, depth)).astype(np.float32)
    return image, rng.integers(0, 5, (height, width), np.uint8)


def looked_up(
    image: np.ndarray, labels: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    brain, values, absent, labels = resample(list(np.moveaxis(image, -1, 0)), labels, rows, columns)
    found = np.zeros((*rows.shape, image.shape[2]), np.float32)
    for channel, (plane, numbers) in enumerate(zip(values, absent, strict=True)):
        assert not plane[numbers].any()
        found[..., channel][brain] = plane
    return found, labels


@given(
    height=st.integers(2, 40),
    width=st.integers(2, 40),
    depth=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_inside_the_image_values_are_scipys_linear_and_nearest(
    height: int, width: int, depth: int, seed: int
) -> None:
    image, labels = image_and_labels(height, width, depth, seed)
    rng = np.random.default_rng(seed + 1)
    rows = rng.uniform(0, height - 1, (9, 11)).astype(np.float32)
    columns = rng.uniform(0, width - 1, (9, 11)).astype(np.float32)
    found, found_labels = looked_up(image, labels, rows, columns)
    for channel in range(depth):
        expected = ndimage.map_coordinates(image[..., channel], [rows, columns], order=1)
        np.testing.assert_allclose(found[..., channel], expected, atol=2e-5)
    nearest = labels[np.floor(rows + 0.5).astype(int), np.floor(columns + 0.5).astype(int)]
    np.testing.assert_array_equal(found_labels, nearest)


@given(distance=st.floats(0.51, 1e6), side=st.integers(0, 3))
def test_beyond_the_border_everything_is_zero(distance: float, side: int) -> None:
    image, labels = image_and_labels(12, 17, 3, 0)
    rows, columns = np.full((4, 5), 6, np.float32), np.full((4, 5), 8, np.float32)
    rows, columns = [
        (np.full_like(rows, -distance), columns),
        (np.full_like(rows, 11 + distance), columns),
        (rows, np.full_like(columns, -distance)),
        (rows, np.full_like(columns, 16 + distance)),
    ][side]
    found, found_labels = looked_up(image, np.maximum(labels, 1), rows, columns)
    assert not found.any() and not found_labels.any()


def test_a_value_is_zero_exactly_where_its_nearest_pixel_is_zero_in_that_modality() -> None:
    image, labels = image_and_labels(30, 30, 2, 3)
    image[:, :14, 0] = 0
    image[:11, :, 1] = 0
    rng = np.random.default_rng(0)
    rows, columns = rng.uniform(0, 29, (2, 40, 40)).astype(np.float32)
    found, _ = looked_up(image, labels, rows, columns)
    nearest = image[np.floor(rows + 0.5).astype(int), np.floor(columns + 0.5).astype(int)]
    np.testing.assert_array_equal(found == 0, nearest == 0)


def test_modalities_that_know_the_same_brain_lack_nothing_in_it() -> None:
    image, labels = image_and_labels(30, 30, 3, 3)
    image[:, :14] = 0
    rows, columns = np.random.default_rng(0).uniform(0, 29, (2, 40, 40)).astype(np.float32)
    brain, values, absent, _ = resample(list(np.moveaxis(image, -1, 0)), labels, rows, columns)
    assert [len(numbers) for numbers in absent] == [0, 0, 0]
    assert [len(plane) for plane in values] == [np.count_nonzero(brain)] * 3


def test_without_any_modality_there_is_no_brain_and_labels_still_move() -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    rows, columns = np.indices(labels.shape, np.float32)
    brain, values, absent, moved = resample([], labels, rows, columns)
    assert not brain.any() and values == [] and absent == []
    np.testing.assert_array_equal(moved, labels)


def test_a_window_of_a_smooth_field_is_that_part_of_it() -> None:
    controls = np.random.default_rng(0).normal(size=(5, 6))
    window = slice(7, 20), slice(0, 11)
    np.testing.assert_allclose(
        smooth_field(controls, (40, 30), window), smooth_field(controls, (40, 30))[window], rtol=1e-5
    )


def test_noise_is_normal() -> None:
    noise = white_noise(100_001, np.random.SFC64(0))
    assert noise.shape == (100_001,) and noise.dtype == np.float32
    assert stats.kstest(noise, "norm").pvalue > 0.01

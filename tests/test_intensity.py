from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from tests.geometries import lengths
from tfmed import intensity

voxels = lengths.flatmap(
    lambda shape: arrays.arrays(np.float32, shape, elements=st.floats(-1000, 1000, width=32))
)


@given(voxels)
def test_background_is_the_middle_of_the_six_faces(array: np.ndarray) -> None:
    x, y, z = array.shape
    values = sorted(
        float(value)
        for face in (array[0], array[x - 1], array[:, 0], array[:, y - 1], array[:, :, 0], array[:, :, z - 1])
        for value in face.ravel()
    )
    assert intensity.background(array) == values[len(values) // 2]


@pytest.mark.parametrize("value", [0, -1.25, 4095])
def test_a_constant_background_is_found_whatever_its_value(value: float) -> None:
    array = np.random.default_rng(0).normal(500, 100, (20, 20, 20))
    outside = np.ones(array.shape, bool)
    outside[3:17, 3:17, 2:20] = False  # the head touches one face, as where the neck leaves the picture
    array[outside] = value
    assert intensity.background(array) == value
    assert np.array_equal(intensity.foreground(array), ~outside)


def test_negative_voxels_inside_are_foreground_and_a_mask_overrules() -> None:
    array = np.zeros((5, 5, 5))
    array[2, 2, 2] = -3
    assert intensity.foreground(array).sum() == 1
    mask = np.zeros(array.shape, np.uint8)
    mask[1:3] = 7
    assert np.array_equal(intensity.foreground(array, mask), mask > 0)


def test_moments_by_hand() -> None:
    """Of 0 and 2, ten times each, and 1000 the last is 4.5 deviations off and falls out; 1 and 1 remain."""
    array = np.array([0.0, 2.0] * 10 + [1000.0, 55.0]).reshape(22, 1, 1)
    mask = array != 55
    assert intensity.moments(array, mask) == pytest.approx((1.0, 1.0))


@given(voxels, st.floats(0.1, 50), st.floats(-200, 200))
def test_normalised_voxels_dont_depend_on_gain_and_offset(
    array: np.ndarray, gain: float, offset: float
) -> None:
    mask = np.ones(array.shape, bool)
    center, scale = intensity.moments(array, mask)
    away = np.abs(array - array.mean(dtype=np.float64)) / max(array.std(dtype=np.float64), 1)
    if scale < 1 or np.abs(away - intensity.CLIP_DEVIATIONS).min() < 1e-3:
        return  # rounding decides which voxels fall out
    changed = array.astype(np.float64) * gain + offset
    first = intensity.normalise(array, center, scale, mask)
    second = intensity.normalise(changed, *intensity.moments(changed, mask), mask)
    assert np.allclose(first, second, atol=1e-2)


def test_outside_is_exactly_zero_and_the_result_float32() -> None:
    array = np.full((4, 4, 4), -7, np.int16)
    array[1:3, 1:3, 1:3] = np.arange(8).reshape(2, 2, 2)
    mask = intensity.foreground(array)
    found = intensity.normalise(array, *intensity.moments(array, mask), mask)
    assert found.dtype == np.float32 and (found[~mask] == 0).all()
    assert found[mask].mean() == pytest.approx(0, abs=1e-6) and found[mask].std() == pytest.approx(
        1, abs=1e-6
    )


@pytest.mark.parametrize("value", [0.1, 1e6, -3])
def test_a_constant_head_has_the_floor_as_scale(value: float) -> None:
    array = np.full((3, 3, 3), value)
    center, scale = intensity.moments(array, np.ones(array.shape, bool))
    assert center == pytest.approx(value) and scale == intensity.SCALE_FLOOR


def test_no_foreground_at_all_gives_zeros() -> None:
    array = np.full((3, 3, 3), 5.0)
    mask = intensity.foreground(array)
    assert intensity.moments(array, mask) == (0.0, intensity.SCALE_FLOOR)
    assert (intensity.normalise(array, 0.0, intensity.SCALE_FLOOR, mask) == 0).all()


def _head() -> tuple[np.ndarray, np.ndarray]:
    """An image of 48 voxels' edge with a textured ball, 0 outside, and the ball's mask."""
    x, y, z = np.indices((48, 48, 48)) - 23.5
    ball = x**2 + y**2 + z**2 < 16**2
    texture = np.random.default_rng(1).normal(500, 100, ball.shape)
    return np.where(ball, texture, 0).astype(np.float32), ball


def _air(array: np.ndarray) -> np.ndarray:
    """With the noise of a magnitude image where nothing was."""
    noise = np.random.default_rng(2).rayleigh(5, array.shape)
    return np.where(array == 0, noise, array)


def _faint_air(array: np.ndarray) -> np.ndarray:
    return (_air(array) / 5).round().astype(np.int16)


def _z_scores_in_noise(array: np.ndarray) -> np.ndarray:
    """The background's value is the brain's mean."""
    noise = np.random.default_rng(3).normal(0, 1e-6, array.shape)
    return np.where(array == 0, noise, (array - 500) / 100)


def _moved(array: np.ndarray) -> np.ndarray:
    """By a part of a voxel with cubic splines, whose ringing does not end."""
    return ndimage.shift(array.astype(np.float64), (0.3, 0.2, 0.1), order=3)


@pytest.mark.parametrize("spoil", [_air, _faint_air, _z_scores_in_noise, _moved])
def test_a_background_that_is_not_constant_is_told_from_the_head(
    spoil: Callable[[np.ndarray], np.ndarray],
) -> None:
    array, ball = _head()
    spoilt = spoil(array)
    assert (spoilt != intensity.background(spoilt)).sum() > 2 * ball.sum()
    found = intensity.foreground(spoilt)
    assert found[ndimage.binary_erosion(ball, iterations=2)].all()
    assert not found[~ndimage.binary_dilation(ball, iterations=3)].any()


def _stored_as_integers(array: np.ndarray) -> np.ndarray:
    """Moved, and rounded: the ringing ends a few voxels from the head."""
    return _moved(array).round().astype(np.int16)


def _only_positive(array: np.ndarray) -> np.ndarray:
    return np.maximum(_stored_as_integers(array), 0)


@pytest.mark.parametrize("spoil", [_moved, _stored_as_integers, _only_positive])
@pytest.mark.parametrize("sign", [1, -1])
def test_ringing_around_the_head_is_not_foreground(
    spoil: Callable[[np.ndarray], np.ndarray], sign: int
) -> None:
    array, ball = _head()
    found = intensity.foreground(sign * spoil(array))
    moved = ndimage.shift(ball.astype(np.float64), (0.3, 0.2, 0.1), order=1)
    assert found[ndimage.binary_erosion(moved == 1)].all()
    assert not found[ndimage.binary_erosion(moved == 0)].any()


@pytest.mark.filterwarnings("error")
def test_nothing_but_noise_has_no_head() -> None:
    noise = np.random.default_rng(4).uniform(-1, 1, (20, 20, 20))
    assert not intensity.foreground(noise).any()


def test_few_voxels_near_the_background_stay_foreground() -> None:
    array, ball = _head()
    array[ball] = np.where(np.arange(ball.sum()) % 10 == 0, 0.01, array[ball])
    assert np.array_equal(intensity.foreground(array), ball)

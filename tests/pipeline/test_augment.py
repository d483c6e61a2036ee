"""Augmentation: parameters have their distributions, effects are pure and move image and labels alike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed.pipeline.augment import Augmentation, draw
from tfmed.pipeline.effects import Parameters, Tone, Warp, apply, places, reach, unchanged

SIZE = (40, 44)
ALL = np.ones(3, bool)
STRONG = Augmentation(probability=1.0, flip=(0.5, 0.5))


def blob(shape: tuple[int, int] = (36, 30), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Image [h, w, 3] with zeros around an ellipse, and labels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = ((y - shape[0] / 2) / (shape[0] / 2.2)) ** 2 + ((x - shape[1] / 2) / (shape[1] / 2.5)) ** 2 < 1
    image = (rng.normal(size=(*shape, 3)) * inside[..., None]).astype(np.float32)
    return image, ((y > 15) & (x > 12) & (x < 20) & inside).astype(np.uint8)


def plain(
    matrix: np.ndarray | None = None, tone: Tone | None = None, noise_seed: int = 0, **warp: np.ndarray
) -> Parameters:
    matrix = np.eye(2) if matrix is None else matrix
    return Parameters(Warp(matrix, **({"shift": np.zeros(2)} | warp)), (tone or Tone(),) * 3, ALL, noise_seed)


@given(
    height=st.integers(3, 60), width=st.integers(3, 60), rows=st.integers(3, 60), columns=st.integers(3, 60)
)
def test_without_augmentation_a_slice_is_cropped_or_padded_around_its_centre(
    height: int, width: int, rows: int, columns: int
) -> None:
    image, labels = blob((height, width))
    found, found_labels = apply(image, labels, unchanged(ALL), (rows, columns))
    padded = np.pad(image, ((60, 60), (60, 60), (0, 0)))
    top, left = 60 + height // 2 - rows // 2, 60 + width // 2 - columns // 2
    np.testing.assert_array_equal(found, padded[top : top + rows, left : left + columns])
    padded = np.pad(labels, 60)
    np.testing.assert_array_equal(found_labels, padded[top : top + rows, left : left + columns])


def test_a_flip_mirrors_image_and_labels_about_the_centre_without_interpolating() -> None:
    image, labels = blob((41, 41))
    found, found_labels = apply(image, labels, plain(np.diag([-1.0, 1.0])), (41, 41))
    np.testing.assert_array_equal(found, image[::-1])
    np.testing.assert_array_equal(found_labels, labels[::-1])


def test_a_quarter_turn_turns_image_and_labels_alike() -> None:
    image, labels = blob((41, 41))
    found, found_labels = apply(image, labels, plain(np.array([[0.0, -1.0], [1.0, 0.0]])), (41, 41))
    np.testing.assert_allclose(found, np.rot90(image, -1), atol=1e-6)
    np.testing.assert_array_equal(found_labels, np.rot90(labels, -1))


def test_a_shift_moves_towards_growing_indices() -> None:
    image, labels = blob((41, 41))
    found, found_labels = apply(image, labels, plain(shift=np.array([3.0, -2.0])), (41, 41))
    np.testing.assert_array_equal(found[3:, :-2], image[:-3, 2:])
    np.testing.assert_array_equal(found_labels[3:, :-2], labels[:-3, 2:])


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 50), width=st.integers(1, 50))
def test_nothing_of_an_input_is_seen_outside_its_reach(seed: int, height: int, width: int) -> None:
    wild = replace(STRONG, shift_px=60, rotation_deg=180, scale=2)
    warp = draw(wild, ALL, SIZE, np.random.default_rng(seed)).warp
    rows, columns = places(warp, (height, width), SIZE)
    seen = (rows >= -0.5) & (rows < height - 0.5) & (columns >= -0.5) & (columns < width - 0.5)
    seen[reach(warp, (height, width), SIZE)] = False
    assert not seen.any()


def test_an_input_that_is_moved_out_of_sight_leaves_nothing() -> None:
    image, labels = blob()
    parameters = draw(STRONG, ALL, SIZE, np.random.default_rng(0))
    parameters = replace(parameters, warp=replace(parameters.warp, shift=np.array([500.0, 0])))
    found, found_labels = apply(image, labels, parameters, SIZE)
    assert found.shape == (*SIZE, 3) and not found.any() and not found_labels.any()


def test_magnification_by_two_quadruples_the_lesion() -> None:
    labels = np.zeros((41, 41), np.uint8)
    labels[15:26, 16:25] = 4
    image = labels[..., None].repeat(3, -1).astype(np.float32)
    _, found = apply(image, labels, plain(np.eye(2) / 2), (64, 64))
    assert np.count_nonzero(found) == pytest.approx(4 * np.count_nonzero(labels), rel=0.1)


def test_constant_elastic_controls_are_a_shift() -> None:
    image, labels = blob((41, 41))
    elastic = np.stack([np.full((5, 5), 2.0), np.full((5, 5), -3.0)])
    found, found_labels = apply(image, labels, plain(elastic=elastic), (41, 41))
    expected, expected_labels = apply(image, labels, plain(shift=np.array([2.0, -3.0])), (41, 41))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(found_labels, expected_labels)


@pytest.mark.parametrize(
    ("tone", "effect"),
    [
        (Tone(gain=1.5), lambda x: 1.5 * x),
        (Tone(gain=1.5, ceiling=1.2), lambda x: np.minimum(1.5 * x, 1.2)),
        (Tone(offset=-0.2), lambda x: x - 0.2),
        (Tone(gamma=1.3), lambda x: 4 / 1.3 * ((1 + x / 4) ** 1.3 - 1)),
        (Tone(bias=np.full((5, 5), 0.1)), lambda x: 4 * ((1 + x / 4) * np.exp(0.1) - 1)),
    ],
)
def test_an_intensity_effect_follows_its_formula_and_leaves_the_background_at_zero(
    tone: Tone, effect: object
) -> None:
    image, labels = blob(SIZE)
    found, _ = apply(image, labels, plain(tone=tone), SIZE)
    expected = np.where(image == 0, 0, effect(image.astype(float)))  # type: ignore[operator]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    "tone",
    [
        Tone(offset=1.0),
        Tone(noise=1.0, grain_px=1.0),
        Tone(blur_px=1.0),
        Tone(blur_px=1.0, sharpen=0.7),
        Tone(motion=0.5, motion_px=(0, 3)),
        Tone(bias=np.ones((5, 5)), gamma=1.4),
    ],
)
def test_where_one_modality_ends_inside_the_brain_it_stays_zero(tone: Tone) -> None:
    image, labels = blob(SIZE)
    image[:20, :, 1] = 0
    found, _ = apply(image, labels, plain(tone=tone), SIZE)
    np.testing.assert_array_equal(found == 0, image == 0)


def test_noise_has_its_deviation_and_is_that_of_its_seed() -> None:
    image, labels = np.ones((80, 80, 3), np.float32), np.zeros((80, 80), np.uint8)
    one, again, other = (
        apply(image, labels, plain(tone=Tone(noise=0.5), noise_seed=seed), (80, 80))[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).mean() > 0.99
    assert (one - 1).std() == pytest.approx(0.5, rel=0.05)
    assert abs(np.corrcoef(one[..., 0].ravel(), one[..., 1].ravel())[0, 1]) < 0.05


def test_blur_keeps_the_mean_and_lowers_the_variance_of_white_noise() -> None:
    rng = np.random.default_rng(0)
    image = (2 + rng.normal(size=(80, 80, 3))).astype(np.float32)
    found, _ = apply(image, np.zeros((80, 80), np.uint8), plain(tone=Tone(blur_px=1.0)), (80, 80))
    middle = found[10:-10, 10:-10]
    assert middle.mean() == pytest.approx(2, abs=0.05)
    # The sum of squares of a sampled Gaussian kernel in the plane: 1 / (4 pi sigma^2).
    assert middle.var() == pytest.approx(1 / (4 * np.pi), rel=0.15)


def test_edges_are_enhanced_by_what_a_blur_takes_away() -> None:
    image, labels = blob(SIZE)
    blurred, edged = (
        apply(image, labels, plain(tone=Tone(blur_px=1.0, sharpen=amount)), SIZE)[0] for amount in (-1.0, 0.7)
    )
    np.testing.assert_allclose(edged - image, 0.7 * (image - blurred), atol=1e-5)
    assert np.abs(edged - image).max() > 0.1


def test_motion_mixes_the_brain_with_itself_displaced() -> None:
    rng = np.random.default_rng(0)
    image = np.zeros((60, 60, 3), np.float32)
    image[10:50, 10:50] = rng.uniform(1, 2, (40, 40, 3))
    tone = Tone(motion=0.25, motion_px=(0, 4))
    found, _ = apply(image, np.zeros((60, 60), np.uint8), plain(tone=tone), (60, 60))
    mixed = 0.75 * image[10:50, 14:50] + 0.25 * image[10:50, 10:46]
    np.testing.assert_allclose(found[10:50, 14:50], mixed, atol=1e-5)
    np.testing.assert_array_equal(found[10:50, 10:14], image[10:50, 10:14])


@pytest.mark.parametrize("shift", [(0, 3), (-3, 0), (70, 0), (0, -70)])
def test_motion_brings_nothing_over_the_opposite_edge(shift: tuple[int, int]) -> None:
    image = np.broadcast_to(np.linspace(1, 2, 60, dtype=np.float32)[:, None, None], (60, 60, 3)).copy()
    image += np.linspace(0, 1, 60, dtype=np.float32)[None, :, None]
    found, _ = apply(
        image, np.zeros((60, 60), np.uint8), plain(tone=Tone(motion=0.5, motion_px=shift)), (60, 60)
    )
    # Neighbours differ by a 59th along either axis; what comes from the other side would differ by more.
    assert np.abs(found - image).max() <= 0.5 * 3 / 59 + 1e-5


def test_noise_with_a_grain_keeps_its_deviation_and_is_smooth() -> None:
    image, labels = np.ones((80, 80, 3), np.float32), np.zeros((80, 80), np.uint8)
    found, _ = apply(image, labels, plain(tone=Tone(noise=0.5, grain_px=1.0)), (80, 80))
    noise = found[10:-10, 10:-10, 0] - 1
    assert noise.std() == pytest.approx(0.5, rel=0.1)
    # Neighbours in white noise smoothed by a Gaussian of deviation s: exp(-1 / (4 s^2)).
    assert np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1] == pytest.approx(0.78, abs=0.05)


def test_a_modality_that_is_not_present_is_zero_and_the_others_are_not() -> None:
    image, labels = blob(SIZE)
    parameters = replace(plain(tone=Tone(offset=1.0)), present=np.array([True, False, True]))
    found, _ = apply(image, labels, parameters, SIZE)
    assert found.any(axis=(0, 1)).tolist() == [True, False, True]


@given(seed=st.integers(0, 2**32 - 1))
def test_augmentation_is_pure_and_keeps_labels_dtype_size_and_background(seed: int) -> None:
    image, labels = blob(seed=seed)
    before = image.copy(), labels.copy()
    parameters = draw(STRONG, ALL, SIZE, np.random.default_rng(seed))
    found, found_labels = apply(image, labels, parameters, SIZE)
    again, again_labels = apply(image, labels, parameters, SIZE)
    np.testing.assert_array_equal(found, again)
    np.testing.assert_array_equal(found_labels, again_labels)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(labels, before[1])
    assert found.shape == (*SIZE, 3) and found.dtype == np.float32 and np.isfinite(found).all()
    assert found_labels.shape == SIZE and found_labels.dtype == np.uint8
    assert set(np.unique(found_labels)) <= set(np.unique(labels))
    assert not found[..., ~parameters.present].any()


def test_labels_stay_on_the_structure_that_they_name() -> None:
    y, x = np.mgrid[:80, :80]
    labels = ((y - 40) ** 2 + (x - 30) ** 2 < 150).astype(np.uint8)
    image = np.stack([1 + 4.0 * labels] * 3, -1).astype(np.float32)
    spatial = replace(STRONG, gain=1, offset=0, gamma=1, bias=0, noise=0, blur_px=0, motion=0, complete=1)
    spatial = replace(spatial, ceiling=(9, 9))
    for seed in range(20):
        parameters = draw(spatial, ALL, (80, 80), np.random.default_rng(seed))
        found, found_labels = apply(image, labels, parameters, (80, 80))
        assert ((found[..., 0] > 3) == (found_labels == 1)).mean() > 0.995


def test_modalities_drop_out_in_every_combination_but_never_all() -> None:
    rng = np.random.default_rng(0)
    available = np.array([True, True, False, True])
    drawn = [draw(Augmentation(), available, SIZE, rng).present for _ in range(2000)]
    subsets = [tuple(np.flatnonzero(present)) for present in drawn]
    assert set(subsets) == {(0,), (1,), (3,), (0, 1), (0, 3), (1, 3), (0, 1, 3)}
    assert subsets.count((0, 1, 3)) / 2000 == pytest.approx(0.5, abs=0.04)


def test_a_subset_stays_with_its_probability_as_far_as_the_case_has_it() -> None:
    rng = np.random.default_rng(0)
    rule = Augmentation(complete=0.4, subset=(0, 2), subset_share=0.6)
    drawn = [draw(rule, np.ones(4, bool), SIZE, rng).present for _ in range(2000)]
    subsets = [tuple(np.flatnonzero(present)) for present in drawn]
    assert set(subsets) == {(0, 1, 2, 3), (0, 2)}
    assert abs(subsets.count((0, 2)) / 2000 - 0.6) < 0.05
    lacking = [draw(rule, np.array([True, True, False, True]), SIZE, rng).present for _ in range(200)]
    assert {tuple(np.flatnonzero(present)) for present in lacking} == {(0, 1, 3), (0,)}


def test_an_effect_occurs_with_the_stated_probability() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw(Augmentation(probability=0.3), ALL, SIZE, rng) for _ in range(2000)]
    assert np.mean([parameters.warp.elastic is not None for parameters in drawn]) == pytest.approx(
        0.3, abs=0.04
    )
    assert np.mean([parameters.tones[1].noise > 0 for parameters in drawn]) == pytest.approx(0.3, abs=0.04)
    mirrored = [np.linalg.det(parameters.warp.matrix) < 0 for parameters in drawn]
    assert np.mean(mirrored) == pytest.approx(0.5, abs=0.04)


def test_probability_zero_changes_nothing() -> None:
    image, labels = blob()
    off = Augmentation(probability=0, flip=(0, 0), complete=1)
    found, found_labels = apply(image, labels, draw(off, ALL, SIZE, np.random.default_rng(0)), SIZE)
    expected, expected_labels = apply(image, labels, unchanged(ALL), SIZE)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found_labels, expected_labels)

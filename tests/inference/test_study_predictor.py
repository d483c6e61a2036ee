"""The study function: normalisation, crop, three views, fusion and nesting in one graph."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.inference.threshold_model import CARD, ThresholdModel
from tfmed import intensity
from tfmed.inference import normalisation
from tfmed.inference.boxes import HEAD_MARGIN
from tfmed.inference.graph import SLICE_MARGIN, StudyPredictor, bounding_box
from tfmed.inference.rules import Rules

PRESENT = np.ones(4, np.float32)


def head(background: float = -3.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Raw volume [X, Y, Z, 4]: an ellipsoid, in it a bright FLAIR box, in that enhancement and necrosis."""
    shape = (40, 48, 36)
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1.15, 1.3, n) for n in shape), indexing="ij"))
    inside = (grid**2).sum(0) < 1
    volume = np.full((*shape, 4), background, np.float32)
    volume[inside] = 100 + 5 * rng.standard_normal((inside.sum(), 4)).astype(np.float32)
    volume[12:22, 14:26, 10:22, 0] = 180
    volume[14:20, 16:24, 12:20, 2] = 180
    volume[16:18, 18:22, 14:18, 2] = 20
    truth = np.zeros(shape, np.uint8)
    truth[12:22, 14:26, 10:22] = 2
    truth[14:20, 16:24, 12:20] = 4
    truth[16:18, 18:22, 14:18] = 1
    return volume, truth


@pytest.fixture(scope="module")
def predictor() -> StudyPredictor:
    return StudyPredictor(ThresholdModel(), probability=True)


def test_labels_are_found_at_their_place_and_nested(predictor: StudyPredictor) -> None:
    volume, truth = head()
    result = predictor.predict(volume, PRESENT)
    np.testing.assert_array_equal(result["labels"], truth)
    assert result["labels"].dtype == tf.uint8


def test_every_view_says_which_detection_owns_a_voxel(predictor: StudyPredictor) -> None:
    volume, truth = head()
    result = predictor.predict(volume, PRESENT)
    np.testing.assert_array_equal(result["owner"] > 0, np.stack([truth > 0] * 3))
    slices_with_lesion = [np.flatnonzero(s[:, 0]) for s in result["scores"].numpy()]
    expected = [np.flatnonzero((truth > 0).any(axis=axes)) for axes in ((0, 1), (0, 2), (1, 2))]
    for found, wanted in zip(slices_with_lesion, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_call_gives_arrays_of_the_same_and_leaves_tensorflow_as_it_was(predictor: StudyPredictor) -> None:
    volume, _ = head()
    before = tf.config.optimizer.get_experimental_options()
    found = predictor(volume, PRESENT)
    assert tf.config.optimizer.get_experimental_options() == before | {"disable_meta_optimizer": False}
    for name, expected in predictor.predict(volume, PRESENT).items():
        assert isinstance(found[name], np.ndarray)
        np.testing.assert_array_equal(found[name], expected)


class LeftHalf(ThresholdModel):
    """Sees nothing in the second half of a slice's rows, and half of a row in the middle."""

    def decode(self, outputs: dict, height: tf.Tensor, width: tf.Tensor) -> dict:
        decoded = super().decode(outputs, height, width)
        seen = tf.clip_by_value(tf.cast(height - 2 * tf.range(height), tf.float32) / 2, 0.0, 1.0)
        return decoded | {"regions": decoded["regions"] * seen[:, None, None]}


def test_flips_add_what_the_mirror_image_shows() -> None:
    volume, truth = head()
    once, twice = (
        StudyPredictor(LeftHalf(), probability=True, flips=flips).predict(volume, PRESENT)["probability"]
        for flips in (False, True)
    )
    # Each voxel is in the seen half of its slice or of the mirror image, in all three views.
    np.testing.assert_allclose(twice.numpy()[..., 0], np.where(truth > 0, 128, 0), atol=1)
    assert np.abs(once.numpy()[truth > 0, 0].astype(int) - 128).min() > 30


def test_probability_is_the_mean_of_the_views(predictor: StudyPredictor) -> None:
    volume, truth = head()
    probability = predictor.predict(volume, PRESENT)["probability"].numpy()
    assert probability.shape == (*truth.shape, 5)
    np.testing.assert_array_equal(probability[..., 0], 255 * (truth > 0))


def test_the_model_sees_no_more_of_a_batch_of_slices_than_the_head_and_a_margin() -> None:
    class Everywhere(ThresholdModel):
        def decode(self, outputs: dict, height: tf.Tensor, width: tf.Tensor) -> dict:
            decoded = super().decode(outputs, height, width)
            return decoded | {"regions": tf.ones_like(decoded["regions"])}

    volume, _ = head()
    rules = replace(Rules.from_card(CARD), view_weights=(1, 0, 0))
    seen = StudyPredictor(Everywhere(), rules, batch=4, probability=True).predict(volume, PRESENT)
    seen = seen["probability"].numpy()[..., 0] > 0
    inside = (volume != -3.0).any(-1)
    low, high = (end.numpy() for end in bounding_box(inside, HEAD_MARGIN))
    sizes = set()
    for start in range(low[2], high[2], 4):
        batch = slice(start, min(start + 4, high[2]))
        x, y, _ = np.nonzero(inside[:, :, batch])
        box = tuple(
            slice(max(n.min() - SLICE_MARGIN, low[a]), min(n.max() + 1 + SLICE_MARGIN, high[a]))
            for a, n in enumerate((x, y))
        )
        expected = np.zeros_like(seen[:, :, batch])
        expected[box] = True
        np.testing.assert_array_equal(seen[:, :, batch], expected)
        sizes.add(int(expected[..., 0].sum()))
    assert len(sizes) > 3


def test_certainty_is_how_far_a_label_lies_above_its_threshold() -> None:
    volume, truth = head()
    thresholds = {"whole": 0.2, "core": 0.4, "enhancing": 0.25}

    class Doubtful(ThresholdModel):
        def decode(self, outputs: dict, height: tf.Tensor, width: tf.Tensor) -> dict:
            decoded = super().decode(outputs, height, width)
            return decoded | {"regions": decoded["regions"] * 0.7}

    model = Doubtful()
    rules = replace(Rules.from_card(model.card), thresholds=thresholds)
    result = StudyPredictor(model, rules).predict(volume, PRESENT)
    expected = np.zeros(truth.shape)
    # Oedema is painted by the whole tumour, necrosis by the core.
    for value, threshold in ((2, 0.2), (1, 0.4), (4, 0.25)):
        expected[truth == value] = 255 * (0.7 - threshold) / (1 - threshold)
    assert result["certainty"].dtype == tf.uint8
    np.testing.assert_allclose(result["certainty"].numpy(), expected, atol=1)


def test_the_background_may_have_any_value(predictor: StudyPredictor) -> None:
    labels = [predictor.predict(head(background=b)[0], PRESENT)["labels"].numpy() for b in (0.0, -3.0, 77.5)]
    np.testing.assert_array_equal(labels[0], labels[1])
    np.testing.assert_array_equal(labels[0], labels[2])


def test_an_absent_modality_is_not_read(predictor: StudyPredictor) -> None:
    volume, _ = head()
    present = np.array([1, 1, 0, 1], np.float32)
    noisy = volume.copy()
    noisy[..., 2] = np.random.default_rng(1).normal(size=volume.shape[:3])
    first, second = (predictor.predict(v, present) for v in (volume, noisy))
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])
    assert set(np.unique(first["labels"])) == {0, 2}


def test_the_number_of_slices_in_a_batch_changes_nothing() -> None:
    volume, truth = head()
    for batch in (7, 64):
        labels = StudyPredictor(ThresholdModel(), batch=batch).predict(volume, PRESENT)["labels"]
        np.testing.assert_array_equal(labels, truth)


def test_it_can_be_exported_and_loaded_without_its_class(tmp_path: Path, predictor: StudyPredictor) -> None:
    volume, truth = head()
    tf.saved_model.save(predictor, str(tmp_path), signatures={"study": predictor.predict})
    study = tf.saved_model.load(str(tmp_path)).signatures["study"]
    answer = study(volume=tf.constant(volume), present=tf.constant(PRESENT))
    np.testing.assert_array_equal(answer["labels"], truth)


def test_a_volume_without_foreground_has_no_lesion(predictor: StudyPredictor) -> None:
    labels = predictor.predict(np.zeros((20, 18, 16, 4), np.float32), PRESENT)["labels"]
    assert labels.shape == (20, 18, 16) and not labels.numpy().any()


def test_view_weights_of_the_card_decide_the_mean() -> None:
    class AxialOnly(ThresholdModel):
        def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
            outputs = super().call(inputs)
            axial = tf.shape(inputs["image"])[1:3] == self.axial_size
            return outputs | {"regions": outputs["regions"] * tf.cast(tf.reduce_all(axial), tf.float32)}

    volume, truth = head()
    inside = (volume != -3.0).any(-1)
    low, high = bounding_box(inside, 2)
    model = AxialOnly()
    model.axial_size = (high - low)[:2]
    mean = StudyPredictor(model).predict(volume, PRESENT)["labels"].numpy()
    rules = Rules.from_card(CARD | {"fusion": {"view_weights": [1, 0, 0]}})
    axial = StudyPredictor(model, rules).predict(volume, PRESENT)["labels"].numpy()
    assert not mean.any()
    np.testing.assert_array_equal(axial, truth)


@pytest.mark.parametrize("seed", range(3))
def test_the_graph_normalises_as_numpy_does(seed: int) -> None:
    volume, _ = head(background=5.0, seed=seed)
    inside = normalisation.foreground(volume, PRESENT)
    got = normalisation.normalise(volume, inside)
    for m in range(4):
        mask = intensity.foreground(volume[..., m])
        center, scale = intensity.moments(volume[..., m], mask)
        np.testing.assert_allclose(
            got[..., m], intensity.normalise(volume[..., m], center, scale, mask), rtol=1e-5, atol=1e-6
        )
    np.testing.assert_array_equal(inside, volume != 5.0)


def test_bounding_box_is_half_open_with_its_margin_inside_the_volume() -> None:
    mask = np.zeros((10, 11, 12), bool)
    mask[1:3, 5:6, 9:11] = True
    low, high = bounding_box(tf.constant(mask), 2)
    np.testing.assert_array_equal(low, [0, 3, 7])
    np.testing.assert_array_equal(high, [5, 8, 12])

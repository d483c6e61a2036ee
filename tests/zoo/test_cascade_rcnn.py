"""The cascade: what it is told, what it answers, and that its parts do what they are named for."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmed import phantom, tasks, zoo
from tfmed.inference.graph import StudyPredictor
from tfmed.inference.working import working_volume
from tfmed.layers import anchors, votes
from tfmed.zoo.cascade_rcnn import losses

SMALL = {
    "width": 8,
    "top": 16,
    "decoder": 8,
    "fine": 8,
    "anchor_channels": 16,
    "hidden": 16,
    "mask_size": 28,
    "proposals": 6,
}
MODALITIES = ("flair", "t1", "t1c", "t2")


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return zoo.get("brats_instance_seg", weights=None, variant="compact", **SMALL)


@pytest.fixture(scope="module")
def task() -> tasks.InstanceSegmentation:
    return tasks.get(zoo.card("brats_instance_seg"))


def discs(seed: int, count: int, size: int = 64, edition: str = "brats2015") -> tuple[dict, dict]:
    """Slices with a disc of oedema, an enhancing ring and necrosis, bright where they should be."""
    rng = np.random.default_rng(seed)
    task = tasks.get(zoo.card("brats_instance_seg"))
    rows, columns = np.mgrid[:size, :size]
    images, truths = [], []
    for _ in range(count):
        labels = np.zeros((size, size), np.uint8)
        distance = np.hypot(rows - rng.uniform(20, 44), columns - rng.uniform(20, 44))
        for radius, value in ((16, 2), (10, 4), (6, 1)):
            labels[distance < radius] = value
        image = rng.normal(0, 0.3, (size, size, 4))
        image[..., 0] += 2 * (labels > 0)
        image[..., 2] += 2 * (labels == 4)
        images.append(image.astype(np.float32))
        truths.append(task.targets(labels, edition))
    truth = {key: np.stack([each[key] for each in truths]) for key in truths[0]}
    return {"image": np.stack(images), "present": np.ones((count, 4), np.float32)}, truth


def test_answers_do_not_depend_on_the_batch_or_its_size(model: keras.Model) -> None:
    inputs, _ = discs(0, 3, size=50)
    together = model(inputs)
    for i in range(3):
        alone = model({key: value[i : i + 1] for key, value in inputs.items()})
        for name, value in together.items():
            np.testing.assert_allclose(alone[name][0], value[i], atol=2e-4, err_msg=name)


@pytest.mark.parametrize("shape", [(33, 70), (64, 32), (8, 8)])
def test_any_size_of_slice_is_taken(model: keras.Model, shape: tuple[int, int]) -> None:
    outputs = model({"image": np.zeros((2, *shape, 4), np.float32), "present": np.ones((2, 4), np.float32)})
    decoded = model.decode(outputs, *shape)
    assert decoded["regions"].shape == (2, *shape, 5) and decoded["owner"].shape == (2, *shape)
    assert np.all(outputs["proposals"].numpy() <= max(shape))


def test_present_is_heard(model: keras.Model) -> None:
    inputs, _ = discs(1, 1)
    inputs["image"][..., 1:] = 0
    absent = {"image": inputs["image"], "present": np.array([[1, 0, 0, 0]], np.float32)}
    changed = model(inputs)["proposal_scores"] - model(absent)["proposal_scores"]
    assert np.abs(changed).max() > 1e-6


def test_fed_modalities_go_to_their_places(model: keras.Model) -> None:
    inputs, _ = discs(2, 2)
    two = zoo.get("brats_instance_seg", weights=None, variant="compact", modalities=("t1c", "flair"), **SMALL)
    two.set_weights(model.get_weights())
    fed = {"image": inputs["image"][..., [2, 0]], "present": np.ones((2, 2), np.float32)}
    masked = {"image": inputs["image"] * [1, 0, 1, 0], "present": np.float32([[1, 0, 1, 0]] * 2)}
    np.testing.assert_allclose(two(fed)["proposals"], model(masked)["proposals"], atol=1e-3)


def test_keras_fit_lowers_the_loss() -> None:
    keras.utils.set_random_seed(1)
    model = zoo.get("brats_instance_seg", weights=None, variant="compact", **SMALL)
    model.compile(keras.optimizers.Adam(3e-3))
    data = tf.data.Dataset.from_tensors(discs(3, 4)).repeat()
    history = model.fit(data, steps_per_epoch=6, epochs=3, verbose=0).history["loss"]
    assert np.all(np.isfinite(history)) and history[-1] < 0.8 * history[0]


@pytest.mark.parametrize(
    "choice", [{"proposer": "votes"}, {"passes": 1}, {"pooling": "both"}, {"pooling": "max"}, {"roi_size": 7}]
)
def test_every_choice_learns_and_answers(choice: dict) -> None:
    keras.utils.set_random_seed(1)
    model = zoo.get("brats_instance_seg", weights=None, variant="compact", **SMALL | choice)
    inputs, truth = discs(3, 4)
    optimizer = keras.optimizers.Adam(3e-3)
    losses_seen = [_step(model, optimizer, inputs, truth) for _ in range(12)]
    assert np.all(np.isfinite(losses_seen)) and losses_seen[-1] < 0.8 * losses_seen[0]
    outputs = model(inputs)
    np.testing.assert_array_equal(outputs["boxes"].shape, (4, 16, 4))
    differ = np.abs(outputs["stage3_masks"] - outputs["masks"]).max()
    assert (differ == 0) == (choice == {"passes": 1})


@pytest.mark.parametrize("choice", [{"proposer": "vote"}, {"passes": 3}, {"pooling": "mean"}])
def test_an_unknown_choice_is_named(choice: dict) -> None:
    with pytest.raises(ValueError, match=f"Received: .*{next(iter(choice.values()))}"):
        zoo.get("brats_instance_seg", weights=None, variant="compact", **SMALL | choice)


def _step(model: keras.Model, optimizer: keras.optimizers.Optimizer, inputs: dict, truth: dict) -> float:
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs, truth)
    weights = model.trainable_variables
    optimizer.apply(tape.gradient(loss, weights), weights)
    return float(loss)


def test_cells_in_the_middle_of_a_lesion_vote_for_the_smallest_one() -> None:
    cells = anchors.grid(tf.constant(8), tf.constant(8), 8, [(votes.UNIT, votes.UNIT)])
    true = np.float32([[[0, 0, 64, 64], [24, 24, 40, 40], [50, 2, 54, 6], [0, 0, 0, 0]]])
    exists = np.float32([[1, 1, 1, 0]])
    positive, negative, target = (
        each.numpy()[0].reshape(8, 8, -1) for each in losses.by_centre(cells, true, exists)
    )
    middle = np.zeros((8, 8), bool)
    middle[2:6, 2:6] = True
    middle[6, 0] = True  # the cell of the 4 pixel lesion, whose middle half holds no cell's centre
    assert np.array_equal(positive[..., 0] > 0, middle) and not negative.any()
    assert np.array_equal(target[3, 3], [24, 24, 40, 40]) and np.array_equal(target[2, 2], [0, 0, 64, 64])
    assert np.array_equal(target[6, 0], [50, 2, 54, 6])


def test_an_edition_without_a_region_teaches_nothing_about_it(model: keras.Model) -> None:
    inputs, truth = discs(4, 2, edition="brats2018")
    before = model.loss_terms(inputs, truth)
    truth["regions"][..., 3] = 1
    after = model.loss_terms(inputs, truth)
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, rtol=1e-5, err_msg=name)


def test_the_loss_is_a_function_of_the_batch(model: keras.Model) -> None:
    inputs, truth = discs(5, 2)
    first, second = (model.loss_terms(inputs, truth) for _ in range(2))
    assert {name: float(value) for name, value in first.items()} == {n: float(v) for n, v in second.items()}


def test_match_names_lesion_and_class() -> None:
    boxes = np.zeros((1, 4, 5, 4), np.float32)
    boxes[0, 1, 0], boxes[0, 1, 2] = (10, 10, 30, 30), (15, 15, 25, 25)
    valid = (boxes[..., 2] > 0).astype(np.float32)
    truth = {"boxes": tf.constant(boxes), "valid": tf.constant(valid)}
    asked = tf.constant([[11.0, 10, 30, 31], [15, 14, 25, 25], [40, 40, 50, 50]])
    found = losses.match(asked, tf.zeros(3, tf.int32), truth)
    np.testing.assert_array_equal(found["positive"], [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0] * 5])
    np.testing.assert_array_equal(found["hit"], [1, 1, 0])
    assert found["lesion"][0, 0] == 1 and found["lesion"][1, 2] == 1
    np.testing.assert_array_equal(found["target"][1], boxes[0, 1, 2])


def test_mask_targets_leave_other_lesions_out(task: tasks.InstanceSegmentation) -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[2:8, 2:8], labels[12:18, 12:16] = 2, 2
    truth = {key: tf.constant(value[None]) for key, value in task.targets(labels, "brats2015").items()}
    everywhere = tf.constant([[0.0, 0, 20, 20]])
    lesion = tf.ones((1, 5), tf.int32)
    mask = losses.mask_targets(everywhere, tf.zeros(1, tf.int32), lesion, truth, 20).numpy()[0, ..., 0]
    expected = np.zeros((20, 20))
    expected[12:18, 12:16] = 1
    np.testing.assert_allclose(mask, expected)


def test_samples_hold_good_and_bad_boxes(model: keras.Model) -> None:
    _, truth = discs(6, 3)
    truth = {key: tf.constant(value) for key, value in truth.items()}
    proposals = tf.constant([[[0.0, 0, 9, 9], [0, 55, 9, 64]]] * 3)
    boxes, index = losses.sample(proposals, truth, positives=3, negatives=2)
    good = tf.reduce_max(losses.match(boxes, index, truth)["positive"], -1).numpy()
    assert [int(good[index.numpy() == i].sum()) for i in range(3)] == [3, 3, 3]
    assert len(good) == 15


def test_decode_weighs_masks_by_scores_and_mixes_in_the_evidence(model: keras.Model) -> None:
    count, size = model.detection_count, model.mask_size
    outputs = {
        "boxes": np.zeros((1, count, 4), np.float32),
        "scores": np.zeros((1, count), np.float32),
        "classes": np.zeros((1, count), np.int32),
        "masks": np.ones((1, count, size, size), np.float32),
        "evidence": np.random.default_rng(0).uniform(size=(1, 64, 64, 5)).astype(np.float32),
    }
    outputs["boxes"][0, :2] = (10, 10, 20, 20), (30, 30, 50, 40)
    outputs["scores"][0, :2], outputs["classes"][0, :2] = (0.9, 0.6), (1, 2)
    decoded = model.decode({key: tf.constant(value) for key, value in outputs.items()}, 64, 64)
    regions, owner = 2 * decoded["regions"].numpy()[0] - outputs["evidence"][0], decoded["owner"].numpy()[0]
    np.testing.assert_allclose(regions[12:18, 12:18, 0], 0.9, atol=1e-6)
    np.testing.assert_allclose(regions[32:48, 32:38, 1], 0.6, atol=1e-6)
    np.testing.assert_allclose(regions[..., 2:], 0, atol=1e-6)
    np.testing.assert_allclose(regions[0, 0], 0, atol=1e-6)
    assert owner[15, 15] == 1 and owner[40, 35] == 0 and owner[5, 5] == 0


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**16))
def test_decode_equals_drawing_one_detection_after_another(model: keras.Model, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, size = model.detection_count, model.mask_size
    corner = rng.uniform(0, 40, (2, count, 2))
    scores = rng.uniform(0.05, 1, (2, count)) * rng.integers(0, 2, (2, count))
    outputs = {
        "boxes": np.concatenate([corner, corner + rng.uniform(4, 24, corner.shape)], -1),
        "scores": scores,
        "classes": rng.integers(1, 3, (2, count)) * (scores > 0),
        "masks": rng.uniform(size=(2, count, size, size)),
        "evidence": rng.uniform(size=(2, 64, 64, 5)),
    }
    outputs = {k: tf.constant(v, tf.int32 if k == "classes" else tf.float32) for k, v in outputs.items()}
    decoded = model.decode(outputs, 64, 64)
    pasted = model.paste(outputs["boxes"], outputs["masks"], 64, 64).numpy()
    best, regions, owner = np.zeros((2, 64, 64)), np.zeros((2, 64, 64, 5)), np.zeros((2, 64, 64))
    for image, each in zip(*np.nonzero(scores), strict=True):
        of, score, mask = outputs["classes"][image, each] - 1, scores[image, each], pasted[image, each]
        regions[image, ..., of] = np.maximum(regions[image, ..., of], score * mask)
        if of == 0:
            mine = score * mask > best[image]
            owner[image] = np.where(mine, (each + 1) * (mask > 0.5), owner[image])
            best[image] = np.maximum(best[image], score * mask)
    np.testing.assert_allclose(decoded["regions"], (regions + outputs["evidence"]) / 2, atol=1e-5)
    # Where a mask is exactly one half, rounding decides.
    assert np.mean(decoded["owner"].numpy() != owner) < 1e-3


def test_masks_are_judged_where_they_are_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrained mask stage passes the evidence on, so perfect evidence must make perfect masks."""
    model = zoo.get("brats_instance_seg", weights=None, variant="compact", **SMALL, margin=0.25)
    inputs, truth = discs(7, 3)
    seen = model._maps(inputs)
    perfect = {**seen, "evidence": tf.constant(20.0 * (2.0 * truth["regions"] - 1.0), tf.float32)}
    monkeypatch.setattr(model, "_maps", lambda *_: perfect)
    terms = model.loss_terms(inputs, truth)
    assert terms["first_dice"] < 0.06 and terms["second_dice"] < 0.06


@pytest.mark.slow
def test_without_its_box_stage_the_shipped_model_finds_something_else() -> None:
    model = zoo.get("brats_instance_seg")
    study = phantom.make("glioma", seed=424242)
    working = working_volume(study, model.modalities)
    before = StudyPredictor(model).predict(working.volume, working.present)["labels"].numpy()
    for name in ("box_moves", "box_scores"):
        layer = model.box_stage.get_layer(name)
        layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    after = StudyPredictor(model).predict(working.volume, working.present)["labels"].numpy()
    assert (before != after).sum() > 0.02 * (before > 0).sum()

"""The plain baseline: what it gives, and that it learns regions."""

import keras
import numpy as np

from tests.zoo.test_cascade_rcnn import discs
from tfmed import tasks, zoo

SMALL = {"width": 8, "top": 16, "decoder": 8}


def small() -> keras.Model:
    keras.utils.set_random_seed(0)
    return zoo.get("brats_semantic_seg", weights=None, variant="compact", **SMALL)


def test_sizes_need_not_fit_the_network_and_decoding_gives_the_asked_ones() -> None:
    model = small()
    inputs, _ = discs(0, 2, size=50)
    outputs = model(inputs)
    assert outputs["regions"].shape == (2, 50, 50, 5)
    decoded = model.decode(outputs, 50, 50)
    np.testing.assert_array_equal(decoded["regions"], outputs["regions"])
    np.testing.assert_array_equal(decoded["owner"], outputs["regions"][..., 0] > 0.5)
    np.testing.assert_array_equal(outputs["scores"][:, 0], np.max(outputs["regions"][..., 0], (1, 2)))


def test_it_learns_regions_and_an_edition_that_lacks_one_leaves_it_out() -> None:
    model = small()
    inputs, _ = discs(1, 8)
    task = tasks.get(model.card)
    labels = np.zeros((8, 64, 64), np.uint8)
    labels[inputs["image"][..., 0] > 1] = 2
    truths = [task.targets(each, "brats2018") for each in labels]
    truth = {key: np.stack([each[key] for each in truths]) for key in truths[0]}
    assert truth["known"][0].tolist() == [1, 1, 1, 0, 1]
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(inputs, truth, batch_size=8, epochs=80, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    found = task.scores(truth, model(inputs)["regions"].numpy())
    assert "non_enhancing" not in found
    assert found["whole"][0] / found["whole"][1] > 0.8

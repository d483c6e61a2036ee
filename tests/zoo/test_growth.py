"""A wider network that grew from a narrower one computes the same, and can learn with all of its units."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from tfmed import zoo
from tfmed.errors import TfmedError
from tfmed.tools import _publish as publish
from tfmed.zoo.growth import grow

NARROW = {"width": 8, "top": 16, "decoder": 8, "fine": 8, "detail": None, "anchor_channels": 16, "hidden": 16}
WIDE = NARROW | {"width": 16, "decoder": 24, "detail": 4}


def build(**config: object) -> keras.Model:
    keras.utils.set_random_seed(3)
    return zoo.get("brats_instance_seg", weights=None, variant="compact", **config)


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(2, 64, 48, 4)).astype(np.float32)
    return {"image": image, "present": np.array([[1, 1, 1, 1], [1, 0, 1, 0]], np.float32)}


def test_what_has_grown_computes_the_same(inputs: dict[str, np.ndarray]) -> None:
    old, new = build(**NARROW), build(**WIDE)
    before = new(inputs)["evidence"].numpy()
    grow(new, old)
    expected, found = old(inputs), new(inputs)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-4, err_msg=name)
    assert np.abs(before - expected["evidence"]).max() > 0.01


def test_new_units_are_not_dead(inputs: dict[str, np.ndarray]) -> None:
    """What leads from them is zero and learns at once; what leads to them has its own start."""
    old, new = build(**NARROW), build(**WIDE)
    grow(new, old)
    kernel = new.features.get_layer("conv2_1").kernel
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(new._maps(inputs)["evidence"] ** 2)
    slopes = tape.gradient(loss, kernel.value).numpy()
    assert not kernel.numpy()[:, :, 8:, :16].any() and np.abs(slopes[:, :, 8:, :16]).max() > 0
    assert kernel.numpy()[:, :, :, 16:].std() > 0.01


def test_a_network_that_is_not_wider_is_refused() -> None:
    with pytest.raises(TfmedError, match=r"has no place in the wider network; there it is \(.*8"):
        grow(build(**NARROW), build(**WIDE))


def test_the_command_writes_weights_of_the_card_s_network(family: Path, tmp_path: Path) -> None:
    zoo.get("toy_seg", weights=None, filters=1).save_weights(tmp_path / "old.weights.h5")
    arguments = ["grow", "toy_seg", str(tmp_path / "old.weights.h5"), str(tmp_path / "new.weights.h5")]
    CliRunner().invoke(publish.command, [*arguments, "--was", "filters=1"], catch_exceptions=False)
    old = zoo.get("toy_seg", weights=tmp_path / "old.weights.h5", filters=1).get_layer("conv").kernel.numpy()
    new = zoo.get("toy_seg", weights=tmp_path / "new.weights.h5").get_layer("conv").kernel.numpy()
    np.testing.assert_array_equal(new[..., :1], old)
    assert new[..., 1].std() > 0.01
    with pytest.raises(TfmedError, match="Received: filters"):
        CliRunner().invoke(publish.command, [*arguments, "--was", "filters"], catch_exceptions=False)

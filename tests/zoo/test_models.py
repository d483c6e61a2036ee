"""tfmed.zoo.get: variants, modalities, overrides and the four ways to name weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.zoo.conftest import weights_entry, write_card
from tfmed import zoo
from tfmed.errors import TfmedError


@pytest.fixture
def trained(family: Path, card: dict[str, Any]) -> tuple[np.ndarray, Path]:
    """A shipped weights file under the tag ``v1``; returns its kernel."""
    model = zoo.get("toy_seg", weights=None, variant="small")
    path = family / "weights" / "toy.weights.h5"
    model.save_weights(path)
    entry = weights_entry(path, file="weights/toy.weights.h5")
    write_card(family, {**card, "weights": {"v1": entry}, "default_weights": "v1"})
    return model.get_layer("conv").kernel.numpy(), path


def kernel(**arguments: Any) -> np.ndarray:
    return zoo.get("toy_seg", **arguments).get_layer("conv").kernel.numpy()


def test_default_tag_and_path_load_the_same_weights_and_none_loads_none(
    trained: tuple[np.ndarray, Path],
) -> None:
    expected, path = trained
    for weights in ("default", "v1", path, str(path)):
        np.testing.assert_array_equal(kernel(weights=weights), expected)
    assert not np.array_equal(kernel(weights=None), expected)


def test_the_variant_is_that_of_the_weights(trained: tuple[np.ndarray, Path]) -> None:
    assert zoo.get("toy_seg", weights=None).count_params() == 38
    assert zoo.get("toy_seg", weights=None, variant="large").count_params() == 76


def test_default_weights_of_an_untrained_variant_are_refused_in_words(
    trained: tuple[np.ndarray, Path],
) -> None:
    with pytest.raises(TfmedError, match=r"No trained weights exist for variant 'large'.*weights=None"):
        zoo.get("toy_seg", variant="large")


def test_default_weights_of_an_untrained_model_are_refused_in_words(family: Path) -> None:
    with pytest.raises(TfmedError, match="No trained weights exist for toy_seg"):
        zoo.get("toy_seg")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"weights": "v2"}, "No weights 'v2' for toy_seg. Known: v1"),
        ({"weights": "nowhere/x.weights.h5"}, "No weights file nowhere/x.weights.h5"),
        ({"variant": "huge"}, "no variant 'huge'. Known: small, large"),
        ({"modalities": ("t1", "flar")}, r"modalities=\('t1', 'flar'\). Known: t1, t2"),
        ({"modalities": ("t1", "t1")}, "at most once"),
        ({"modalities": ()}, "at least one"),
        ({"modalities": "t2"}, "cannot do without t1"),
        ({"depth": 3}, "takes no 'depth'. Known: filters"),
    ],
)
def test_what_the_card_does_not_know_is_named(
    trained: tuple[np.ndarray, Path], arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(TfmedError, match=sentence):
        zoo.get("toy_seg", **arguments)


def test_overrides_and_modalities_reach_the_builder(family: Path) -> None:
    model = zoo.get("toy_seg", weights=None, modalities=["t1"], filters=7)
    assert model.input_shape[-1] == 1
    assert model.output_shape[-1] == 7


def test_weights_of_another_shape_are_refused_in_words(trained: tuple[np.ndarray, Path]) -> None:
    with pytest.raises(TfmedError, match="do not fit variant 'large' of toy_seg"):
        zoo.get("toy_seg", variant="large", weights=trained[1])


def test_a_path_that_holds_no_weights_is_refused_in_words(family: Path, tmp_path: Path) -> None:
    path = tmp_path / "noise.weights.h5"
    path.write_bytes(b"no hdf5 at all")
    with pytest.raises(TfmedError, match=r"noise.weights.h5 do not fit .*, or are damaged"):
        zoo.get("toy_seg", weights=path)

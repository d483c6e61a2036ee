"""What every model of the zoo must do. A new family is tested without being named here.

It builds in each variant with the parameters that its card states; its inputs and outputs are dictionaries of
finite tensors; it keeps its card; it is the same model, to the byte, after being saved and loaded
in safe mode, here and in a new process; it learns by a plain compile and fit of anybody's own.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfmed
from tfmed import zoo

SIDE = 64
# A process of its own shows that the file says all that is needed, and that nothing unsafe is asked for.
RELOAD = """
import sys
import numpy as np
import tfmed

model = tfmed.zoo.load(sys.argv[1])
fed = dict(np.load(sys.argv[2]))
outputs = model.predict(fed, verbose=0)
np.savez(sys.argv[3], **outputs)
assert model.card["name"] == sys.argv[4], model.card["name"]
"""


@pytest.fixture(scope="module", params=zoo.list())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def model(name: str) -> Iterator[Any]:
    import keras

    keras.utils.set_random_seed(0)
    yield zoo.get(name, weights="default" if zoo.card(name)["default_weights"] else None)
    keras.backend.clear_session()


@pytest.fixture(scope="module")
def inputs(name: str) -> dict[str, np.ndarray]:
    modalities = len(zoo.card(name)["inputs"]["modalities"])
    image = np.random.default_rng(0).normal(size=(2, SIDE, SIDE, modalities)).astype(np.float32)
    return {"image": image, "present": np.ones((2, modalities), np.float32)}


def test_each_variant_has_the_parameters_that_its_card_states(name: str) -> None:
    stated = {variant: entry["parameters"] for variant, entry in zoo.card(name)["variants"].items()}
    assert {
        variant: zoo.get(name, weights=None, variant=variant).count_params() for variant in stated
    } == stated


def test_it_keeps_its_card_and_modalities(name: str, model: Any) -> None:
    assert model.card["name"] == name
    assert tuple(model.modalities) == tuple(m["name"] for m in model.card["inputs"]["modalities"])


@pytest.mark.parametrize("batch", [1, 2])
def test_outputs_are_finite_for_any_batch(model: Any, inputs: dict[str, np.ndarray], batch: int) -> None:
    outputs = model.predict({key: value[:batch] for key, value in inputs.items()}, verbose=0)
    for key, value in outputs.items():
        assert value.shape[0] == batch, key
        assert np.isfinite(value).all(), key


def test_each_modality_can_be_left_out_or_is_required(name: str) -> None:
    entries = zoo.card(name)["inputs"]["modalities"]
    for left_out in entries:
        fed = [entry["name"] for entry in entries if entry is not left_out]
        if left_out["may_be_missing"]:
            assert tuple(zoo.get(name, weights=None, modalities=fed).modalities) == tuple(fed)
        else:
            with pytest.raises(tfmed.errors.TfmedError, match="cannot do without"):
                zoo.get(name, weights=None, modalities=fed)


def test_saved_and_loaded_in_safe_mode_it_gives_the_same_bytes(
    name: str, model: Any, inputs: dict[str, np.ndarray], tmp_path: Path
) -> None:
    import keras

    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "inputs.npz", **inputs)
    files = [str(tmp_path / each) for each in ("model.keras", "inputs.npz", "outputs.npz")]
    subprocess.run([sys.executable, "-c", RELOAD, *files, name], check=True)
    expected = model.predict(inputs, verbose=0)
    here = keras.models.load_model(files[0]).predict(inputs, verbose=0)
    with np.load(files[2]) as elsewhere:
        for outputs in (here, elsewhere):
            assert set(outputs) == set(expected)
            for key, value in expected.items():
                assert outputs[key].tobytes() == value.tobytes(), key


def test_a_plain_compile_and_fit_lowers_the_loss(name: str, inputs: dict[str, np.ndarray]) -> None:
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(1)
    model = zoo.get(name, weights=None)
    targets = _targets(model.card)
    data = tf.data.Dataset.from_tensors((inputs, targets)).repeat()
    model.compile(keras.optimizers.Adam(1e-3))
    history = model.fit(data, steps_per_epoch=4, epochs=3, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]


def _targets(card: dict[str, Any]) -> dict[str, np.ndarray]:
    """Those of two slices with a square of every label value, as the model's task makes them."""
    edition = max(
        {edition for entry in card["outputs"]["classes"] for edition in entry["values"]},
        key=lambda edition: sum(edition in entry["values"] for entry in card["outputs"]["classes"]),
    )
    values = sorted(
        {value for entry in card["outputs"]["classes"] for value in entry["values"].get(edition, [])}
    )
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for number, value in enumerate(values):
        labels[8 + 4 * number : 52 - 4 * number, 8 + 4 * number : 52 - 4 * number] = value
    target = tfmed.tasks.get(card).targets(labels, edition)
    return {key: np.stack([value, value]) for key, value in target.items()}

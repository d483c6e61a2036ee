"""An export, loaded by a TensorFlow that never saw tfmed, answers what the model in this process answers."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfmed
from tests.export import tiny_model
from tfmed import intensity
from tfmed.errors import TfmedError
from tfmed.export import export, stubs, warmup
from tfmed.inference import StudyPredictor

LOAD_WITHOUT_TFMED = """
import sys
sys.modules["tfmed"] = None  # any import of it would now fail
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
for signature in sys.argv[2:]:
    inputs = {key: tf.constant(value) for key, value in np.load(f"{signature}.given.npz").items()}
    outputs = loaded.signatures[signature](**inputs)
    np.savez(f"{signature}.answer.npz", **{key: value.numpy() for key, value in outputs.items()})
"""


def slices(n=3, height=32, width=28, seed=0):
    """Raw slices [n, H, W, 4] with background 0, and their center and scale, by the NumPy rule."""
    rng = np.random.default_rng(seed)
    image = rng.normal(300, 60, (n, height, width, 4)).astype(np.float32).round()
    image[:, :6], image[:, :, :5] = 0, 0
    moments = [intensity.moments(image[..., m], image[..., m] != 0) for m in range(4)]
    center, scale = (np.tile(np.float32(values), (n, 1)) for values in zip(*moments, strict=True))
    present = np.tile(np.float32([1, 1, 0, 1]), (n, 1))
    return {"image": image, "center": center, "scale": scale, "present": present}


def in_process(model, given):
    """What the model itself answers to slices normalised in NumPy, in stock operations."""
    normalised = np.stack(
        [
            intensity.normalise(
                given["image"][..., m],
                given["center"][0, m],
                given["scale"][0, m],
                given["image"][..., m] != 0,
            )
            for m in range(4)
        ],
        axis=-1,
    )
    normalised *= given["present"][:, None, None]
    with tfmed.ops.implementation("composed"):
        return model({"image": normalised, "present": given["present"]}, training=False)


def study(seed=1):
    rng = np.random.default_rng(seed)
    volume = np.full((20, 24, 18, 4), -5, np.float32)
    volume[4:17, 3:20, 5:15] = rng.normal(300, 60, (13, 17, 10, 4))
    return {"volume": volume, "present": np.ones(4, np.float32)}


@pytest.fixture(scope="module")
def answers_elsewhere(exported, tmp_path_factory):
    """By signature, the answer of a process that cannot import tfmed."""
    scratch = tmp_path_factory.mktemp("elsewhere")
    asked = {"serving_default": slices(), "study": study()}
    for signature, given in asked.items():
        np.savez(scratch / f"{signature}.given.npz", **given)
    command = [sys.executable, "-c", LOAD_WITHOUT_TFMED, str(exported), *asked]
    subprocess.run(command, check=True, cwd=scratch, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"})
    return {signature: dict(np.load(scratch / f"{signature}.answer.npz")) for signature in asked}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        value = np.asarray(value)
        assert found[key].dtype == value.dtype and found[key].shape == value.shape, key
        np.testing.assert_allclose(found[key], value, rtol=0, atol=1e-5, err_msg=key)


def test_slices_are_answered_by_a_process_without_tfmed(model, answers_elsewhere):
    assert_same(answers_elsewhere["serving_default"], in_process(model, slices()))


def test_a_study_is_answered_by_a_process_without_tfmed(model, answers_elsewhere):
    with tfmed.ops.implementation("composed"):
        expected = StudyPredictor(model).predict(**study())
    assert expected["labels"].numpy().any()
    assert_same(answers_elsewhere["study"], expected)


@pytest.fixture(scope="module")
def signatures(exported):
    return tf.saved_model.load(str(exported)).signatures


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float16", "float32"])
def test_slices_as_bytes_equal_slices_as_numbers(signatures, dtype):
    given = slices()
    image = (given.pop("image") // 4).astype(dtype)
    numbers = {key: tf.constant(value) for key, value in given.items()}
    encoded = {
        "image": tf.constant([one.tobytes() for one in image]),
        "shape": tf.constant([one.shape for one in image]),
        "dtype": tf.constant([dtype] * len(image)),
    }
    plain = signatures["serving_default"](image=tf.constant(image, tf.float32), **numbers)
    as_bytes = signatures["serving_default_b64"](**encoded, **numbers)
    for key in plain:
        np.testing.assert_array_equal(plain[key], as_bytes[key])


def test_a_study_as_bytes_equals_a_study_as_numbers(signatures):
    given = study()
    volume = given["volume"].astype(np.int16)
    plain = signatures["study"](volume=tf.constant(volume, tf.float32), present=tf.constant(given["present"]))
    as_bytes = signatures["study_b64"](
        volume=tf.constant(volume.tobytes()),
        shape=tf.constant(volume.shape),
        dtype=tf.constant("int16"),
        present=tf.constant(given["present"]),
    )
    assert plain["labels"].numpy().tobytes() == as_bytes["labels_bytes"].numpy()
    assert plain["certainty"].numpy().tobytes() == as_bytes["certainty_bytes"].numpy()
    assert plain["owner"].numpy().tobytes() == as_bytes["owner_bytes"].numpy()
    np.testing.assert_array_equal(plain["scores"], as_bytes["scores"])
    np.testing.assert_array_equal(as_bytes["shape"], volume.shape[:3])


@pytest.mark.parametrize(
    ("shapes", "dtypes", "said"),
    [
        ([[32, 28, 4], [28, 32, 4]], ["float32"] * 2, "All slices have one shape"),
        ([[32, 28, 4]] * 2, ["float32", "int16"], "All slices have one dtype"),
        ([[28, 64, 2]] * 2, ["float32"] * 2, "The last axis holds the 4 modalities"),
        ([[32, 27, 4]] * 2, ["float32"] * 2, "Bytes received"),
        ([[32, 28, 4]] * 2, ["int16"] * 2, "Bytes received"),
        ([[-32, -28, 4]] * 2, ["float32"] * 2, "1 or more"),
        ([[32, 28, 4]] * 2, ["float64"] * 2, "Unknown dtype"),
    ],
)
def test_bytes_that_do_not_fit_are_refused(signatures, shapes, dtypes, said):
    given = slices(n=2)
    numbers = {key: tf.constant(given[key]) for key in ("center", "scale", "present")}
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        signatures["serving_default_b64"](
            image=tf.constant([one.tobytes() for one in given["image"]]),
            shape=tf.constant(shapes),
            dtype=tf.constant(dtypes),
            **numbers,
        )


def test_an_absent_modality_is_not_read_whatever_it_holds(signatures):
    given = slices()
    other = {key: value.copy() for key, value in given.items()}
    other["image"][..., 2], other["center"][:, 2], other["scale"][:, 2] = np.nan, np.inf, 0
    answers = [
        signatures["serving_default"](**{key: tf.constant(value) for key, value in inputs.items()})
        for inputs in (given, other)
    ]
    for key in answers[0]:
        np.testing.assert_array_equal(answers[0][key], answers[1][key])


def test_card_and_labels_are_assets(exported):
    assert json.loads((exported / "assets/card.json").read_text()) == tiny_model.CARD
    labels = (exported / "assets/labels.txt").read_text().splitlines()
    assert labels == ["background", "whole", "core", "enhancing", "non_enhancing", "oedema"]


def test_warm_up_requests_are_answered(exported, signatures):
    records = tf.data.TFRecordDataset(str(exported / "assets.extra/tf_serving_warmup_requests"))
    asked = []
    for record in records.as_numpy_iterator():
        request = stubs.prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "tiny"
        asked.append(request.model_spec.signature_name)
        inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        assert signatures[asked[-1]](**inputs)
    assert asked == list(warmup.requests(4))


def test_nothing_tells_where_it_was_made(exported):
    assert str(exported.parents[1]).encode() not in (exported / "saved_model.pb").read_bytes()


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


@pytest.mark.skipif(not tfmed.ops.native_available(), reason="needs the compiled op")
def test_an_operation_that_stock_tensorflow_lacks_is_refused_and_nothing_is_left(tmp_path):
    class Stubborn(tiny_model.TinyModel):
        def call(self, inputs, training=False):
            with tfmed.ops.implementation("native"):
                return super().call(inputs)

    model = Stubborn()
    model({"image": tf.zeros([1, 16, 16, 4]), "present": tf.ones([1, 4])})
    with pytest.raises(TfmedError, match=r"stock TensorFlow Serving lacks: \w*L2NormPool"):
        export(model, tmp_path)
    assert contents(tmp_path) == []


def test_a_version_that_is_there_is_not_overwritten(model, exported):
    before = contents(exported)
    with pytest.raises(TfmedError, match=r"tiny/1 exists already"):
        export(model, exported.parents[1])
    assert contents(exported) == before


@pytest.mark.parametrize("name", ["../up", "a b", ".hidden", "a/b", "-x"])
def test_a_name_that_no_url_or_folder_can_hold_is_refused(model, tmp_path, name):
    with pytest.raises(TfmedError, match="cannot be a served name"):
        export(model, tmp_path, name=name)
    assert contents(tmp_path) == []


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "grpc", None)
    spec = importlib.util.spec_from_file_location("stubs_anew", stubs.__file__)
    with pytest.raises(TfmedError, match=r"pip install tfmed\[serve\]"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_versions_start_at_one(model, tmp_path):
    with pytest.raises(TfmedError, match=r"positive integer. Received: 0"):
        export(model, tmp_path, version=0)


def test_a_folder_that_is_a_file_is_refused(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TfmedError, match=r"Cannot write to .*file/tiny"):
        export(model, tmp_path / "file")

"""A served answer is the model's own answer, over either protocol; refusals are one clear sentence."""

import numpy as np
import pytest

import tfmed
from tests.export import tiny_model
from tfmed.errors import TfmedError
from tfmed.inference import StudyPredictor
from tfmed.inference.prediction import finish
from tfmed.inference.working import working_volume
from tfmed.serving import Client
from tfmed.study import Study, Volume

ONES = np.ones(4, np.float32)


def slices(n=2):
    rng = np.random.default_rng(5)
    image = rng.normal(300, 60, (n, 24, 20, 4)).astype(np.float32)
    image[:, :4] = 0
    center, scale = (np.full((n, 4), value, np.float32) for value in (300, 60))
    return {"image": image, "center": center, "scale": scale, "present": np.tile(ONES, (n, 1))}


def volume():
    raw = np.full((18, 22, 16, 4), -5, np.float32)
    raw[4:15, 3:18, 4:13] = np.random.default_rng(6).normal(300, 20, (11, 15, 9, 4))
    raw[7:12, 8:14, 7:11] += 200
    return {"volume": raw, "present": ONES}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        value = np.asarray(value)
        assert found[key].dtype == value.dtype and found[key].shape == value.shape, key
        np.testing.assert_allclose(found[key], value, rtol=0, atol=1e-5, err_msg=key)


def test_slices_are_answered_as_in_process(model, client):
    given = slices()
    normalised = np.where(given["image"] != 0, (given["image"] - 300) / 60, 0).astype(np.float32)
    with tfmed.ops.implementation("composed"):
        expected = model({"image": normalised, "present": given["present"]}, training=False)
    assert_same(client.predict("tiny", given), expected)


def test_a_volume_is_answered_as_in_process(model, client):
    with tfmed.ops.implementation("composed"):
        expected = StudyPredictor(model).predict(**volume())
    assert expected["labels"].numpy().any()
    assert_same(client.predict("tiny", volume(), "study"), expected)


def test_slices_as_bytes_are_answered_as_slices(client):
    given = slices()
    encoded = given | {
        "image": [one.tobytes() for one in given["image"]],
        "shape": np.array([one.shape for one in given["image"]], np.int32),
        "dtype": ["float32"] * 2,
    }
    assert_same(client.predict("tiny", encoded, "serving_default_b64"), client.predict("tiny", given))


def study(turned=False):
    """A head on a 1 mm grid, or the same head with its first two axes swapped and one of them reversed."""
    affine = np.diag([1.0, 1, 1, 1])
    affine[:3, 3] = -10, -12, -8
    arrays = volume()["volume"]
    if turned:
        arrays = arrays.transpose(1, 0, 2, 3)[::-1]
        affine = affine @ np.array([[0, 1, 0, 0], [-1, 0, 0, 21], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    names = ("flair", "t1", "t2")
    images = {name: Volume(arrays[..., m], affine) for m, name in zip((0, 1, 3), names, strict=True)}
    return Study("someone", images, patient="someone", timepoint=None, diagnosis=None, provenance={})


@pytest.mark.parametrize("turned", [False, True])
def test_a_study_gives_the_result_of_the_process_itself(model, client, turned):
    given = study(turned)
    working = working_volume(given, tiny_model.MODALITIES)
    with tfmed.ops.implementation("composed"):
        outputs = StudyPredictor(model).predict(working.volume, working.present)
    expected = finish(given, working, {k: v.numpy() for k, v in outputs.items()}, tiny_model.CARD)
    found = client.predict_study("tiny", given, card=tiny_model.CARD)
    assert expected.lesions and found.as_dict() == expected.as_dict()
    np.testing.assert_array_equal(found.labels.array, expected.labels.array)
    np.testing.assert_array_equal(found.instances.array, expected.instances.array)
    assert found.labels.shape == given.shape


def test_an_export_of_another_version_is_told(client, monkeypatch):
    answer = client.predict

    def without(*args):
        return {name: value for name, value in answer(*args).items() if name != "certainty_bytes"}

    monkeypatch.setattr(client, "predict", without)
    with pytest.raises(TfmedError, match=r"tiny gives no certainty_bytes: .* Export it again"):
        client.predict_study("tiny", study(turned=False), card=tiny_model.CARD)


@pytest.mark.parametrize(
    ("change", "signature", "said"),
    [
        ({"image": np.ones((2, 24, 20, 3), np.float32)}, "serving_default", r"'image'.*\[2, 24, 20, 3\]"),
        (
            {"image": np.ones((24, 20, 4), np.float32)},
            "serving_default",
            r"expected float32 of shape \[\?, \?",
        ),
        ({"image": np.ones((0, 24, 20, 4), np.float32)}, "serving_default", "'image'"),
        ({"center": np.ones((5, 4), np.float32)}, "serving_default", "number of slices: 2 5 2 2"),
        ({"other": ONES}, "serving_default", "Unknown.*other"),
        ({}, "study", "Missing: volume"),
        ({}, "segment", "segment.*Known: serving_default, serving_default_b64, study, study_b64"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_and_the_next_one_answered(client, change, signature, said):
    with pytest.raises(TfmedError, match=said):
        client.predict("tiny", slices() | change, signature)
    assert client.predict("tiny", slices())


def test_an_unknown_model_or_version_is_not_found(client):
    with pytest.raises(TfmedError, match=r"Could not find any versions of model huge. Served: tiny"):
        client.predict("huge", slices())
    with pytest.raises(TfmedError, match=r"Version 7 of model tiny is not served. Served: 1"):
        client.predict("tiny", slices(), version=7)
    assert client.predict("tiny", slices(), version=1)


def test_a_request_above_the_limit_is_refused_and_the_next_one_answered(client):
    large = slices() | {"image": np.ones((2, 512, 520, 4), np.float32)}
    with pytest.raises(TfmedError, match=r"RESOURCE_EXHAUSTED|413"):
        client.predict("tiny", large)
    assert client.predict("tiny", slices())


def test_bytes_too_few_for_their_shape_are_refused(client):
    given = {"volume": bytes(100), "shape": np.int32([5, 5, 5, 4]), "dtype": "uint8", "present": ONES}
    with pytest.raises(TfmedError, match="Bytes received: 100 needed by the shape: 5 5 5 4"):
        client.predict("tiny", given, "study_b64")


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_where_no_server_listens_the_address_is_named(protocol):
    with (
        Client("127.0.0.1:9", protocol, timeout_s=5) as client,
        pytest.raises(TfmedError, match=r"127.0.0.1:9"),
    ):
        client.predict("tiny", slices())


def test_an_unknown_protocol_names_the_known_ones():
    with pytest.raises(TfmedError, match=r"'soap'\. Known: grpc, rest"):
        Client("127.0.0.1:8500", "soap")

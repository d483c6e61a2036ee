"""The REST API, byte by byte as TensorFlow Serving documents it."""

import base64
import http.client
import json

import numpy as np
import pytest

ROW = {"center": [300.0] * 4, "scale": [60.0] * 4, "present": [1] * 4}
IMAGE = np.random.default_rng(2).normal(300, 60, (2, 16, 18, 4)).round(2)


@pytest.fixture
def call(server):
    """Sends a request and returns (status, content type, parsed body)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)

    def send(method, path, body=None, headers=None):
        content = json.dumps(body) if isinstance(body, dict) else body
        connection.request(method, path, content, headers or {})
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type"), json.load(response)

    yield send
    connection.close()


def predict(call, body, path="/v1/models/tiny:predict"):
    status, kind, answer = call("POST", path, body)
    assert kind == "application/json"
    return status, answer


def columns():
    return {"image": IMAGE.tolist(), **{key: [value] * 2 for key, value in ROW.items()}}


def rows():
    return [{"image": image.tolist(), **ROW} for image in IMAGE]


def test_rows_and_columns_hold_the_same_answer(call):
    status, by_column = predict(call, {"inputs": columns()})
    assert status == 200 and by_column.keys() == {"outputs"}
    status, by_row = predict(call, {"instances": rows()}, "/v1/models/tiny/versions/1:predict")
    assert status == 200 and by_row.keys() == {"predictions"}
    for i, row in enumerate(by_row["predictions"]):
        assert row == {name: value[i] for name, value in by_column["outputs"].items()}


def test_bytes_come_as_b64_in_rows(call):
    encoded = [
        {
            "image": {"b64": base64.b64encode(image.astype("<f4").tobytes()).decode()},
            "shape": [16, 18, 4],
            "dtype": "float32",
            **ROW,
        }
        for image in IMAGE
    ]
    _, plain = predict(call, {"instances": rows()})
    _, as_bytes = predict(call, {"signature_name": "serving_default_b64", "instances": encoded})
    assert as_bytes == plain


def test_a_volume_comes_back_as_b64(call):
    volume = np.full((12, 12, 12, 4), 5, np.uint8)
    volume[3:9, 3:9, 3:9] = np.random.default_rng(0).integers(100, 200, (6, 6, 6, 4))
    inputs = {
        "volume": {"b64": base64.b64encode(volume.tobytes()).decode()},
        "shape": [12, 12, 12, 4],
        "dtype": "uint8",
        "present": [1, 1, 1, 1],
    }
    _, answer = predict(call, {"signature_name": "study_b64", "inputs": inputs})
    _, plain = predict(
        call, {"signature_name": "study", "inputs": {"volume": volume.tolist(), "present": [1.0] * 4}}
    )
    labels = np.frombuffer(base64.b64decode(answer["outputs"]["labels_bytes"]["b64"]), np.uint8)
    assert labels.any()
    np.testing.assert_array_equal(labels.reshape(12, 12, 12), plain["outputs"]["labels"])


def test_a_study_cannot_come_in_rows(call):
    volume = np.ones((8, 8, 8, 4)).tolist()
    body = {"signature_name": "study", "instances": [{"volume": volume, "present": [1] * 4}]}
    status, answer = predict(call, body)
    assert (
        status == 400 and "received float32 of shape [1, 4], expected float32 of shape [4]" in answer["error"]
    )


def test_status(call):
    for path in ("/v1/models/tiny", "/v1/models/tiny/versions/1"):
        status, _, answer = call("GET", path)
        assert status == 200
        version = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        assert answer == {"model_version_status": [version]}


def test_metadata(call):
    status, _, answer = call("GET", "/v1/models/tiny/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "tiny", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "serving_default_b64", "study", "study_b64"}
    image = signatures["serving_default"]["inputs"]["image"]
    assert image["dtype"] == "DT_FLOAT"
    assert [d["size"] for d in image["tensor_shape"]["dim"]] == ["-1", "-1", "-1", "4"]
    assert signatures["study"]["method_name"] == "tensorflow/serving/predict"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "JSON parse error"),
        ("[1]", "must be a JSON object"),
        ("[" * 100_000, "JSON parse error"),
        ({}, '"inputs" and "instances"'),
        ({"inputs": columns(), "instances": rows()}, '"inputs" and "instances"'),
        ({"instances": []}, "at least one element"),
        ({"instances": [1, 2]}, "must be an object with the keys center, image, present, scale"),
        ({"instances": [rows()[0], {"image": 1}]}, "the same keys"),
        (
            {"inputs": columns() | {"image": [[1.0], [1.0, 2.0]]}},
            "'image': its lists are not all of one length",
        ),
        ({"inputs": columns() | {"image": "text"}}, "'image': expected values of float32, received text"),
        (
            {"inputs": columns() | {"image": None}},
            "'image': expected values of float32, received mixed values",
        ),
        ({"inputs": columns() | {"present": [[True] * 4] * 2}}, "received true or false"),
        ({"inputs": columns() | {"extra": 1}}, "Unknown: extra"),
        ({"inputs": {"image": 1}}, "Missing: center, present, scale"),
        ({"signature_name": 3, "inputs": columns()}, '"signature_name" must be a string'),
        ({"signature_name": "nope", "inputs": columns()}, '"nope" not found'),
    ],
)
def test_a_body_that_does_not_fit_is_a_client_error(call, body, said):
    status, answer = predict(call, body)
    assert status == 400 and said in answer["error"]
    assert predict(call, {"inputs": columns()})[0] == 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": [{"b64": "!!!"}] * 2}, "base64 text cannot be decoded"),
        ({"image": [3, 4]}, "expected a string or"),
        ({"shape": [[16, 18, 4.5]] * 2}, "expected values of int32, received decimal numbers"),
        ({"shape": [[16, 18, 2**40]] * 2}, "do not fit int32"),
        ({"shape": [[16, 18, 4]]}, "number of slices: 2 1 2"),
        ({"dtype": ["float32", ["float32"]]}, "expected a string or"),
    ],
)
def test_strings_that_do_not_fit_are_a_client_error(call, change, said):
    data = base64.b64encode(IMAGE[0].astype("<f4").tobytes()).decode()
    body = {"image": [{"b64": data}] * 2, "shape": [[16, 18, 4]] * 2, "dtype": ["float32"] * 2}
    body |= {key: [value] * 2 for key, value in ROW.items()} | change
    status, answer = predict(call, {"signature_name": "serving_default_b64", "inputs": body})
    assert status == 400 and said in answer["error"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/models/huge", 404),
        ("GET", "/v1/models/tiny/versions/9", 404),
        ("GET", "/v1/models/huge/metadata", 404),
        ("POST", "/v1/models/huge:predict", 404),
        ("POST", "/v1/models/tiny:classify", 400),
        ("POST", "/v1/models/tiny", 400),
        ("GET", "/v1/models/tiny:predict", 400),
        ("GET", "/", 400),
        ("PUT", "/v1/models/tiny", 501),
    ],
)
def test_other_paths_and_methods_have_their_status_and_a_json_error(call, method, path, expected):
    status, kind, answer = call(method, path, "{}" if method != "GET" else None)
    assert (status, kind) == (expected, "application/json") and answer.keys() == {"error"}


def test_a_body_above_the_limit_is_413_and_one_without_a_length_411(call, server):
    assert call("POST", "/v1/models/tiny:predict", b" " * (9 << 20))[0] == 413
    assert call("POST", "/v1/models/tiny:predict", iter([b"{}"]), {"Transfer-Encoding": "chunked"})[0] == 411
    assert predict(call, {"inputs": columns()})[0] == 200

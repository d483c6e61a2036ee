"""TensorFlow Serving's gRPC services, spoken with its own stubs."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as connected:
        yield connected


@pytest.fixture
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request(**change):
    message = predict_pb2.PredictRequest()
    message.model_spec.name = "tiny"
    inputs = {
        "image": np.full((1, 16, 16, 4), 300, np.float32),
        "center": np.full((1, 4), 280, np.float32),
        "scale": np.full((1, 4), 20, np.float32),
        "present": np.ones((1, 4), np.float32),
    }
    for key, value in (inputs | change).items():
        message.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return message


def refused(call, message):
    with pytest.raises(grpc.RpcError) as raised:
        call(message)
    return raised.value.code().name, raised.value.details()


def test_an_answer_names_its_model_version_and_signature(prediction):
    response = prediction.Predict(request())
    assert response.model_spec.name == "tiny"
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "serving_default"
    assert set(response.outputs) == {"boxes", "scores", "classes", "masks", "regions"}


def test_an_output_filter_chooses_outputs(prediction):
    message = request()
    message.output_filter.append("boxes")
    assert set(prediction.Predict(message).outputs) == {"boxes"}
    message.output_filter.append("bones")
    code, said = refused(prediction.Predict, message)
    assert code == "INVALID_ARGUMENT" and "'bones'" in said and "Known: boxes" in said


def test_metadata_holds_the_signatures(prediction):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = "tiny"
    response = prediction.GetModelMetadata(message)
    assert response.model_spec.version.value == 1
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) == {"serving_default", "serving_default_b64", "study", "study_b64"}


def test_metadata_of_another_kind_is_refused(prediction):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["weights"])
    message.model_spec.name = "tiny"
    assert refused(prediction.GetModelMetadata, message)[0] == "INVALID_ARGUMENT"


def test_status_is_available_or_not_found(channel):
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = "tiny"
    (version,) = stub.GetModelStatus(message).model_version_status
    assert version.version == 1
    assert version.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
    message.model_spec.version.value = 3
    assert refused(stub.GetModelStatus, message)[0] == "NOT_FOUND"


def test_a_claimed_size_is_checked_before_memory_is_taken(prediction):
    message = request()
    image = message.inputs["image"]
    image.Clear()
    image.dtype = tf.float32.as_datatype_enum
    image.float_val.append(1)
    for length in (2**20, 2**20, 2**20, 4):
        image.tensor_shape.dim.add(size=length)
    code, said = refused(prediction.Predict, message)
    assert code == "RESOURCE_EXHAUSTED" and "'image' claims" in said


@pytest.mark.parametrize("lengths", [(1, 16, 16, 5), (-1, -16, 16, 4), (1, 2**62, 2**62, 4)])
def test_content_that_is_not_of_its_claimed_shape_is_refused(prediction, lengths):
    message = request()
    shape = message.inputs["image"].tensor_shape
    for dim, length in zip(shape.dim, lengths, strict=True):
        dim.size = length
    assert refused(prediction.Predict, message)[0] in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED")


def test_a_tensor_without_dtype_is_refused(prediction):
    message = request()
    message.inputs["image"].dtype = 0
    assert refused(prediction.Predict, message)[0] == "INVALID_ARGUMENT"


def test_other_methods_are_unimplemented(prediction):
    message = classification_pb2.ClassificationRequest()
    assert refused(prediction.Classify, message)[0] == "UNIMPLEMENTED"
    assert prediction.Predict(request())

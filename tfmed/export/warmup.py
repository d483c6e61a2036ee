"""Requests that TensorFlow Serving replays when it loads a model, so that the first user does not wait."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfmed.export import stubs

SLICE_SIZE = 64
VOLUME_SIZE = 32

Inputs = Mapping[str, np.ndarray]


def requests(modalities: int) -> dict[str, Inputs]:
    """One small request for each numeric signature: a blob amid background, alike in every modality."""
    axis = np.linspace(-1, 1, SLICE_SIZE)
    image = np.where(axis[:, None] ** 2 + axis**2 < 0.6, 100 + 20 * axis, 0)
    axis = np.linspace(-1, 1, VOLUME_SIZE)
    ball = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2 < 0.6
    volume = np.where(ball, 100 + 20 * axis, 0)
    ones = np.ones(modalities, np.float32)
    return {
        "serving_default": {
            "image": np.repeat(image[None, ..., None], modalities, -1).astype(np.float32),
            "center": 100 * ones[None],
            "scale": 10 * ones[None],
            "present": ones[None],
        },
        "study": {
            "volume": np.repeat(volume[..., None], modalities, -1).astype(np.float32),
            "present": ones,
        },
    }


def write(path: Path, name: str, examples: Mapping[str, Inputs]) -> None:
    """A TFRecord file of PredictionLog, one record for each signature in `examples` of the model `name`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in examples.items():
            request = stubs.predict_request(name, inputs, signature)
            log = stubs.prediction_log_pb2.PredictionLog(predict_log={"request": request})
            writer.write(log.SerializeToString())

"""The doors of a served model: raw slices or a raw study in, everything after that inside the graph."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfmed.export import raw_bytes
from tfmed.inference import StudyPredictor


def build(model: keras.Model) -> dict[str, Any]:
    """The signatures of a model of slices with the modalities M = len(model.modalities).

    Returns tf.functions by signature name. Whoever traces them decides by `tfmed.ops.implementation` which
    operations go in.

    serving_default: image [N, H, W, M] raw with background exactly 0; center, scale, present [N, M] -> all
        outputs of the model.
    serving_default_b64: the same with image as one string of raw bytes a slice [N], shape int32 [N, 3] and
        dtype string [N], equal for all slices.
    study: volume [X, Y, Z, M] raw, canonical orientation, 1 mm; present [M] -> labels uint8 [X, Y, Z], owner
        and scores, see `tfmed.inference.StudyPredictor`.
    study_b64: the same with volume as one string of raw bytes, shape int32 [4] and dtype string; labels and
        owner come back as raw bytes, labels_bytes and owner_bytes, and shape as int32 [3].
    """
    m = len(model.modalities)
    per_slice = {name: _floats(name, None, m) for name in ("center", "scale", "present")}
    study = StudyPredictor(model).predict

    @_function(image=_floats("image", None, None, None, m), **per_slice)
    def serving_default(image: Any, center: Any, scale: Any, present: Any) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([_equal_counts(image, center, scale, present)]):
            normalised = normalise(image, center, scale, present)
        return model({"image": normalised, "present": present}, training=False)

    @_function(
        image=tf.TensorSpec([None], tf.string, "image"),
        shape=tf.TensorSpec([None, 3], tf.int32, "shape"),
        dtype=tf.TensorSpec([None], tf.string, "dtype"),
        **per_slice,
    )
    def serving_default_b64(
        image: Any, shape: Any, dtype: Any, center: Any, scale: Any, present: Any
    ) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([_equal_counts(image, shape, dtype), *_one_kind(shape, dtype, m)]):
            raw = raw_bytes.decode_batch(image, shape[0], dtype[0])
        return serving_default(tf.ensure_shape(raw, [None, None, None, m]), center, scale, present)

    @_function(
        volume=tf.TensorSpec([], tf.string, "volume"),
        shape=tf.TensorSpec([4], tf.int32, "shape"),
        dtype=tf.TensorSpec([], tf.string, "dtype"),
        present=_floats("present", m),
    )
    def study_b64(volume: Any, shape: Any, dtype: Any, present: Any) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([_holds_modalities(shape, m)]):
            raw = raw_bytes.decode(volume, shape, dtype)
        outputs = dict(study(tf.ensure_shape(raw, [None, None, None, m]), present))
        for name in ("labels", "certainty", "owner"):
            outputs[f"{name}_bytes"] = raw_bytes.encode(outputs.pop(name))
        return outputs | {"shape": shape[:3]}

    return {
        "serving_default": serving_default,
        "serving_default_b64": serving_default_b64,
        "study": study,
        "study_b64": study_b64,
    }


def normalise(image: tf.Tensor, center: tf.Tensor, scale: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """Raw slices [N, H, W, M] to what the network reads: (x - center) / scale where x is not 0, else 0.

    center, scale, present: [N, M]. An absent modality becomes 0 whatever its numbers are, be its scale 0.
    """
    center, scale, present = (value[:, tf.newaxis, tf.newaxis, :] for value in (center, scale, present))
    inside = tf.cast(image != 0, tf.float32)
    return tf.math.multiply_no_nan((image - center) / scale, inside * present)


def _function(**specs: tf.TensorSpec) -> Callable[[Callable[..., Any]], Any]:
    return tf.function(input_signature=list(specs.values()))


def _floats(name: str, *shape: int | None) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.float32, name)


def _equal_counts(*values: tf.Tensor) -> tf.Operation:
    counts = [tf.shape(value)[0] for value in values]
    return tf.debugging.Assert(
        tf.reduce_all(tf.equal(counts, counts[0])), ["Inputs differ in their number of slices:", *counts]
    )


def _one_kind(shape: tf.Tensor, dtype: tf.Tensor, m: int) -> list[tf.Operation]:
    """Checks that a batch of strings can become one tensor."""
    first = tf.debugging.Assert(tf.size(dtype) > 0, ["A batch of slices holds one slice or more."])
    with tf.control_dependencies([first]):
        return [
            tf.debugging.Assert(
                tf.reduce_all(shape == shape[:1]), ["All slices have one shape. Received:", shape]
            ),
            tf.debugging.Assert(
                tf.reduce_all(dtype == dtype[:1]), ["All slices have one dtype. Received:", dtype]
            ),
            _holds_modalities(shape[0], m),
        ]


def _holds_modalities(shape: tf.Tensor, m: int) -> tf.Operation:
    return tf.debugging.Assert(
        shape[-1] == m,
        [f"The last axis holds the {m} modalities of the model. Received shape:", shape],
        summarize=4,
    )

"""A model with few weights that keeps the contract of slice models, with the op of the feature path."""

import keras
import tensorflow as tf

import tfmed

MODALITIES = ("flair", "t1", "t1c", "t2")
EDITIONS = {
    "whole": [1, 2, 3, 4],
    "core": [1, 3, 4],
    "enhancing": [4],
    "non_enhancing": [3],
    "oedema": [2],
}
CARD = {
    "name": "tiny",
    "task": "instance_segmentation",
    "inputs": {"modalities": [{"name": m, "title": m, "may_be_missing": True} for m in MODALITIES]},
    "outputs": {
        "classes": [
            {"id": i + 1, "name": name, "title": name, "colour": [255, 0, 0], "values": {"brats2015": values}}
            for i, (name, values) in enumerate(EDITIONS.items())
        ]
    },
    "fusion": {"min_volume_mm3": 1.0, "min_views": 1},
}
DETECTIONS = 3
MASK_SIZE = 7


class TinyModel(keras.Model):
    """One convolution, L2-norm pooling, one 1x1 convolution to K region probabilities, three fixed boxes."""

    def __init__(self):
        super().__init__(name="tiny")
        self.card = CARD
        self.modalities = MODALITIES
        self.features = keras.layers.Conv2D(6, 3, padding="same", activation="relu")
        self.regions = keras.layers.Conv2D(len(EDITIONS), 1, activation="sigmoid")

    def call(self, inputs, training=False):
        image, present = inputs["image"], inputs["present"]
        size = tf.shape(image)[1:3]
        pooled = tfmed.ops.l2_norm_pool(self.features(image), [2, 2], [2, 2], "VALID")
        regions = (
            tf.image.resize(self.regions(pooled), size) * tf.reduce_mean(present, 1)[:, None, None, None]
        )
        n = tf.shape(image)[0]
        relative = tf.constant([[0, 0, 1, 1], [0, 0, 0.5, 0.5], [0.25, 0.25, 0.75, 0.75]])
        boxes = tf.tile((relative * tf.cast(tf.tile(size, [2]), tf.float32))[None], [n, 1, 1])
        crops = tf.image.crop_and_resize(
            regions,
            tf.tile(relative, [n, 1]),
            tf.repeat(tf.range(n), DETECTIONS),
            [MASK_SIZE, MASK_SIZE],
        )
        masks = tf.reshape(crops[..., 0], [n, DETECTIONS, MASK_SIZE, MASK_SIZE])
        return {
            "boxes": boxes,
            "scores": tf.reduce_mean(masks, [2, 3]),
            "classes": tf.argmax(tf.reshape(crops, [n, DETECTIONS, -1, len(EDITIONS)])[:, :, 0], -1, tf.int32)
            + 1,
            "masks": masks,
            "regions": regions,
        }

    def decode(self, outputs, height, width):
        return {
            "regions": outputs["regions"],
            "owner": tf.cast(outputs["regions"][..., 0] > 0.5, tf.int32),
        }


def make():
    """The model with weights that a fixed seed draws; they find what is bright in all modalities."""
    keras.utils.set_random_seed(3)
    model = TinyModel()
    model({"image": tf.zeros([1, 16, 16, 4]), "present": tf.ones([1, 4])})
    kernel, bias, regions_kernel, regions_bias = model.get_weights()
    model.set_weights([abs(kernel), bias, abs(regions_kernel), regions_bias - 2])
    return model

"""A model without weights that keeps the contract of slice models: thresholds in place of a network.

Of normalised slices (flair, t1, t1c, t2) bright FLAIR is whole tumour, bright T1c inside it enhancing, dark
T1c necrosis; its instances are connected components of each slice. It stands in where linking, fusion,
reporting and errors are tested, and a trained network would only add time.
"""

from typing import Any

import keras
import tensorflow as tf

CARD = {
    "name": "threshold_double",
    "task": "instance_segmentation",
    "outputs": {
        "classes": [
            {
                "id": i + 1,
                "name": name,
                "title": name.replace("_", " "),
                "colour": colour,
                "values": {"brats2015": v2015} | ({"brats2018": v2018, "brats2023": v2023} if v2018 else {}),
            }
            for i, (name, colour, v2015, v2018, v2023) in enumerate(
                [
                    ("whole", (242, 193, 78), [1, 2, 3, 4], [1, 2, 4], [1, 2, 3]),
                    ("core", (228, 87, 46), [1, 3, 4], [1, 4], [1, 3]),
                    ("enhancing", (200, 29, 37), [4], [4], [3]),
                    ("non_enhancing", (142, 68, 173), [3], None, None),
                    ("oedema", (39, 174, 96), [2], [2], [2]),
                ]
            )
        ]
    },
    "fusion": {"min_volume_mm3": 20.0},
}
DETECTIONS = 8
BRIGHT = 6.0


class ThresholdModel(keras.Model):
    """Whole: FLAIR z > 6; enhancing: T1c z > 6 inside it; necrosis: T1c z < -6 inside it."""

    def __init__(
        self, modalities: tuple[str, ...] = ("flair", "t1", "t1c", "t2"), card: dict[str, Any] = CARD
    ) -> None:
        super().__init__()
        self.card = card
        self.modalities = tuple(modalities)
        self.built = True

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        image = inputs["image"]
        whole = image[..., 0] > BRIGHT
        t1c = image[..., 2] * inputs["present"][:, None, None, 2:3][..., 0]
        enhancing = whole & (t1c > BRIGHT)
        core = enhancing | (whole & (t1c < -BRIGHT))
        nothing = tf.zeros_like(whole)
        regions = tf.stack([whole, core, enhancing, nothing, whole & ~core], axis=-1)
        owner = components(whole)
        sizes = tf.stack(
            [tf.reduce_sum(tf.cast(owner == d + 1, tf.float32), [1, 2]) for d in range(DETECTIONS)], 1
        )
        return {"scores": sizes / (sizes + 5), "regions": tf.cast(regions, tf.float32), "owner": owner}

    def decode(self, outputs: dict[str, tf.Tensor], height: int, width: int) -> dict[str, tf.Tensor]:
        return {key: outputs[key][:, :height, :width] for key in ("regions", "owner")}


def components(mask: tf.Tensor) -> tf.Tensor:
    """1-based number of each pixel's component (8 neighbours, DETECTIONS at most) in bool [N, H, W]."""
    n, height, width = tf.unstack(tf.shape(mask))
    key = tf.cast(tf.reshape(tf.range(1, height * width + 1), [1, height, width]), tf.float32)
    inside = tf.cast(mask, tf.float32)

    def spread(labels: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        wider = tf.nn.max_pool2d(labels[..., None], 3, 1, "SAME")[..., 0] * inside
        return wider, tf.reduce_any(wider != labels)

    labels, _ = tf.while_loop(lambda _, changed: changed, spread, [key * inside, tf.constant(True)])
    roots = tf.reshape(tf.where(labels == key, labels, 0.0), [n, -1])
    top = tf.math.top_k(roots, DETECTIONS).values
    matches = (labels[..., None] == top[:, None, None]) & mask[..., None]
    return tf.where(tf.reduce_any(matches, -1), tf.argmax(matches, -1, tf.int32) + 1, 0)

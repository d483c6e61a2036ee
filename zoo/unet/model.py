"""The plain alternative to the cascade: the same body, and every pixel's regions read off it at once."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfmed.tasks.losses import region_terms
from tfmed.zoo.parts.bodies import vgg_top_down
from tfmed.zoo.parts.slice_model import SliceModel, Tensors


def build(
    card: Mapping[str, Any], variant: str, modalities: tuple[str, ...], **overrides: Any
) -> keras.Model:
    """The family's builder, called by ``tfmed.zoo.get``.

    modalities: those that will be fed, a subset of the card's in any order. overrides: replace entries of the
    variant's ``config`` in the card. Raises TypeError for an unknown entry.
    """
    return UNet(dict(card), variant, tuple(modalities), overrides)


@keras.saving.register_keras_serializable("tfmed")
class UNet(SliceModel):
    """Semantic segmentation by a body with a top-down path; see this folder's README.

    Takes ``image`` [N, H, W, M] normalised, any H and W, and ``present`` [N, M]. Gives ``regions``
    [N, H, W, K], the probability of every class, and ``scores`` [N, 1], the largest one of the first class.
    """

    def _assemble(
        self, *, width: int, stem: int, top: int, decoder: int, detail: int | None, pooling: str
    ) -> None:
        self.unit = 16 * stem
        self.features = vgg_top_down(
            self.inputs_expected,
            self.classes,
            width=width,
            stem=stem,
            top=top,
            decoder=decoder,
            detail=detail,
            pooling=pooling,
        )

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:
        regions = tf.sigmoid(self._logits(inputs, training))
        return {"regions": regions, "scores": tf.reduce_max(regions[..., 0], (1, 2))[:, None]}

    def decode(self, outputs: Tensors, height: tf.Tensor, width: tf.Tensor) -> Tensors:
        """``regions`` [N, H, W, K] as they are, and ``owner`` [N, H, W] int32, 1 where the first class is
        likely: such a model tells no instances apart.
        """
        regions = outputs["regions"][:, :height, :width]
        return {"regions": regions, "owner": tf.cast(regions[..., 0] > 0.5, tf.int32)}

    def loss_terms(self, inputs: Tensors, targets: Tensors, training: bool = True) -> Tensors:
        """Cross-entropy and soft Dice of the regions; ``targets`` as the task's, batched."""
        return region_terms(self._logits(inputs, training), targets)

    def _logits(self, inputs: Tensors, training: bool) -> tf.Tensor:
        image, present = self.all_channels(inputs)
        maps = self.features({"image": self.padded(image), "present": present}, training=training)
        return tf.cast(maps["evidence"], tf.float32)[:, : tf.shape(image)[1], : tf.shape(image)[2]]

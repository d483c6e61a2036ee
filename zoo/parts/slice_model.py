"""What all models of slices have in common: a card, a variant, the modalities fed, a loss of terms."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

Tensors = dict[str, tf.Tensor]


class SliceModel(keras.Model):
    """A model that takes ``image`` [N, H, W, M] normalised, any H and W, and ``present`` [N, M].

    A family sets ``unit``, the pixels that heights and widths are padded to multiples of, gives ``call``,
    ``decode`` and ``loss_terms``, and builds its networks from ``config`` in ``__init__``.
    """

    def __init__(
        self,
        card: dict[str, Any],
        variant: str,
        modalities: tuple[str, ...],
        overrides: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.card, self.variant, self.modalities = card, variant, tuple(modalities)
        self.overrides = dict(overrides or {})
        names = [each["name"] for each in card["inputs"]["modalities"]]
        self.channels = [names.index(each) for each in self.modalities]
        self.inputs_expected, self.classes = len(names), len(card["outputs"]["classes"])
        self._assemble(**self.config)
        self.supports_jit = False
        self.built = True

    @property
    def config(self) -> dict[str, Any]:
        """The builder's arguments: the variant's, with the overrides."""
        return {**self.card["variants"][self.variant]["config"], **self.overrides}

    def get_config(self) -> dict[str, Any]:
        return {
            "card": self.card,
            "variant": self.variant,
            "modalities": list(self.modalities),
            "overrides": self.overrides,
        }

    def loss_terms(self, inputs: Tensors, targets: Tensors, training: bool = True) -> Tensors:
        """Weighted terms of the loss, scalars whose sum it is; ``targets`` as the task's, batched."""
        raise NotImplementedError

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        """The loss for Keras' own fit; the predictions are not needed, and the graph drops them."""
        return tf.add_n(list(self.loss_terms(x, y, training).values()))

    def padded(self, image: tf.Tensor) -> tf.Tensor:
        """[N, H, W, ...] with zeros below and to the right, up to multiples of ``unit``."""
        height, width = tf.shape(image)[1], tf.shape(image)[2]
        padding = [[0, 0], [0, -height % self.unit], [0, -width % self.unit]]
        return tf.pad(image, padding + [[0, 0]] * (len(image.shape) - 3))

    def all_channels(self, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Image and present with the fed modalities at their places among all that the network knows."""
        place = tf.one_hot(self.channels, self.inputs_expected)
        image, present = tf.cast(inputs["image"], tf.float32), tf.cast(inputs["present"], tf.float32)
        if self.channels == list(range(self.inputs_expected)):
            return image, present
        return tf.tensordot(image, place, 1), tf.tensordot(present, place, 1)

"""Layers that move values between places and channels, or fill in what is missing."""

from typing import Any

import keras
import tensorflow as tf

PACKAGE = "tfmed"
# [N, H, W, C]; Keras asks with sizes that it does not know yet as None, the channels never.
Shape = tuple[Any, ...]


@keras.saving.register_keras_serializable(PACKAGE)
class SpaceToDepth(keras.layers.Layer):
    """Blocks of ``block`` x ``block`` pixels become channels: [N, H, W, C] -> [N, H/b, W/b, b*b*C]."""

    def __init__(self, block: int, **options: Any) -> None:
        super().__init__(**options)
        self.block = block

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x if self.block == 1 else tf.nn.space_to_depth(x, self.block)

    def compute_output_shape(self, shape: Shape) -> Shape:
        batch, *sides, channels = shape
        rows, columns = (None if side is None else side // self.block for side in sides)
        return batch, rows, columns, channels * self.block**2

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block": self.block}


@keras.saving.register_keras_serializable(PACKAGE)
class DepthToSpace(SpaceToDepth):
    """The inverse of SpaceToDepth: [N, h, w, b*b*C] -> [N, h*b, w*b, C]."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x if self.block == 1 else tf.nn.depth_to_space(x, self.block)

    def compute_output_shape(self, shape: Shape) -> Shape:
        batch, *sides, channels = shape
        rows, columns = (None if side is None else side * self.block for side in sides)
        return batch, rows, columns, channels // self.block**2


@keras.saving.register_keras_serializable(PACKAGE)
class FillMissing(keras.layers.Layer):
    """Puts a learned value where a modality is missing: x * present + fill * (1 - present).

    Takes image [N, H, W, M] and present [N, M], 1 or 0.
    """

    def build(self, shapes: list[tuple[int | None, ...]]) -> None:
        self.fill = self.add_weight(name="fill", shape=(shapes[0][-1],), initializer="zeros")

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        image, present = inputs
        there = present[:, None, None, :]
        return image * there + self.fill * (1.0 - there)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return shapes[0]

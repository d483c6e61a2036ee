"""Heads of the cascade's four stages as Keras models."""

import keras
from keras import layers

from tfmed.layers import L2NormPooling2D
from tfmed.layers.rearrange import DepthToSpace, SpaceToDepth
from tfmed.zoo.parts.bodies import RARE, convolution


def anchor_stage(top: int, channels: int, anchors: int) -> keras.Model:
    """Stage 1: scores [N, h, w, A] (logits) and moves [N, h, w, 4 A] of the anchors of each cell."""
    x = keras.Input((None, None, top), name="top")
    hidden = convolution(channels, "anchor_conv")(x)
    rare = keras.initializers.Constant(RARE)
    scores = layers.Conv2D(anchors, 1, bias_initializer=rare, name="anchor_scores", dtype="float32")(hidden)
    moves = layers.Conv2D(4 * anchors, 1, name="anchor_moves", dtype="float32")(hidden)
    return keras.Model(x, {"scores": scores, "moves": moves}, name="anchor_stage")


def _squeeze(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """L2-norm pooling down to 7 x 7, then flat."""
    while x.shape[1] > 7:
        x = L2NormPooling2D(2, mode="rms", name=f"{name}_pool{x.shape[1]}")(x)
    return layers.Flatten()(x)


def box_stage(roi: int, top: int, classes: int, hidden: int) -> keras.Model:
    """Stage 2: box features [R, roi, roi, top] to code [R, hidden], class logits [R, K], moves [R, 4]."""
    x = keras.Input((roi, roi, top), name="roi")
    code = layers.Dense(hidden, "relu", name="box_fc1")(_squeeze(x, "box"))
    code = layers.Dense(hidden, "relu", name="box_fc2")(code)
    scores = layers.Dense(classes, name="box_scores", dtype="float32")(code)
    moves = layers.Dense(4, kernel_initializer="zeros", name="box_moves", dtype="float32")(code)
    return keras.Model(x, {"code": code, "scores": scores, "moves": moves}, name="box_stage")


def mask_stage(size: int, fine: int, classes: int, hidden: int) -> keras.Model:
    """Stage 3: mask logits [R, size, size, K], the evidence in the box corrected by what the box is.

    Takes fine features [R, size/2, size/2, fine], evidence [R, size, size, K] and the box's embedding.
    """
    x = keras.Input((size // 2, size // 2, fine), name="fine")
    evidence = keras.Input((size, size, classes), name="evidence")
    code = keras.Input((hidden,), name="code")
    told = layers.Reshape((1, 1, fine))(layers.Dense(fine, name="mask_code")(code))
    both = layers.Concatenate()([x, SpaceToDepth(2)(evidence)])
    y = layers.ReLU()(layers.Add()([convolution(fine, "mask_mix", size=1, relu=False)(both), told]))
    y = convolution(fine, "mask_conv1")(y)
    y = convolution(fine, "mask_conv2")(y)
    y = layers.Conv2D(4 * classes, 1, kernel_initializer="zeros", name="mask_out", dtype="float32")(y)
    masks = layers.Add(dtype="float32")([DepthToSpace(2, dtype="float32")(y), evidence])
    return keras.Model({"fine": x, "evidence": evidence, "code": code}, masks, name="mask_stage")


def instance_stage(roi: int, top: int, classes: int, hidden: int) -> keras.Model:
    """Stage 4: features under the mask [R, roi, roi, top] and the box's code to instance logits [R, K]."""
    x = keras.Input((roi, roi, top), name="masked")
    code = keras.Input((hidden,), name="code")
    under_mask = layers.Dense(hidden, "relu", name="instance_fc1")(_squeeze(x, "instance"))
    both = layers.Concatenate()([code, under_mask])
    joint = layers.Dense(hidden, "relu", name="instance_fc2")(both)
    scores = layers.Dense(classes, name="instance_scores", dtype="float32")(joint)
    return keras.Model({"masked": x, "code": code}, scores, name="instance_stage")

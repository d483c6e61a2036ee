"""The trainable parts as Keras models: VGG-16 body with a top-down path, heads of the four stages."""

from typing import Any

import keras
from keras import layers

from tfmed.layers import L2NormPooling2D
from tfmed.layers.rearrange import DepthToSpace, FillMissing, SpaceToDepth

# Convolutions of VGG-16's five blocks, and their widths as multiples of the first.
BLOCKS = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))
# Anchors and box features live on the top-down map with a cell every 8 pixels.
ANCHOR_STRIDE = 8
# Logit of how rare lesion pixels and boxes are before anything was learnt.
RARE = -3.0


def _convolution(width: int, name: str, size: int = 3, relu: bool = True, **options: Any) -> layers.Conv2D:
    return layers.Conv2D(
        width,
        size,
        padding="same",
        activation="relu" if relu else None,
        kernel_initializer="he_normal",
        name=name,
        **options,
    )


def _pool(kind: str, name: str) -> layers.Layer:
    return layers.MaxPooling2D(2, name=name) if kind == "max" else L2NormPooling2D(2, mode="rms", name=name)


def _body(
    x: keras.KerasTensor, present: keras.KerasTensor, width: int, pooling: str
) -> list[keras.KerasTensor]:
    """The last map of each VGG block, finest first; which modalities are present shifts conv1_1."""
    maps = []
    for block, (count, multiple) in enumerate(BLOCKS, 1):
        for each in range(1, count + 1):
            name = f"conv{block}_{each}"
            if name == "conv1_1":
                x = _convolution(width, name, relu=False)(x)
                shift = layers.Reshape((1, 1, width))(
                    layers.Dense(width, use_bias=False, name="present_shift")(present)
                )
                x = layers.ReLU()(layers.Add()([x, shift]))
            else:
                x = _convolution(width * multiple, name)(x)
        maps.append(x)
        if block < len(BLOCKS):
            x = _pool(pooling, f"pool{block}")(x)
            x = layers.GroupNormalization(groups=max(width * multiple // 8, 1), name=f"norm{block}")(x)
    return maps


def features(
    channels: int,
    classes: int,
    *,
    width: int,
    stem: int,
    top: int,
    decoder: int,
    fine: int,
    pooling: str,
) -> keras.Model:
    """Image to feature maps.

    Takes image [N, H, W, channels] and present [N, channels]; H and W multiples of 16 * stem. Gives ``top``
    [N, H/8, W/8, top], ``fine`` [N, H/stem, W/stem, fine] and ``evidence`` [N, H, W, classes], logits. The
    top-down path has ``decoder`` channels below ``top``; ``fine``, which every box reads, is kept thinner.
    The compact form reads stem x stem pixel blocks as channels, so that its body runs on fewer places.
    """
    image = keras.Input((None, None, channels), name="image")
    present = keras.Input((channels,), name="present")
    x = FillMissing(name="fill")([image, present])
    maps = _body(SpaceToDepth(stem, name="stem")(x), present, width, pooling)
    strides = [stem * 2**i for i in range(len(maps))]
    path, outputs = None, {}
    for stride, each in zip(reversed(strides), reversed(maps), strict=True):
        depth = top if stride >= ANCHOR_STRIDE else decoder
        lateral = _convolution(depth, f"lateral{stride}", size=1, relu=False)(each)
        if path is None:
            path = layers.ReLU()(lateral)
        else:
            if path.shape[-1] != depth:
                path = _convolution(depth, f"narrow{stride}", size=1, relu=False)(path)
            path = layers.ReLU()(layers.Add()([layers.UpSampling2D(2)(path), lateral]))
            path = _convolution(depth, f"top_down{stride}")(path)
        if stride == ANCHOR_STRIDE:
            outputs["top"] = path
    outputs["fine"] = _convolution(fine, "fine", size=1)(path)
    rare = keras.initializers.Constant(RARE)
    evidence = layers.Conv2D(
        classes * stem * stem, 1, bias_initializer=rare, name="evidence", dtype="float32"
    )
    outputs["evidence"] = DepthToSpace(stem, dtype="float32")(evidence(path))
    return keras.Model({"image": image, "present": present}, outputs, name="features")


def anchor_stage(top: int, channels: int, anchors: int) -> keras.Model:
    """Stage 1: scores [N, h, w, A] (logits) and moves [N, h, w, 4 A] of the anchors of each cell."""
    x = keras.Input((None, None, top), name="top")
    hidden = _convolution(channels, "anchor_conv")(x)
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
    y = layers.ReLU()(layers.Add()([_convolution(fine, "mask_mix", size=1, relu=False)(both), told]))
    y = _convolution(fine, "mask_conv1")(y)
    y = _convolution(fine, "mask_conv2")(y)
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

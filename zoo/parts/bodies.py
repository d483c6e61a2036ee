"""The body that several families share: VGG-16's blocks with a top-down path, as a Keras model."""

from typing import Any

import keras
from keras import layers

from tfmed.layers import L2NormPooling2D
from tfmed.layers.rearrange import DepthToSpace, FillMissing, SpaceToDepth

# Convolutions of VGG-16's five blocks, and their widths as multiples of the first.
BLOCKS = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))
# The map that boxes are found on has a cell every 8 pixels.
TOP_STRIDE = 8
# Logit of how rare lesion pixels and boxes are before anything was learnt.
RARE = -3.0


def convolution(width: int, name: str, size: int = 3, relu: bool = True, **options: Any) -> layers.Conv2D:
    return layers.Conv2D(
        width,
        size,
        padding="same",
        activation="relu" if relu else None,
        kernel_initializer="he_normal",
        name=name,
        **options,
    )


def _pool(x: keras.KerasTensor, kind: str, name: str) -> keras.KerasTensor:
    """2 x 2 pooling: "l2", "max", or "both" side by side, as many channels again."""
    if kind == "l2":
        return L2NormPooling2D(2, mode="rms", name=name)(x)
    if kind == "max":
        return layers.MaxPooling2D(2, name=f"{name}_max")(x)
    if kind == "both":
        return layers.Concatenate(name=f"{name}_both")([_pool(x, each, name) for each in ("l2", "max")])
    raise ValueError(f"pooling is one of l2, max, both. Received: {kind}.")


def _body(
    x: keras.KerasTensor, present: keras.KerasTensor, width: int, pooling: str
) -> list[keras.KerasTensor]:
    """The last map of each VGG block, finest first; which modalities are present shifts conv1_1."""
    maps = []
    for block, (count, multiple) in enumerate(BLOCKS, 1):
        for each in range(1, count + 1):
            name = f"conv{block}_{each}"
            if name == "conv1_1":
                x = convolution(width, name, relu=False)(x)
                shift = layers.Reshape((1, 1, width))(
                    layers.Dense(width, use_bias=False, name="present_shift")(present)
                )
                x = layers.ReLU()(layers.Add()([x, shift]))
            else:
                x = convolution(width * multiple, name)(x)
        maps.append(x)
        if block < len(BLOCKS):
            x = _pool(x, pooling, f"pool{block}")
            x = layers.GroupNormalization(groups=max(width * multiple // 8, 1), name=f"norm{block}")(x)
    return maps


def _detailed(image: keras.KerasTensor, evidence: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """The evidence, corrected by what the image shows at each pixel; unchanged before anything was learnt."""
    y = layers.Concatenate()([image, evidence])
    for each in (1, 2):
        y = convolution(width, f"detail{each}")(y)
    correct = layers.Conv2D(
        evidence.shape[-1], 1, kernel_initializer="zeros", name="detail_out", dtype="float32"
    )
    return layers.Add(dtype="float32")([evidence, correct(y)])


def vgg_top_down(
    channels: int,
    classes: int,
    *,
    width: int,
    stem: int,
    top: int,
    decoder: int,
    pooling: str,
    fine: int | None = None,
    detail: int | None = None,
) -> keras.Model:
    """Image to feature maps.

    Takes image [N, H, W, channels] and present [N, channels]; H and W multiples of 16 * stem. Gives ``top``
    [N, H/8, W/8, top], ``evidence`` [N, H, W, classes], logits, and where asked for ``fine`` [N, H/stem,
    W/stem, fine], thinner than the path's last map (of ``decoder`` channels) because every box reads it.
    The compact form reads stem x stem pixel blocks as channels, so that its body runs on fewer places;
    ``detail`` channels at every pixel then correct the evidence by what the image shows there.
    """
    image = keras.Input((None, None, channels), name="image")
    present = keras.Input((channels,), name="present")
    x = FillMissing(name="fill")([image, present])
    maps = _body(SpaceToDepth(stem, name="stem")(x), present, width, pooling)
    strides = [stem * 2**i for i in range(len(maps))]
    path, outputs = None, {}
    for stride, each in zip(reversed(strides), reversed(maps), strict=True):
        depth = top if stride >= TOP_STRIDE else decoder
        lateral = convolution(depth, f"lateral{stride}", size=1, relu=False)(each)
        if path is None:
            path = layers.ReLU()(lateral)
        else:
            if path.shape[-1] != depth:
                path = convolution(depth, f"narrow{stride}", size=1, relu=False)(path)
            path = layers.ReLU()(layers.Add()([layers.UpSampling2D(2)(path), lateral]))
            path = convolution(depth, f"top_down{stride}")(path)
        if stride == TOP_STRIDE:
            outputs["top"] = path
    if fine is not None:
        outputs["fine"] = convolution(fine, "fine", size=1)(path)
    rare = keras.initializers.Constant(RARE)
    evidence = layers.Conv2D(
        classes * stem * stem, 1, bias_initializer=rare, name="evidence", dtype="float32"
    )
    outputs["evidence"] = DepthToSpace(stem, dtype="float32")(evidence(path))
    if detail is not None:
        outputs["evidence"] = _detailed(x, outputs["evidence"], detail)
    return keras.Model({"image": image, "present": present}, outputs, name="features")

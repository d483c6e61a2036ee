"""Arithmetic that other packages have as well gives the same figures there; run by ``make test-peers``."""

import numpy as np
import pytest

import tfmed

pytestmark = pytest.mark.peers


@pytest.mark.parametrize(("window", "stride"), [(2, 2), (3, 2), (3, 1)])
def test_l2_norm_pooling_and_its_gradient_are_torchs_lp_pooling(window: int, stride: int) -> None:
    import tensorflow as tf
    import torch

    x = np.random.default_rng(0).normal(size=(2, 11, 13, 5)).astype(np.float32)
    theirs = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    pooled = torch.nn.LPPool2d(2, window, stride)(theirs)
    (pooled**3).sum().backward()
    ours = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(ours)
        y = tfmed.ops.l2_norm_pool(ours, [window, window], [stride, stride])
        loss = tf.reduce_sum(y**3)
    np.testing.assert_allclose(y.numpy().transpose(0, 3, 1, 2), pooled.detach().numpy(), rtol=1e-5)
    gradient = tape.gradient(loss, ours).numpy().transpose(0, 3, 1, 2)
    np.testing.assert_allclose(gradient, theirs.grad.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_dice_and_hausdorff_distance_are_monais(seed: int) -> None:
    import torch
    from monai.metrics import compute_dice, compute_hausdorff_distance
    from scipy import ndimage

    from tfmed.evaluation.overlap import hd95, overlap

    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(2, 24, 22, 20)), (0, 3, 3, 3))
    found, truth = noise > np.quantile(noise, 0.8, axis=(1, 2, 3), keepdims=True)
    spacing = np.array([1.0, 1.5, 2.0])
    one_hot = [torch.tensor(mask[None, None].astype(np.float32)) for mask in (found, truth)]
    dice = overlap(found, truth, found.size)["dice"]
    assert dice == pytest.approx(float(compute_dice(*one_hot)), abs=1e-6)
    theirs = compute_hausdorff_distance(
        *one_hot, include_background=True, percentile=95, spacing=list(spacing)
    )
    assert hd95(found, truth, spacing, 100.0) == pytest.approx(float(theirs), rel=1e-3)

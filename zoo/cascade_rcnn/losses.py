"""Targets and loss terms of the cascade's stages; pure functions of stock TensorFlow operations.

Shapes: N images, P anchors, R sampled boxes (all images in one list), G lesions, K classes. ``truth`` is what
``tfmed.tasks.InstanceSegmentation.targets`` gives, batched.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfmed.layers import boxes as box
from tfmed.layers import roi
from tfmed.tasks.losses import cross_entropy, mean_where, smooth_l1, soft_dice
from tfmed.zoo.parts.bodies import TOP_STRIDE

Truth = dict[str, tf.Tensor]
# Of anchors [P, 4], true boxes [N, B, 4] and whether they exist [N, B].
Assign = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]

POSITIVE, NEGATIVE = 0.5, 0.3
# A lesion whose best anchor overlaps it by less than this is left to the other slices.
RESCUE = 0.2
HARDEST = 192


def _flat_truth(truth: Truth) -> tuple[tf.Tensor, tf.Tensor]:
    """All true boxes of an image in one list: [N, G*K, 4], and which of them exist [N, G*K]."""
    count = truth["boxes"].shape[1] * truth["boxes"].shape[2]
    return tf.reshape(truth["boxes"], [-1, count, 4]), tf.reshape(truth["valid"], [-1, count])


def by_overlap(
    anchors: tf.Tensor, true_boxes: tf.Tensor, exists: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Anchors [P, 4] against true boxes [N, B, 4]: positive and negative [N, P], and the box of each.

    Positive: IoU of at least .5 with a true box, or the best for one; negative: below .3 with all.
    """
    shared = box.overlap(anchors[None], true_boxes) * exists[:, None, :]
    best = tf.reduce_max(shared, -1)
    rescued = tf.logical_and(shared >= tf.reduce_max(shared, 1, keepdims=True), shared > RESCUE)
    positive = tf.cast(tf.logical_or(best >= POSITIVE, tf.reduce_any(rescued, -1)), tf.float32)
    negative = tf.cast(best < NEGATIVE, tf.float32) * (1.0 - positive)
    return positive, negative, tf.gather(true_boxes, tf.argmax(shared, -1), batch_dims=1)


def by_centre(
    cells: tf.Tensor, true_boxes: tf.Tensor, exists: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """As ``by_overlap``, for boxes that stand for the cells that they are centred on and that vote.

    Positive: in the middle half of a true box, or the cell that holds its centre; of several boxes the vote
    goes to the smallest. Negative: in no box at all.
    """
    place = ((cells[:, :2] + cells[:, 2:]) / 2.0)[None, :, None]
    size = true_boxes[..., 2:] - true_boxes[..., :2]
    away = tf.abs(place - ((true_boxes[..., :2] + true_boxes[..., 2:]) / 2.0)[:, None])

    def holds(reach: tf.Tensor) -> tf.Tensor:
        return tf.logical_and(tf.reduce_all(away <= reach[:, None], -1), exists[:, None] > 0.0)

    central = holds(tf.maximum(size / 4.0, TOP_STRIDE / 2.0))
    around = tf.logical_or(holds(size / 2.0), central)
    area = tf.where(central, box.area(true_boxes)[:, None], tf.float32.max)
    target = tf.gather(true_boxes, tf.argmin(area, -1), batch_dims=1)
    positive = tf.cast(tf.reduce_any(central, -1), tf.float32)
    return positive, 1.0 - tf.cast(tf.reduce_any(around, -1), tf.float32), target


def proposal_terms(
    scores: tf.Tensor, moves: tf.Tensor, anchors: tf.Tensor, truth: Truth, assign: Assign
) -> dict[str, tf.Tensor]:
    """Stage 1: cross-entropy over all positive and the hardest negative anchors, smooth L1 of the moves.

    scores [N, P] logits, moves [N, P, 4], anchors [P, 4]. assign: ``by_overlap`` or ``by_centre``.
    """
    positive, negative, target = assign(anchors, *_flat_truth(truth))
    error = cross_entropy(scores, positive)
    found = tf.reduce_sum(positive, -1)
    hardest = tf.math.top_k(error * negative, tf.minimum(HARDEST, tf.shape(error)[1])).values
    rank = tf.cast(tf.range(tf.shape(hardest)[1]), tf.float32)
    used = tf.cast(rank < 3.0 * found[:, None] + 8.0, tf.float32)
    total = tf.reduce_sum(error * positive) + tf.reduce_sum(hardest * used)
    count = tf.reduce_sum(found) + tf.reduce_sum(used)
    distance = smooth_l1(moves - box.encode(target, anchors[None]))
    return {
        "anchor_scores": total / count,
        "anchor_moves": mean_where(tf.reduce_sum(distance, -1), positive),
    }


def _noise(truth: Truth, shape: list[Any], low: float, high: float, salt: int) -> tf.Tensor:
    """Uniform noise that depends on the batch alone, so that a resumed run repeats it."""
    seed = tf.cast(tf.reduce_sum(truth["boxes"]), tf.int32) + tf.reduce_sum(tf.cast(truth["owner"], tf.int32))
    return tf.random.stateless_uniform(shape, tf.stack([seed, salt]), low, high)


def sample(proposals: tf.Tensor, truth: Truth, positives: int, negatives: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Boxes to train the heads on: proposals and shaken true boxes, so many good and bad ones an image.

    proposals [N, P, 4]. Returns boxes [R, 4] and the image of each, [R] int32; no gradient flows into them.
    """
    true_boxes, exists = _flat_truth(truth)
    shape = tf.shape(true_boxes)
    size = tf.maximum(true_boxes[..., 2:] - true_boxes[..., :2], 2.0)
    shake = _noise(truth, shape, -0.12, 0.12, 1) * tf.concat([size, size], -1)
    candidates = tf.concat([proposals, true_boxes + shake], 1)
    real = tf.concat([tf.ones_like(proposals[..., 0]), exists], 1)
    real *= tf.cast(box.area(candidates) >= 4.0, tf.float32)
    best = tf.reduce_max(box.overlap(candidates, true_boxes) * exists[:, None, :], -1)
    chance = _noise(truth, tf.shape(real), 0.5, 1.0, 2) * real
    good = tf.math.top_k(tf.where(best >= POSITIVE, chance, 0.0), positives)
    bad = tf.math.top_k(tf.where(best < POSITIVE, chance, 0.0), negatives)
    chosen = tf.concat([good.indices, bad.indices], 1)
    place = tf.where(tf.concat([good.values, bad.values], 1) > 0.0)
    boxes = tf.gather_nd(tf.gather(candidates, chosen, batch_dims=1), place)
    return tf.stop_gradient(boxes), tf.cast(place[:, 0], tf.int32)


def match(boxes: tf.Tensor, index: tf.Tensor, truth: Truth) -> dict[str, tf.Tensor]:
    """The truth about each box, boxes [R, 4] and index [R]: of every class whether, which lesion, and where.

    positive [R, K] (IoU of at least .5 with a true box of the class), lesion [R, K] int32, 0-based, target
    [R, 4], the true box that overlaps most whatever its class, hit [R], whether that one does by half.
    """
    true_boxes = tf.gather(truth["boxes"], index)
    exists = tf.gather(truth["valid"], index)
    classes = true_boxes.shape[2]
    shared = box.overlap(boxes[:, None, None], tf.transpose(true_boxes, [0, 2, 1, 3]))[:, :, 0]
    shared *= tf.transpose(exists, [0, 2, 1])
    positive = tf.cast(tf.reduce_max(shared, -1) >= POSITIVE, tf.float32)
    flat = tf.reshape(true_boxes, [-1, true_boxes.shape[1] * classes, 4])
    overall = tf.reshape(tf.transpose(shared, [0, 2, 1]), [-1, flat.shape[1]])
    target = tf.gather(flat, tf.argmax(overall, -1), batch_dims=1)
    hit = tf.cast(tf.reduce_max(overall, -1) >= POSITIVE, tf.float32)
    lesion = tf.argmax(shared, -1, output_type=tf.int32)
    return {"positive": positive, "lesion": lesion, "target": target, "hit": hit}


def mask_targets(boxes: tf.Tensor, index: tf.Tensor, lesion: tf.Tensor, truth: Truth, size: int) -> tf.Tensor:
    """True masks in the grids of the boxes, [R, size, size, K]: each class's region without other lesions.

    lesion [R, K] int32, 0-based, as from ``match``.
    """
    boxes = tf.stop_gradient(boxes)
    regions = roi.warp(tf.cast(truth["regions"], tf.float32), boxes, index, size, 1.0)
    owner = tf.cast(truth["owner"], tf.float32)[..., None]
    owner = tf.cast(roi.warp(owner, boxes, index, size, 1.0, "nearest"), tf.int32)
    another = tf.logical_and(owner > 0, owner != lesion[:, None, None, :] + 1)
    return tf.where(another, 0.0, regions)


def box_terms(
    name: str, scores: tf.Tensor, moves: tf.Tensor, boxes: tf.Tensor, index: tf.Tensor, truth: Truth
) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    """Stage 2: cross-entropy of every class in every box, smooth L1 of the moves of those that hit one.

    scores [R, K] logits, moves [R, 4], boxes [R, 4]. Returns the terms and the matches.
    """
    found = match(tf.stop_gradient(boxes), index, truth)
    known = tf.gather(truth["known"], index)
    distance = smooth_l1(moves - box.encode(found["target"], tf.stop_gradient(boxes)))
    terms = {
        f"{name}_scores": mean_where(cross_entropy(scores, found["positive"]), known),
        f"{name}_moves": mean_where(tf.reduce_sum(distance, -1), found["hit"]),
    }
    return terms, found


def mask_terms(
    name: str,
    masks: tf.Tensor,
    instances: tf.Tensor,
    boxes: tf.Tensor,
    grids: tf.Tensor,
    index: tf.Tensor,
    truth: Truth,
) -> dict[str, tf.Tensor]:
    """Stages 3 and 4: cross-entropy and soft Dice of masks of matched classes, cross-entropy of instances.

    masks [R, S, S, K] logits in the boxes ``grids``, instances [R, K] logits. An instance is true where
    ``boxes`` [R, 4] matches the class and the mask overlaps the true one by half (Dai et al., 2016, 3.3);
    with less overlap it is true in part, since a thin rim is real long before its mask is that good.
    """
    found = match(tf.stop_gradient(boxes), index, truth)
    true_masks = mask_targets(grids, index, found["lesion"], truth, masks.shape[1])
    error = tf.reduce_mean(cross_entropy(masks, true_masks), (1, 2))
    dice = soft_dice(masks, true_masks, (1, 2))
    drawn, real = masks > 0.0, true_masks > 0.5
    both = tf.reduce_sum(tf.cast(tf.logical_and(drawn, real), tf.float32), (1, 2))
    either = tf.reduce_sum(tf.cast(tf.logical_or(drawn, real), tf.float32), (1, 2))
    good = found["positive"] * tf.minimum(tf.math.divide_no_nan(both, either) / POSITIVE, 1.0)
    known = tf.gather(truth["known"], index)
    return {
        f"{name}_masks": 2.0 * mean_where(error, found["positive"]),
        f"{name}_dice": mean_where(dice, found["positive"]),
        f"{name}_instances": mean_where(cross_entropy(instances, good), known),
    }

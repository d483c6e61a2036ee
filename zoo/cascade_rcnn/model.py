"""The cascade as one Keras model: image in, categorised instances out, everything in the graph."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfmed.layers import anchors as anchor
from tfmed.layers import boxes as box
from tfmed.layers import roi, votes
from tfmed.tasks.losses import region_terms
from tfmed.zoo.cascade_rcnn import losses, network
from tfmed.zoo.parts.bodies import TOP_STRIDE, vgg_top_down
from tfmed.zoo.parts.slice_model import SliceModel, Tensors

# Anchors that survive scoring before suppression, and the overlap at which proposals suppress each other.
SCORED, PROPOSAL_OVERLAP = 128, 0.7
PROPOSAL_FLOOR = 0.1
SCORE_FLOOR = 0.05
POSITIVES, NEGATIVES = 3, 2
PASSES = ("first", "second")
PROPOSERS = {"anchors": losses.by_overlap, "votes": losses.by_centre}
# All masks are read off the evidence; the two passes over the boxes would outvote it.
EVIDENCE_WEIGHT = 2.0
# Of a pixel's probability: an instance knows which parts it has, the evidence where exactly they end.
EVIDENCE_SHARE = 0.5


def build(
    card: Mapping[str, Any], variant: str, modalities: tuple[str, ...], **overrides: Any
) -> keras.Model:
    """The family's builder, called by ``tfmed.zoo.get``.

    modalities: those that will be fed, a subset of the card's in any order. overrides: replace entries of the
    variant's ``config`` in the card. Raises TypeError for an unknown entry, ValueError for an unknown choice.
    """
    return CascadeRCNN(dict(card), variant, tuple(modalities), overrides)


@keras.saving.register_keras_serializable("tfmed")
class CascadeRCNN(SliceModel):
    """Instance segmentation by anchors, boxes, mask estimates and instances; see this folder's README.

    Takes ``image`` [N, H, W, M] normalised, any H and W, and ``present`` [N, M]. Gives, padded to D
    detections (score 0) and P proposals: ``boxes`` [N, D, 4] pixels, ``scores`` [N, D], ``classes`` [N, D]
    int32 from 1, ``masks`` [N, D, S, S] probabilities in the box widened by ``margin``; of the earlier stages
    ``proposals`` [N, P, 4], ``proposal_scores`` [N, P], ``stage2_boxes`` and ``stage3_masks``; and
    ``evidence`` [N, H, W, K], what each pixel is without any box, probabilities.
    """

    def _assemble(
        self,
        *,
        width: int,
        stem: int,
        top: int,
        decoder: int,
        fine: int,
        detail: int | None,
        pooling: str,
        anchor_channels: int,
        proposer: str,
        anchors: list[list[float]],
        passes: int,
        roi_size: int,
        mask_size: int,
        hidden: int,
        proposals: int,
        detections: int,
        margin: float,
    ) -> None:
        classes = self.classes
        self.stem, self.unit = stem, 16 * stem
        if proposer not in PROPOSERS or passes not in range(1, len(PASSES) + 1):
            raise ValueError(
                f"proposer is one of {', '.join(PROPOSERS)}, and passes 1 to {len(PASSES)}. "
                f"Received: {proposer} and {passes}."
            )
        self.assign, self.votes = PROPOSERS[proposer], proposer == "votes"
        self.passes, self.margin = passes, margin
        self.anchors = (
            [(votes.UNIT, votes.UNIT)] if self.votes else [(height, width) for height, width in anchors]
        )
        self.roi_size, self.mask_size = roi_size, mask_size
        self.proposal_count, self.detection_count = proposals, detections
        self.features = vgg_top_down(
            self.inputs_expected,
            classes,
            width=width,
            stem=stem,
            top=top,
            decoder=decoder,
            fine=fine,
            detail=detail,
            pooling=pooling,
        )
        self.anchor_stage = network.anchor_stage(top, anchor_channels, len(self.anchors))
        self.box_stage = network.box_stage(roi_size, top, classes, hidden)
        self.mask_stage = network.mask_stage(mask_size, fine, classes, hidden)
        self.instance_stage = network.instance_stage(roi_size, top, classes, hidden)

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:
        maps = self._maps(inputs)
        proposals, scores = self._propose(maps)
        evidence = tf.sigmoid(maps["evidence"])[:, : maps["size"][0], : maps["size"][1]]
        earlier = {"proposals": proposals, "proposal_scores": scores, "evidence": evidence}
        return earlier | self._detect(maps, proposals, scores)

    def decode(self, outputs: Tensors, height: tf.Tensor, width: tf.Tensor) -> Tensors:
        """Detections in the image: ``regions`` [N, H, W, K], the mean of a class's best score times mask and
        of its evidence, and ``owner`` [N, H, W] int32, the 1-based detection of the first class that holds
        the pixel, 0 for none.
        """
        # Of the D places most are empty, and nothing is drawn for these.
        place = tf.where(outputs["scores"] > 0.0)
        boxes, masks, scores, classes = (
            tf.gather_nd(outputs[key], place) for key in ("boxes", "masks", "scores", "classes")
        )
        image = tf.cast(place[:, 0], tf.int32)
        images = tf.shape(outputs["scores"])[0]
        pasted = self.paste(boxes, masks * scores[:, None, None], height, width)
        best = tf.math.unsorted_segment_max(pasted, image * self.classes + classes - 1, images * self.classes)
        # The largest of no detections is the lowest number.
        best = tf.reshape(tf.maximum(best, 0.0), [images, self.classes, height, width])
        held = (pasted == tf.gather(best[:, 0], image)) & (pasted > 0.5 * scores[:, None, None])
        held &= (classes == 1)[:, None, None]
        number = tf.cast(place[:, 1] + 1, tf.int32)[:, None, None]
        owner = tf.math.unsorted_segment_max(tf.where(held, number, 0), image, images)
        found = tf.transpose(best, [0, 2, 3, 1])
        mixed = found + EVIDENCE_SHARE * (outputs["evidence"] - found)
        return {"regions": mixed, "owner": tf.maximum(owner, 0)}

    def paste(self, boxes: tf.Tensor, masks: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """Every detection's mask alone in the image: [..., H, W] of ``boxes`` [..., 4] and ``masks``
        [..., S, S], as the outputs hold them.
        """
        return roi.paste(masks, box.widen(boxes, self.margin), height, width)

    def loss_terms(self, inputs: Tensors, targets: Tensors, training: bool = True) -> Tensors:
        """Weighted terms of the multi-task loss, scalars whose sum it is; ``targets`` as the task's."""
        maps = self._maps(inputs, training)
        truth = self._padded_truth(targets)
        terms = losses.proposal_terms(maps["scores"], maps["moves"], maps["anchors"], truth, self.assign)
        dense = region_terms(maps["evidence"], truth)
        terms |= {f"evidence_{name}": EVIDENCE_WEIGHT * term for name, term in dense.items()}
        proposals, _ = self._propose(maps)
        boxes, index = losses.sample(proposals, truth, POSITIVES, NEGATIVES)
        for name in PASSES[: self.passes]:
            seen = self._pass(maps, boxes, index, training)
            more, _ = losses.box_terms(name, seen["scores"], seen["moves"], boxes, index, truth)
            terms |= more
            boxes = seen["boxes"]
            terms |= losses.mask_terms(
                name, seen["masks"], seen["instances"], boxes, box.widen(boxes, self.margin), index, truth
            )
        return terms

    def _maps(self, inputs: Tensors, training: bool = False) -> Tensors:
        """Feature maps, evidence, anchors with scores and moves, of the image padded to whole cells."""
        image, present = self.all_channels(inputs)
        maps = self.features({"image": self.padded(image), "present": present}, training=training)
        found = self.anchor_stage(maps["top"], training=training)
        cells = tf.shape(maps["top"])
        count = cells[1] * cells[2] * len(self.anchors)
        return {
            **{key: tf.cast(value, tf.float32) for key, value in maps.items()},
            "scores": tf.reshape(found["scores"], [-1, count]),
            "moves": tf.reshape(found["moves"], [-1, count, 4]),
            "anchors": anchor.grid(cells[1], cells[2], TOP_STRIDE, self.anchors),
            "size": tf.shape(image)[1:3],
        }

    def _padded_truth(self, targets: Tensors) -> Tensors:
        return targets | {key: self.padded(targets[key]) for key in ("owner", "regions")}

    def _propose(self, maps: Tensors) -> tuple[tf.Tensor, tf.Tensor]:
        """Stage 1's boxes [N, P, 4] and scores [N, P], best first, overlapping ones suppressed (score 0)."""
        candidates, chances = box.decode(maps["moves"], maps["anchors"]), tf.sigmoid(maps["scores"])
        if self.votes:
            cells = tf.shape(maps["top"])
            candidates, chances = votes.tally(candidates, chances, cells[1], cells[2], TOP_STRIDE)
        top = tf.math.top_k(chances, tf.minimum(SCORED, tf.shape(chances)[1]))
        boxes = tf.gather(candidates, top.indices, batch_dims=1)
        boxes = box.clip(boxes, maps["size"][0], maps["size"][1])
        best = tf.math.top_k(box.suppress(boxes, top.values, PROPOSAL_OVERLAP), self.proposal_count)
        boxes = tf.gather(boxes, best.indices, batch_dims=1)
        return tf.stop_gradient(boxes), tf.stop_gradient(best.values)

    def _pass(self, maps: Tensors, boxes: tf.Tensor, index: tf.Tensor, training: bool = False) -> Tensors:
        """Stages 2 to 4 on boxes [R, 4]: moved boxes, masks in these widened, and instances, both logits."""
        stride, size = TOP_STRIDE, self.mask_size
        seen = roi.warp(maps["top"], boxes, index, self.roi_size, stride)
        found = self.box_stage(seen, training=training)
        moved = box.clip(box.decode(found["moves"], boxes), maps["size"][0], maps["size"][1])
        wide = box.widen(moved, self.margin)
        fine = roi.warp(maps["fine"], wide, index, size // 2, self.stem)
        # The evidence has its own dense loss; gradients through thousands of box cells would double its cost.
        evidence = roi.warp(tf.stop_gradient(maps["evidence"]), wide, index, size, 1.0)
        masks = self.mask_stage(
            {"fine": fine, "evidence": evidence, "code": found["code"]}, training=training
        )
        covered = tf.reduce_max(tf.sigmoid(masks), -1, keepdims=True)
        covered = tf.nn.avg_pool2d(covered, size // self.roi_size, size // self.roi_size, "VALID")
        masked = roi.warp(maps["top"], wide, index, self.roi_size, stride) * covered
        instances = self.instance_stage({"masked": masked, "code": found["code"]}, training=training)
        return {
            "scores": found["scores"],
            "moves": found["moves"],
            "boxes": moved,
            "masks": masks,
            "instances": instances,
        }

    def _detect(self, maps: Tensors, proposals: tf.Tensor, scores: tf.Tensor) -> Tensors:
        """All passes over the proposals that are worth it, then the best D instances of all classes."""
        # The best one always is: convolutions of no boxes at all fail.
        worth = (scores > PROPOSAL_FLOOR) | (tf.range(self.proposal_count) == 0)
        place = tf.where(worth)
        index = tf.cast(place[:, 0], tf.int32)
        first = last = self._pass(maps, tf.gather_nd(proposals, place), index)
        for _ in range(self.passes - 1):
            last = self._pass(maps, last["boxes"], index)
        chance = tf.sqrt(tf.sigmoid(last["scores"]) * tf.sigmoid(last["instances"]))
        shape = tf.shape(proposals, tf.int64)[:2]

        def spread(values: tf.Tensor) -> tf.Tensor:
            return tf.scatter_nd(place, values, tf.concat([shape, tf.shape(values, tf.int64)[1:]], 0))

        boxes = spread(last["boxes"])
        by_class = tf.transpose(spread(chance), [0, 2, 1])
        kept = box.suppress(tf.repeat(boxes[:, None], self.classes, 1), by_class, 0.5)
        kept = tf.where(kept > SCORE_FLOOR, kept, 0.0)
        best = tf.math.top_k(tf.reshape(kept, [-1, self.classes * self.proposal_count]), self.detection_count)
        which, row = best.indices // self.proposal_count, best.indices % self.proposal_count

        def chosen_mask(masks: tf.Tensor) -> tf.Tensor:
            by_row = tf.transpose(spread(tf.sigmoid(masks)), [0, 1, 4, 2, 3])
            return tf.gather_nd(by_row, tf.stack([row, which], -1), batch_dims=1)

        real = best.values > 0.0
        return {
            "boxes": tf.gather(boxes, row, batch_dims=1) * tf.cast(real, tf.float32)[..., None],
            "scores": best.values,
            "classes": tf.where(real, which + 1, 0),
            "masks": chosen_mask(last["masks"]),
            "stage2_boxes": tf.gather(spread(first["boxes"]), row, batch_dims=1),
            "stage3_masks": chosen_mask(first["masks"]),
        }

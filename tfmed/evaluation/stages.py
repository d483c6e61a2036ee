"""How good each stage of a cascade of slices is: boxes, mask estimates, categorised instances."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmed.evaluation.average_precision import IOUS, Pool, hits, pooled

STAGES = ("box", "mask", "instance")
FOUND_IOU = 0.5


@dataclass(frozen=True)
class Found:
    """Detections of one slice of H x W pixels.

    scores float [D]; classes int [D], from 1; boxes and early_boxes (after stage two) float [D, 4] as y1, x1,
    y2, x2 in pixels, half-open; masks and early_masks (stage three's estimate, in the early box) bool [D, H,
    W].
    """

    scores: np.ndarray
    classes: np.ndarray
    boxes: np.ndarray
    early_boxes: np.ndarray
    masks: np.ndarray
    early_masks: np.ndarray


@dataclass
class Tally:
    """Of one class in one case. `accuracies` by stage: one value a true instance (see `ClassSlice`); `dices`
    of mask and instance: sums (2 |A and B|, |A| + |B|) in pixels; `boxes` and `masks`: what average precision
    needs.
    """

    accuracies: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    dices: dict[str, tuple[float, float]] = field(default_factory=dict)
    boxes: list[Pool] = field(default_factory=list)
    masks: list[Pool] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold; the pools of all slices as one."""
        pools = {
            kind: {
                "scores": pool.scores.tolist(),
                "hits": pool.hits.astype(int).tolist(),
                "truths": pool.truths,
            }
            for kind, pool in (("boxes", pooled(self.boxes)), ("masks", pooled(self.masks)))
        }
        return {"accuracies": self.accuracies, "dices": self.dices, **pools}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Tally":
        """Of what `as_dict` gave."""
        boxes, masks = (
            [
                Pool(
                    np.array(each["scores"]),
                    np.array(each["hits"], bool).reshape(-1, len(IOUS)),
                    each["truths"],
                )
            ]
            for each in (plain["boxes"], plain["masks"])
        )
        dices = {stage: (both, total) for stage, (both, total) in plain["dices"].items()}
        return cls(dict(plain["accuracies"]), dices, boxes, masks)

    def accuracy(self, stage: str) -> float | None:
        """Mean over true instances; None without any."""
        values = self.accuracies[stage]
        return float(np.mean(values)) if values else None

    def dice(self, stage: str) -> float | None:
        """Over all pixels of all slices; None where neither mask has any."""
        both, total = self.dices.get(stage, (0, 0))
        return both / total if total else None

    def add(self, found: Found, boxes: np.ndarray, masks: np.ndarray, region: np.ndarray) -> None:
        """One slice.

        Args:
            found: detections of this class alone.
            boxes, masks: of the true instances, float [G, 4] and bool [G, H, W].
            region: bool [H, W], every pixel of the class, also those of instances too small for a box.
        """
        early = box_iou(found.early_boxes, boxes)
        late = box_iou(found.boxes, boxes)
        union = _union(found.masks, np.zeros(region.shape, bool))
        for g in range(len(boxes)):
            best = int(np.argmax(early[:, g])) if len(early) else -1
            hit = best >= 0 and early[best, g] >= FOUND_IOU
            self.accuracies["box"].append(float(hit))
            if hit:
                window = _window(found.early_boxes[best], region.shape)
                self.accuracies["mask"].append(
                    float((found.early_masks[best][window] == masks[g][window]).mean())
                )
            box = boxes[g]
            if len(late) and late[:, g].max() >= FOUND_IOU:
                box = _around(box, found.boxes[int(np.argmax(late[:, g]))])
            window = _window(box, region.shape)
            self.accuracies["instance"].append(float((union[window] == region[window]).mean()))
        early_union = _union(found.early_masks, union)
        self._add_dice("mask", early_union, region)
        self._add_dice("instance", union, region)
        for pools, iou in ((self.boxes, late), (self.masks, mask_iou(found.masks, masks))):
            pools.append(Pool(found.scores, hits(found.scores, iou), len(boxes)))

    def _add_dice(self, stage: str, found: np.ndarray, truth: np.ndarray) -> None:
        both, total = self.dices.get(stage, (0, 0))
        self.dices[stage] = (
            both + 2 * int((found & truth).sum()),
            total + int(found.sum()) + int(truth.sum()),
        )


def add_slice(tallies: Mapping[int, Tally], found: Found, truth: Mapping[str, np.ndarray]) -> None:
    """Adds one slice to the tally of every class that its labels know.

    Args:
        tallies: by class id, from 1.
        found: all detections of the slice.
        truth: the task's targets of the slice: regions [H, W, K], owner [H, W], boxes [G, K, 4], valid [G,
        K],
            known [K].
    """
    for number, tally in tallies.items():
        k = number - 1
        region = truth["regions"][..., k].astype(bool)
        mine = found.classes == number
        if not truth["known"][k] or not (region.any() or mine.any()):
            continue
        there = np.flatnonzero(truth["valid"][:, k])
        masks = np.array([(truth["owner"] == g + 1) & region for g in there], bool).reshape(-1, *region.shape)
        chosen = Found(**{name: values[mine] for name, values in vars(found).items()})
        tally.add(chosen, truth["boxes"][there, k], masks, region)


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU [A, B] of boxes [A, 4] and [B, 4] as y1, x1, y2, x2, half-open; 0 for boxes without area."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(-1)
    area = [np.clip(each[:, 2:] - each[:, :2], 0, None).prod(-1) for each in (a, b)]
    either = area[0][:, None] + area[1][None] - both
    return np.divide(both, either, out=np.zeros(both.shape), where=either > 0)


def mask_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU [A, B] of masks bool [A, H, W] and [B, H, W]; 0 where both are empty."""
    first, second = (
        each.reshape(len(each), int(np.prod(each.shape[1:]))).astype(np.float32) for each in (a, b)
    )
    both = first @ second.T
    either = first.sum(1)[:, None] + second.sum(1)[None] - both
    return np.divide(both, either, out=np.zeros(both.shape), where=either > 0)


def _around(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.concatenate([np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])])


def _union(masks: np.ndarray, default: np.ndarray) -> np.ndarray:
    """bool [H, W] of masks bool [D, H, W]; the default where there are none."""
    return np.logical_or.reduce(masks, 0) if len(masks) else default


def _window(box: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The pixels that a box touches, one at least."""
    y1, x1 = (int(np.clip(np.floor(low), 0, n - 1)) for low, n in zip(box[:2], shape, strict=True))
    y2, x2 = (int(np.clip(np.ceil(high), 1, n)) for high, n in zip(box[2:], shape, strict=True))
    return slice(y1, max(y2, y1 + 1)), slice(x1, max(x2, x1 + 1))

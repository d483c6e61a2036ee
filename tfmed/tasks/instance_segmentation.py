"""Instance segmentation of lesions in slices: one lesion, several nested regions, a box and a mask for each.

A lesion is one connected component of the card's first class in the slice. Every class of the card is a
region of the lesion (whole, core, enhancing, ...), so a lesion gives up to K instances with a box each.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from tfmed.errors import TfmedError

MAX_LESIONS = 4
MIN_PIXELS = 4
CONNECTED = np.ones((3, 3), bool)


class InstanceSegmentation:
    """Targets, scores and overlays for models whose outputs are boxes, classes, scores and masks of a slice.

    ``card["outputs"]["classes"]`` lists the K regions, the whole lesion first; ``values`` of each gives, by
    label edition, the label values that make it up. An edition missing there has no label for the region.
    """

    name = "instance_segmentation"

    def __init__(self, card: Mapping[str, Any]) -> None:
        self.classes = card["outputs"]["classes"]
        self.colours = np.array([c["colour"] for c in self.classes], np.float32)

    def lookup(self, edition: str) -> tuple[np.ndarray, np.ndarray]:
        """Table [256, K] bool of which label value belongs to which region, and [K] float32, 1 where known.

        Raises TfmedError for an edition that no class lists.
        """
        if not any(edition in c["values"] for c in self.classes):
            known = sorted({e for c in self.classes for e in c["values"]})
            raise TfmedError(f"The labels are of edition {edition!r}; this model reads {', '.join(known)}.")
        table = np.zeros((256, len(self.classes)), bool)
        for k, each in enumerate(self.classes):
            table[each["values"].get(edition, []), k] = True
        known = np.array([edition in c["values"] for c in self.classes], np.float32)
        return table, known

    def targets(self, labels: np.ndarray, edition: str) -> dict[str, np.ndarray]:
        """Targets of one slice.

        labels: [H, W] integer values of ``edition``. Returns regions [H, W, K] uint8; owner [H, W] uint8, the
        1-based lesion of each pixel; boxes [G, K, 4] float32 as y1, x1, y2, x2 in pixels, half-open; valid
        [G, K] float32, 1 where the lesion has this region; known [K] float32, 1 where the edition labels it.
        The largest G = MAX_LESIONS lesions count; regions smaller than MIN_PIXELS get no box.
        """
        table, known = self.lookup(edition)
        count = len(self.classes)
        regions, owner = np.zeros((*labels.shape, count), np.uint8), np.zeros(labels.shape, np.uint8)
        boxes, valid = (
            np.zeros((MAX_LESIONS, count, 4), np.float32),
            np.zeros((MAX_LESIONS, count), np.float32),
        )
        # Most of a slice holds no label, and its many passes cost as much as a third of all augmentation.
        (labelled,) = ndimage.find_objects((labels != 0).view(np.uint8), 1)
        if labelled is not None:
            regions[labelled] = inside = table[labels[labelled]]
            owner[labelled] = owners = _owners(inside[..., 0])
            top, left = labelled[0].start, labelled[1].start
            for k in range(count):
                part = np.where(inside[..., k], owners, 0)
                pixels = np.bincount(part.ravel(), minlength=MAX_LESIONS + 1)
                for g, window in enumerate(ndimage.find_objects(part, MAX_LESIONS)):
                    if window is not None and pixels[g + 1] >= MIN_PIXELS:
                        rows, columns = window
                        boxes[g, k] = (
                            top + rows.start,
                            left + columns.start,
                            top + rows.stop,
                            left + columns.stop,
                        )
                        valid[g, k] = 1
        return {"regions": regions, "owner": owner, "boxes": boxes, "valid": valid, "known": known}

    def scores(
        self, targets: Mapping[str, np.ndarray], regions: np.ndarray
    ) -> dict[str, tuple[float, float]]:
        """Overlap of decoded region probabilities with the truth over a batch of slices.

        regions: [N, H, W, K] probabilities. Returns for each known class (2 |A and B|, |A| + |B|) in pixels,
        so that sums over batches divide to one Dice over all pixels.
        """
        found = regions > 0.5
        truth = targets["regions"].astype(bool)
        both = (found & truth).sum((0, 1, 2)).astype(float)
        total = found.sum((0, 1, 2)) + truth.sum((0, 1, 2)).astype(float)
        known = targets["known"].min(0) > 0
        return {c["name"]: (2 * both[k], total[k]) for k, c in enumerate(self.classes) if known[k]}

    def overlay(self, image: np.ndarray, regions: np.ndarray) -> np.ndarray:
        """Pictures for people: the first channel in grey, regions in the card's colours, smaller ones on top.

        image: [N, H, W, M] normalised; regions: [N, H, W, K] probabilities or masks.
        Returns [N, H, W, 3] uint8.
        """
        grey = np.clip(image[..., :1] * 40 + 90, 0, 255) * np.ones(3, np.float32)
        drawn = grey.copy()
        for k in np.argsort(-regions.sum((0, 1, 2)), kind="stable"):
            inside = regions[..., k, None] > 0.5
            drawn = np.where(inside, 0.45 * grey + 0.55 * self.colours[k], drawn)
        return drawn.astype(np.uint8)


def _owners(whole: np.ndarray) -> np.ndarray:
    """The 1-based lesion of each pixel [h, w], the largest first; 0 outside and in all beyond MAX_LESIONS."""
    components, count = ndimage.label(whole, CONNECTED)
    sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")[:MAX_LESIONS]
    rank = np.zeros(count + 1, np.uint8)
    rank[order + 1] = np.arange(1, len(order) + 1)
    return rank[components]

"""Semantic segmentation of slices: whether a pixel belongs to a lesion, and to each of its nested regions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmed.errors import TfmedError


class SemanticSegmentation:
    """Targets, scores and overlays for models that give each pixel's probability of every region.

    ``card["outputs"]["classes"]`` lists the K regions, the whole lesion first; ``values`` of each gives, by
    label edition, the label values that make it up. An edition missing there has no label for the region.
    """

    name = "semantic_segmentation"

    def __init__(self, card: Mapping[str, Any]) -> None:
        self.classes = card["outputs"]["classes"]
        self.colours = np.array([c["colour"] for c in self.classes], np.float32)

    def lookup(self, edition: str) -> tuple[np.ndarray, np.ndarray]:
        """Table [256, K] bool of which label value belongs to which region, and [K] float32, 1 where known.

        Raises TfmedError for an edition that no class lists.
        """
        if not any(edition in c["values"] for c in self.classes):
            editions = sorted({e for c in self.classes for e in c["values"]})
            raise TfmedError(
                f"The labels are of edition {edition!r}; this model reads {', '.join(editions)}."
            )
        table = np.zeros((256, len(self.classes)), bool)
        for k, each in enumerate(self.classes):
            table[each["values"].get(edition, []), k] = True
        known = np.array([edition in c["values"] for c in self.classes], np.float32)
        return table, known

    def targets(self, labels: np.ndarray, edition: str) -> dict[str, np.ndarray]:
        """Targets of one slice.

        labels: [H, W] integer values of ``edition``. Returns regions [H, W, K] uint8, and known [K] float32,
        1 where the edition labels the region.
        """
        table, known = self.lookup(edition)
        regions = np.zeros((*labels.shape, len(self.classes)), np.uint8)
        window = labelled_window(labels)
        if window is not None:
            regions[window] = table[labels[window]]
        return {"regions": regions, "known": known}

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


def labelled_window(labels: np.ndarray) -> tuple[slice, slice] | None:
    """Rows and columns of a slice [H, W] that hold a label other than 0; None where none does.

    Most of a slice holds none, and its many passes cost as much as a third of all augmentation.
    """
    from scipy import ndimage

    return ndimage.find_objects((labels != 0).view(np.uint8), 1)[0]

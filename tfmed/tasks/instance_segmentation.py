"""Instance segmentation of lesions in slices: one lesion, several nested regions, a box and a mask for each.

A lesion is one connected component of the card's first class in the slice. Every class of the card is a
region of the lesion (whole, core, enhancing, ...), so a lesion gives up to K instances with a box each.
"""

import numpy as np
from scipy import ndimage

from tfmed.tasks.semantic_segmentation import SemanticSegmentation, labelled_window

MAX_LESIONS = 4
MIN_PIXELS = 4
CONNECTED = np.ones((3, 3), bool)


class InstanceSegmentation(SemanticSegmentation):
    """For models whose outputs are boxes, classes, scores and masks of the lesions in a slice."""

    name = "instance_segmentation"

    def targets(self, labels: np.ndarray, edition: str) -> dict[str, np.ndarray]:
        """Targets of one slice.

        labels: [H, W] integer values of ``edition``. Returns regions and known of semantic segmentation,
        and owner [H, W] uint8, the 1-based lesion of each pixel; boxes [G, K, 4] float32 as y1, x1, y2, x2 in
        pixels, half-open; valid [G, K] float32, 1 where the lesion has this region. The largest
        G = MAX_LESIONS lesions count; regions smaller than MIN_PIXELS get no box.
        """
        dense = super().targets(labels, edition)
        count = len(self.classes)
        owner = np.zeros(labels.shape, np.uint8)
        boxes = np.zeros((MAX_LESIONS, count, 4), np.float32)
        valid = np.zeros((MAX_LESIONS, count), np.float32)
        window = labelled_window(labels)
        if window is not None:
            inside = dense["regions"][window]
            owner[window] = owners = _owners(inside[..., 0])
            corner = np.array([window[0].start, window[1].start] * 2)
            for k in range(count):
                part = np.where(inside[..., k], owners, 0)
                pixels = np.bincount(part.ravel(), minlength=MAX_LESIONS + 1)
                for g, found in enumerate(ndimage.find_objects(part, MAX_LESIONS)):
                    if found is not None and pixels[g + 1] >= MIN_PIXELS:
                        rows, columns = found
                        edges = rows.start, columns.start, rows.stop, columns.stop
                        boxes[g, k] = np.add(corner, edges)
                        valid[g, k] = 1
        return dense | {"owner": owner, "boxes": boxes, "valid": valid}


def _owners(whole: np.ndarray) -> np.ndarray:
    """The 1-based lesion of each pixel [h, w], the largest first; 0 outside and in all beyond MAX_LESIONS."""
    components, count = ndimage.label(whole, CONNECTED)
    sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")[:MAX_LESIONS]
    rank = np.zeros(count + 1, np.uint8)
    rank[order + 1] = np.arange(1, len(order) + 1)
    return rank[components]

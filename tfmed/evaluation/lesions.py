"""Scores lesion by lesion: after BraTS 2023, by matching, and panoptic quality."""

from dataclasses import dataclass

import numpy as np

from tfmed.evaluation.overlap import Scores, dice, hd95
from tfmed.inference.boxes import mask_box

MIN_LESION_MM3 = 50.0
MATCH_IOU = 0.1
PANOPTIC_IOU = 0.5
# BraTS 2023: how far parts of one lesion may lie apart, and the distance that a missed or false one costs.
SAME_LESION_VOXELS = 3
PENALTY_MM = 374.0


def lesion_wise(found: np.ndarray, truth: np.ndarray, spacing_mm: np.ndarray) -> Scores:
    """`lesion_dice` and `lesion_hd95_mm` of bool [X, Y, Z] as BraTS 2023 defines them.

    Components (26 neighbours) of the truth that touch once dilated three times (18 neighbours) are one
    lesion. Each lesion of more than 50 mm3 is compared with all found components that touch its dilated self;
    a score is the sum over these lesions, and over found components that touch no lesion at all (Dice 0, 374
    mm), divided by the number of both. A lesion that nothing touches has Dice 0 and 374 mm. Smaller lesions
    count neither way. Nothing to count is Dice 1 and 0 mm.

    Source: Saluja et al., github.com/rachitsaluja/BraTS-2023-Metrics; its surface distances are weighted by
    area, ours are those of `hd95`.
    """
    lesions, near = _grouped(truth)
    pieces = components(found)
    dices, distances = [], []
    for number in range(1, int(lesions.max(initial=0)) + 1):
        lesion = lesions == number
        if lesion.sum() * np.prod(spacing_mm) > MIN_LESION_MM3:
            touching = np.unique(pieces[near == number])
            hit = np.isin(pieces, touching[touching > 0])
            box = mask_box(hit | lesion)
            dices.append(dice(hit, lesion))
            distances.append(hd95(hit[box], lesion[box], spacing_mm, PENALTY_MM))
    touched = np.unique(pieces[near > 0])
    false = int(pieces.max(initial=0)) - int((touched > 0).sum())
    count = len(dices) + false
    return {
        "lesion_dice": float(sum(dices) / count) if count else 1.0,
        "lesion_hd95_mm": float((sum(distances) + false * PENALTY_MM) / count) if count else 0.0,
    }


@dataclass(frozen=True)
class Matches:
    """Lesions of 50 mm3 and more of two instance maps, and how they overlap.

    iou: float [F, T], found lesions by true ones. numbers: int [F], the found ones' values in their map.
    """

    iou: np.ndarray
    numbers: np.ndarray

    def pairs(self, least: float) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the one-to-one assignment with the greatest sum of IoU, among IoU >= least."""
        from scipy.optimize import linear_sum_assignment

        allowed = np.where(self.iou >= least, self.iou, 0)
        rows, columns = linear_sum_assignment(-allowed)
        kept = allowed[rows, columns] > 0
        return rows[kept], columns[kept]

    def f1(self, least: float) -> float:
        """2 TP / (2 TP + FP + FN); 1 where there is no lesion on either side."""
        hits, total = len(self.pairs(least)[0]), sum(self.iou.shape)
        return 2 * hits / total if total else 1.0

    def false(self, least: float) -> int:
        """Found lesions without a pair."""
        return len(self.numbers) - len(self.pairs(least)[0])

    def scores(self) -> Scores:
        """Lesion F1 and false lesions at IoU >= .1; panoptic quality and its factors at IoU >= .5.

        PQ = SQ x RQ (Kirillov et al., Panoptic Segmentation, 2019): mean IoU of the pairs, and their F1. SQ
        is None without a pair, PQ then 0, or 1 where there is no lesion on either side.
        """
        recognition = self.f1(PANOPTIC_IOU)
        paired = self.iou[self.pairs(PANOPTIC_IOU)]
        quality = float(paired.mean()) if paired.size else None
        return {
            "lesion_f1": self.f1(MATCH_IOU),
            "false_lesions": float(self.false(MATCH_IOU)),
            "pq": recognition if quality is None else recognition * quality,
            "sq": quality,
            "rq": recognition,
        }


def match(found: np.ndarray, truth: np.ndarray, voxel_mm3: float) -> Matches:
    """How the lesions of two instance maps int [X, Y, Z] (0 none) overlap; those under 50 mm3 are left
    out.
    """
    large_found, large_truth = (np.flatnonzero(_large(each, voxel_mm3)) for each in (found, truth))
    return Matches(_iou_table(found, truth)[np.ix_(large_found, large_truth)], large_found)


def components(mask: np.ndarray) -> np.ndarray:
    """26-connected components of bool [X, Y, Z], int32, numbered from 1."""
    from scipy import ndimage

    return ndimage.label(mask, np.ones((3, 3, 3)))[0]


def _grouped(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lesions of a mask whose parts may lie a little apart, and the same dilated."""
    from scipy import ndimage

    padded = np.pad(mask, SAME_LESION_VOXELS)
    structure = ndimage.generate_binary_structure(3, 2)
    near = components(ndimage.binary_dilation(padded, structure, iterations=SAME_LESION_VOXELS))
    inner = tuple(slice(SAME_LESION_VOXELS, -SAME_LESION_VOXELS) for _ in range(3))
    return near[inner] * mask, near[inner]


def _large(instances: np.ndarray, voxel_mm3: float) -> np.ndarray:
    """bool by instance number from 0 (which is no instance)."""
    large = np.bincount(instances.ravel()) * voxel_mm3 >= MIN_LESION_MM3
    large[0] = False
    return large


def _iou_table(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of every instance of `a` (rows) with every one of `b` (columns), by number from 0."""
    rows, columns = int(a.max()) + 1, int(b.max()) + 1
    pairs = a.ravel().astype(np.int64) * columns + b.ravel()
    both = np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)
    either = both.sum(1, keepdims=True) + both.sum(0, keepdims=True) - both
    return both / np.maximum(either, 1)

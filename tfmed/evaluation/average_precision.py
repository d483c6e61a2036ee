"""Average precision as COCO defines it: instances pooled over slices, precision interpolated at 101 recalls.

Source: Lin et al., Microsoft COCO, 2014, and its reference implementation (pycocotools).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from tfmed.evaluation.bootstrap import Interval, interval_of_draws

IOUS = np.arange(10) * 0.05 + 0.5
RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Pool:
    """Detections of one class: scores float [n], hits bool [n, thresholds], and how many true instances there
    are.
    """

    scores: np.ndarray
    hits: np.ndarray
    truths: int


def hits(scores: np.ndarray, iou: np.ndarray, ious: np.ndarray = IOUS) -> np.ndarray:
    """Which detections of a slice match a true instance: bool [n, thresholds].

    The surer chooses first, the true instance that is still free with the greatest IoU of at least the
    threshold.

    Args:
        scores: float [n].
        iou: float [n, truths], of boxes or of masks.
        ious: float [thresholds].
    """
    found = np.zeros((len(scores), len(ious)), bool)
    if not iou.size:
        return found
    for column, least in enumerate(ious):
        free = np.ones(iou.shape[1], bool)
        for row in np.argsort(-scores, kind="stable"):
            overlaps = np.where(free, iou[row], -1)
            best = int(np.argmax(overlaps))
            if overlaps[best] >= min(least, 1 - 1e-10):
                free[best], found[row, column] = False, True
    return found


def pooled(pools: Sequence[Pool]) -> Pool:
    """All detections of several slices or cases."""
    columns = next((pool.hits.shape[1] for pool in pools), len(IOUS))
    return Pool(
        np.concatenate([np.zeros(0), *(pool.scores for pool in pools)]),
        np.concatenate([np.zeros((0, columns), bool), *(pool.hits for pool in pools)]),
        sum(pool.truths for pool in pools),
    )


def average_precision(
    scores: np.ndarray, found: np.ndarray, truths: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Average precision [thresholds] of detections; 0 without any.

    Args:
        scores: float [n].
        found: bool [n, thresholds], see `hits`.
        truths: number of true instances, more than 0.
        weights: how often each detection counts; once by default.
    """
    order = np.argsort(-scores, kind="stable")
    counted = (np.ones(len(order)) if weights is None else weights[order])[:, None]
    true = np.cumsum(found[order] * counted, 0)
    total = np.cumsum(counted, 0)
    precision = np.divide(true, total, out=np.zeros_like(true), where=total > 0)
    envelope = np.maximum.accumulate(precision[::-1], 0)[::-1]
    # A rounding error in the recall must not lose the last of its points.
    recall = true / truths + 1e-12
    places = [np.searchsorted(column, RECALLS) for column in recall.T]
    padded = np.append(envelope, np.zeros((1, found.shape[1])), 0)
    return np.array([padded[place, column].mean() for column, place in enumerate(places)])


def interval(
    cases: Sequence[Pool], units: Sequence[Hashable], thresholds: slice, seed: int = 0, draws: int = 300
) -> Interval:
    """Mean average precision over some thresholds, with a 95 % interval that resamples units with all their
    cases.

    `n` is the number of true instances; None without any.
    """
    everything = pooled(cases)
    if not everything.truths:
        return Interval(None, 0, 0, None)
    names = sorted({str(unit) for unit in units})
    unit_of = np.array([names.index(str(unit)) for unit in units])
    truths = np.array([pool.truths for pool in cases])
    case_of = np.repeat(np.arange(len(cases)), [len(pool.scores) for pool in cases])
    found = everything.hits[:, thresholds]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws if len(names) > 1 else 0):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))[unit_of]
        if times @ truths:
            weights = times[case_of].astype(float)
            values.append(average_precision(everything.scores, found, times @ truths, weights).mean())
    mean = float(average_precision(everything.scores, found, everything.truths).mean())
    spread = interval_of_draws(np.array(values), len(names)) if values else None
    return Interval(mean, everything.truths, len(names), spread)

"""From the mean score of a lesion's detections, and its size, to the chance that it is real."""

from dataclasses import dataclass

import numpy as np

# Scores of exactly 0 and 1 have no logit, and no voxels no logarithm.
NEAREST = 1e-6


@dataclass(frozen=True)
class ConfidenceMap:
    """p = sigmoid(slope x logit(score) + size x ln(ml) + offset), rising in both (Platt, 1999, on logits).

    What fools a model is small, so a lesion's volume tells, too. Stands in a card's ``fusion.confidence``,
    with the `cases` and `lesions` that it was fitted on.
    """

    slope: float
    size: float
    offset: float
    cases: int = 0
    lesions: int = 0

    def __call__(self, score: float, volume_ml: float) -> float:
        """The probability, 0..1, for a score, 0..1, and a volume."""
        return float(1 / (1 + np.exp(-(features(score, volume_ml) @ (self.slope, self.size, self.offset)))))


def features(scores: np.ndarray | float, volumes_ml: np.ndarray | float) -> np.ndarray:
    """[..., 3]: what slope, size and offset multiply."""
    volumes = np.log(np.maximum(volumes_ml, NEAREST))
    return np.stack([logit(scores), volumes, np.ones_like(volumes)], -1)


def logit(score: float | np.ndarray) -> np.ndarray:
    """log(p / (1 - p)), finite at 0 and 1."""
    clipped = np.clip(np.asarray(score, np.float64), NEAREST, 1 - NEAREST)
    return np.log(clipped / (1 - clipped))

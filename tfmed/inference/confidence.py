"""From the mean score of a lesion's detections to the chance that it is real."""

from dataclasses import dataclass

import numpy as np

# Scores of exactly 0 and 1 have no logit.
NEAREST = 1e-6


@dataclass(frozen=True)
class ConfidenceMap:
    """p = sigmoid(slope x logit(score) + offset), rising in the score (Platt, 1999, on logits).

    Stands in a card's ``fusion.confidence``, with the `cases` and `lesions` that it was fitted on.
    """

    slope: float
    offset: float
    cases: int = 0
    lesions: int = 0

    def __call__(self, score: float) -> float:
        """The probability for a score, both 0..1."""
        return float(1 / (1 + np.exp(-(self.slope * logit(score) + self.offset))))


def logit(score: float | np.ndarray) -> np.ndarray:
    """log(p / (1 - p)), finite at 0 and 1."""
    clipped = np.clip(np.asarray(score, np.float64), NEAREST, 1 - NEAREST)
    return np.log(clipped / (1 - clipped))

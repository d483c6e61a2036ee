"""Means with intervals that resample patients, not scans: two scans of one person are no two facts."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over `n` values of `patients` patients (or people) and its 95 % interval (None below two)."""

    mean: float | None
    n: int
    patients: int
    interval: tuple[float, float] | None


def mean_interval(
    values: Sequence[float | None], patients: Sequence[Hashable], seed: int = 0, draws: int = DRAWS
) -> Interval:
    """Mean of the values that are not None, with a percentile bootstrap interval over patients.

    Args:
        values: one a case; None where the score is undefined.
        patients: the patient of each; a patient is drawn with all cases.
        seed: of the draws; the same values give the same interval.
        draws: number of resamples.
    """
    kept = [(value, patient) for value, patient in zip(values, patients, strict=True) if value is not None]
    if not kept:
        return Interval(None, 0, 0, None)
    names = sorted({str(patient) for _, patient in kept})
    index = np.array([names.index(str(patient)) for _, patient in kept])
    numbers = np.array([value for value, _ in kept], np.float64)
    sums, counts = np.bincount(index, numbers), np.bincount(index)
    mean = float(numbers.mean())
    drawn = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    return Interval(mean, len(kept), len(names), interval_of_draws(means, len(names)))


def interval_of_draws(values: np.ndarray, units: int) -> tuple[float, float] | None:
    """The middle 95 % of resampled figures; None below two units, whose draws are all alike."""
    if units < 2:
        return None
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def paired_difference(
    first: Sequence[float | None],
    second: Sequence[float | None],
    patients: Sequence[Hashable],
    seed: int = 0,
) -> Interval:
    """Mean of second - first over cases where both are defined; an interval without 0 tells them apart."""
    pairs = zip(first, second, strict=True)
    differences = [None if a is None or b is None else b - a for a, b in pairs]
    return mean_interval(differences, patients, seed)

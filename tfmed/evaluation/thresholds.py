"""Thresholds of a card's fusion, chosen where they make the mean Dice over validation cases largest."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tfmed.evaluation.scorers import true_regions
from tfmed.inference.graph import StudyPredictor
from tfmed.inference.working import working_volume
from tfmed.study import Study

LEVELS = 256
# Below a tenth a region would be all noise, above nine tenths it would be lost by rounding.
ALLOWED = slice(26, 230)


def dice_by_level(probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Dice of ``probability >= level`` against ``truth`` for every level 0..255, float64 [256].

    Both [X, Y, Z], probability uint8 in 255ths, truth bool. 1 where both are empty.
    """
    everywhere = np.bincount(probability.ravel(), minlength=LEVELS)
    inside = np.bincount(probability[truth], minlength=LEVELS)
    found, both = (np.cumsum(counts[::-1])[::-1] for counts in (everywhere, inside))
    total = found + truth.sum()
    return np.where(total > 0, 2 * both / np.maximum(total, 1), 1.0)


def choose(model: Any, studies: Iterable[Study]) -> dict[str, float]:
    """The best threshold of each region over labelled studies, on the fused probability of three views.

    Studies whose truth lacks a region say nothing about it; a region that no study holds gets no threshold.
    """
    predictor = StudyPredictor(model, probability=True)
    curves: dict[str, list[np.ndarray]] = {}
    for study in studies:
        working = working_volume(study, tuple(model.modalities))
        fused = predictor(working.volume, working.present)["probability"]
        for name, truth in true_regions(study, predictor.rules).items():
            if truth.any():
                channel = fused[..., predictor.rules.names.index(name)]
                curves.setdefault(name, []).append(dice_by_level(working.restore(channel), truth))
    best = {name: np.mean(each, 0)[ALLOWED].argmax() + ALLOWED.start for name, each in curves.items()}
    return {name: round(float(level) / (LEVELS - 1), 2) for name, level in best.items()}

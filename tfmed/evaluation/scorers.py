"""What is scored in each task: a prediction and a study in, scores by group out; one class a task.

A scorer names its groups (regions, classes, views: the lines of a table) and its metrics, and scores a
prediction. All else (cases, failures, means, intervals, comparisons, tables) is shared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from tfmed import geometry
from tfmed.errors import TfmedError
from tfmed.evaluation.lesions import MATCH_IOU, components, match
from tfmed.evaluation.metrics import METRICS, region_scores
from tfmed.evaluation.overlap import Scores, overlap
from tfmed.inference.rules import Rules
from tfmed.study import Study

RATES = ("accuracy", "sensitivity", "specificity")
HEALTHY = "healthy"
VIEWS = ("axial", "coronal", "sagittal")


@dataclass(frozen=True)
class Candidate:
    """A found lesion: how sure the model is, its IoU with the true lesion it covers best, whether it is that
    one's only match (IoU >= .1, one to one), and its volume.
    """

    confidence: float
    iou: float
    matched: bool
    volume_ml: float


@dataclass(frozen=True)
class Scored:
    """Scores by group, and of models that find lesions each of these and how many there are.

    candidates is None where a predictor has no confidence. healthy: the truth holds no lesion at all.
    """

    scores: dict[str, Scores]
    candidates: list[Candidate] | None = None
    true_lesions: int = 0
    healthy: bool = False


class Scorer(Protocol):
    """How one task is scored."""

    @property
    def groups(self) -> tuple[str, ...]: ...

    @property
    def metrics(self) -> tuple[str, ...]: ...

    def score(self, prediction: Any, study: Study) -> Scored:
        """TfmedError where the study holds nothing to compare with."""


@dataclass(frozen=True)
class Prediction:
    """Labels [X, Y, Z] of the rules' edition on the study's grid, which lesion each voxel belongs to (from
    1), and the confidence of lesions 1, 2, ... where the predictor has any."""

    labels: np.ndarray
    instances: np.ndarray | None = None
    confidences: tuple[float, ...] | None = None


@dataclass(frozen=True)
class InstanceSegmentation:
    """Regions of lesions, voxel by voxel and lesion by lesion."""

    rules: Rules
    metrics: tuple[str, ...] = METRICS
    groups: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", self.rules.names)

    def score(self, prediction: Prediction, study: Study) -> Scored:
        truth = true_regions(study, self.rules)
        first = self.rules.regions[0]
        scores = {}
        for region in self.rules.regions:
            if region.name in truth:
                found = np.isin(prediction.labels, sorted(region.values[self.rules.edition]))
                # The model's instances are whole lesions; a part's are its connected components.
                instances = prediction.instances if region is first else None
                scores[region.name] = region_scores(found, truth[region.name], study.affine, instances)
        whole = truth.get(first.name, np.zeros(study.shape, bool))
        candidates, there = _candidates(prediction, whole, study.affine)
        return Scored(scores, candidates, there, not whole.any())


def _candidates(
    prediction: Prediction, truth: np.ndarray, affine: np.ndarray
) -> tuple[list[Candidate] | None, int]:
    """Every found lesion with what it matches, and the number of true ones; of 50 mm3 and more both."""
    found = np.zeros(truth.shape, np.int32) if prediction.instances is None else prediction.instances
    voxel_mm3 = geometry.voxel_volume_mm3(affine)
    matches = match(found, components(truth), voxel_mm3)
    there = matches.iou.shape[1]
    if prediction.instances is None or prediction.confidences is None:
        return None, there
    matched = set(matches.pairs(MATCH_IOU)[0].tolist())
    best = matches.iou.max(1, initial=0)
    volumes = np.bincount(found.ravel()) * (voxel_mm3 / 1000)
    return [
        Candidate(
            prediction.confidences[number - 1], float(best[row]), row in matched, float(volumes[number])
        )
        for row, number in enumerate(matches.numbers.tolist())
    ], there


def true_regions(study: Study, rules: Rules) -> dict[str, np.ndarray]:
    """bool [X, Y, Z] of every region that the study's label edition knows, by name.

    A healthy study without labels has no lesion in any region.
    """
    if study.labels is None and study.diagnosis == HEALTHY:
        return {region.name: np.zeros(study.shape, bool) for region in rules.regions}
    if study.labels is None:
        raise TfmedError(f"Study {study.case_id} has no labels to compare with.")
    labels = study.labels
    edition = labels.edition or rules.edition
    rules.label_values(edition)
    return {
        region.name: np.isin(labels.array, sorted(region.values[edition]))
        for region in rules.regions
        if region.values.get(edition)
    }


@dataclass(frozen=True)
class Classification:
    """Diagnoses, case by case: each class against all others, so that means over cases are the rates."""

    groups: tuple[str, ...]
    metrics: tuple[str, ...] = RATES

    def score(self, prediction: str, study: Study) -> Scored:
        """prediction: one of the groups."""
        if study.diagnosis not in self.groups:
            raise TfmedError(
                f"Study {study.case_id} has the diagnosis {study.diagnosis!r}. "
                f"Known: {', '.join(self.groups)}."
            )
        return Scored(
            {
                name: _rates(np.array([prediction == name]), np.array([study.diagnosis == name]))
                for name in self.groups
            }
        )


@dataclass(frozen=True)
class Detection:
    """Whether a slice shows a lesion of the card's first class, view by view."""

    rules: Rules
    groups: tuple[str, ...] = VIEWS
    metrics: tuple[str, ...] = RATES

    def score(self, prediction: Mapping[str, np.ndarray], study: Study) -> Scored:
        """prediction: bool [slices] by view, along the canonical axes."""
        whole = true_regions(study, self.rules)[self.rules.names[0]]
        there = geometry.canonical(whole, study.affine)[0]
        scores = {
            view: _rates(prediction[view], np.any(there, axis=tuple({0, 1, 2} - {axis})))
            for view, axis in zip(VIEWS, (2, 1, 0), strict=True)
        }
        return Scored(scores, healthy=not whole.any())


def _rates(found: np.ndarray, truth: np.ndarray) -> Scores:
    scores = overlap(found, truth, truth.size)
    return {name: scores[name] for name in RATES}


SCORERS: dict[str, Callable[[Mapping[str, Any]], Scorer]] = {
    "instance_segmentation": lambda card: InstanceSegmentation(Rules.from_card(dict(card))),
    "semantic_segmentation": lambda card: InstanceSegmentation(Rules.from_card(dict(card))),
    "detection": lambda card: Detection(Rules.from_card(dict(card))),
    "classification": lambda card: Classification(tuple(each["name"] for each in card["outputs"]["classes"])),
}


def scorer_for(card: Mapping[str, Any]) -> Scorer:
    """The scorer of the task that a card names; TfmedError names the known tasks."""
    if card["task"] not in SCORERS:
        raise TfmedError(f"Nothing scores the task {card['task']!r}. Known: {', '.join(sorted(SCORERS))}.")
    return SCORERS[card["task"]](card)

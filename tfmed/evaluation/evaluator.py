"""Goes over cases with a predictor and sums up: the one evaluator of all studies."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfmed import datasets
from tfmed.datasets import Case
from tfmed.errors import TfmedError
from tfmed.evaluation.bootstrap import Interval, mean_interval
from tfmed.evaluation.metrics import Scores, region_scores
from tfmed.evaluation.rule import EDITION, rule
from tfmed.inference.rules import Rules
from tfmed.study import Study

METRICS = (
    "dice",
    "sensitivity",
    "precision",
    "specificity",
    "hd95_mm",
    "volume_error_ml",
    "lesion_dice",
    "lesion_f1",
    "false_lesions",
)


@dataclass(frozen=True)
class Prediction:
    """Labels [X, Y, Z] of the rules' edition on the study's grid, and which lesion each voxel belongs to."""

    labels: np.ndarray
    instances: np.ndarray | None = None


Predictor = Callable[[Study], Prediction]


@dataclass(frozen=True)
class Row:
    """One case: scores by region. Regions that the case's edition does not label are left out.

    A case that could not be read or predicted has no scores, and `failure` says why.
    """

    case: str
    patient: str
    diagnosis: str | None
    scores: dict[str, Scores]
    failure: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """All rows of one predictor; `name` is what stands in tables."""

    name: str
    rows: list[Row]
    regions: tuple[str, ...]

    def values(self, region: str, metric: str) -> list[float | None]:
        """One value a case; None where it is undefined, unknown or failed."""
        return [row.scores.get(region, {}).get(metric) for row in self.rows]

    def mean(self, region: str, metric: str) -> Interval:
        """With an interval over patients."""
        return mean_interval(self.values(region, metric), self.patients)

    @property
    def patients(self) -> list[str]:
        return [row.patient for row in self.rows]

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        summary = {
            region: {metric: asdict(self.mean(region, metric)) for metric in METRICS}
            for region in self.regions
        }
        return {"name": self.name, "summary": summary, "rows": [asdict(row) for row in self.rows]}


def labelled_cases(
    root: str | Path,
    split: str = "test",
    dataset: str | None = None,
    folds: int | None = None,
    fold: int | None = None,
) -> list[Case]:
    """Cases under a root that have labels, of one part of the split ("train", "val", "test") or "all".

    Raises:
        TfmedError: no case has labels, or none of those is in the part.
    """
    labelled = [case for case in datasets.scan(root, dataset) if case.labels is not None]
    if not labelled:
        raise TfmedError(f"{root} holds no case with labels; there is nothing to compare with.")
    cases = labelled if split == "all" else datasets.split(labelled, folds, fold)[split]
    if not cases:
        raise TfmedError(
            f"None of the {len(labelled)} labelled cases under {root} is in the {split} part; score all of "
            "them, or name folds and a fold."
        )
    return cases


def evaluate(predictor: Predictor, cases: Sequence[Case], rules: Rules) -> Iterator[Row]:
    """The row of each case, in order; what goes wrong with one is told in its row.

    Args:
        predictor: study to prediction.
        cases: with labels.
        rules: of the card whose regions are scored.
    """
    for case in cases:
        scores, failure = {}, None
        try:
            scores = score_case(predictor, case, rules)
        except TfmedError as error:
            failure = str(error)
        yield Row(case.id, case.patient, case.diagnosis, scores, failure)


def score_case(predictor: Predictor, case: Case, rules: Rules) -> dict[str, Scores]:
    """Scores by region; TfmedError for a case that can't be read or predicted, or of an unknown edition."""
    study = case.load()
    truth = true_regions(study, rules)
    prediction = predictor(study)
    scores = {}
    for i, region in enumerate(rules.regions):
        if region.name in truth:
            found = np.isin(prediction.labels, sorted(region.values[rules.edition]))
            # The model's instances are whole lesions; a part's are its connected components.
            instances = prediction.instances if i == 0 else None
            scores[region.name] = region_scores(found, truth[region.name], study.affine, instances)
    return scores


def true_regions(study: Study, rules: Rules) -> dict[str, np.ndarray]:
    """bool [X, Y, Z] of every region that the study's label edition knows, by name."""
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


def model_predictor(model: Any, modalities: tuple[str, ...] | None = None) -> Predictor:
    """A model of the zoo as a predictor, by `tfmed.predict`."""
    from tfmed.inference import predict

    def predictor(study: Study) -> Prediction:
        result = predict(model, study, modalities=modalities)
        return Prediction(result.labels.array, result.instances.array)

    return predictor


def rule_applies(cases: Sequence[Case], rules: Rules, modalities: tuple[str, ...] | None = None) -> bool:
    """Whether the rule to beat can say anything: gliomas, with FLAIR in every case."""
    given = modalities is None or "flair" in modalities
    return given and rules.edition == EDITION and all("flair" in case.modalities for case in cases)


def rule_predictor(modalities: tuple[str, ...] | None = None) -> Predictor:
    """The rule to beat as a predictor; it reads FLAIR and T1c, if they are among `modalities`."""

    def predictor(study: Study) -> Prediction:
        images = {
            name: image for name, image in study.images.items() if modalities is None or name in modalities
        }
        return Prediction(rule(replace(study, images=images)))

    return predictor

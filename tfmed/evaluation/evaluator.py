"""Goes over cases with a predictor and sums up: the one evaluator of all studies."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tfmed import datasets
from tfmed.datasets import Case
from tfmed.errors import TfmedError
from tfmed.evaluation import calibration, froc
from tfmed.evaluation.bootstrap import Interval, mean_interval
from tfmed.evaluation.metrics import METRICS
from tfmed.evaluation.overlap import Scores
from tfmed.evaluation.rule import EDITION, rule
from tfmed.evaluation.scorers import HEALTHY, Candidate, Prediction, Scored, Scorer
from tfmed.inference.rules import Rules
from tfmed.study import Study

Predictor = Callable[[Study], Any]
UNITS = ("patient", "person")


@dataclass(frozen=True)
class Row:
    """One case: scores by group. Regions that the case's edition does not label are left out.

    A case that could not be read or predicted has no scores, and `failure` says why. person: whose anatomy a
    phantom has; the patient where nothing says so. Of models that find lesions: `candidates`, the number of
    `true_lesions`, and whether the truth holds none at all.
    """

    case: str
    patient: str
    diagnosis: str | None
    scores: dict[str, Scores]
    failure: str | None = None
    person: str | None = None
    candidates: list[Candidate] | None = None
    true_lesions: int = 0
    healthy: bool = False

    def unit(self, name: str) -> str:
        """What is resampled of it: its "patient", or its "person"."""
        return self.patient if name == "patient" else self.person or self.patient

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Row":
        """Of what `asdict` gave."""
        found = plain["candidates"]
        return cls(**{**plain, "candidates": found and [Candidate(**each) for each in found]})


@dataclass(frozen=True)
class Evaluation:
    """All rows of one predictor; `name` is what stands in tables, `unit` what intervals resample.

    Healthy cases are in no mean but that of their false lesions.
    """

    name: str
    rows: list[Row]
    regions: tuple[str, ...]
    metrics: tuple[str, ...] = METRICS
    unit: str = "patient"

    def values(self, region: str, metric: str) -> list[float | None]:
        """One value a case; None where it is undefined, unknown, failed or the case is healthy."""
        return [None if row.healthy else row.scores.get(region, {}).get(metric) for row in self.rows]

    def mean(self, region: str, metric: str) -> Interval:
        """With an interval over units."""
        return mean_interval(self.values(region, metric), self.units)

    def false_lesions_when_healthy(self) -> Interval:
        """False lesions (50 mm3 and more) a healthy case."""
        first = self.regions[0]
        values = [
            row.scores.get(first, {}).get("false_lesions") if row.healthy else None for row in self.rows
        ]
        return mean_interval(values, self.units)

    @property
    def units(self) -> list[str]:
        """What is resampled of each row."""
        return [row.unit(self.unit) for row in self.rows]

    def froc(self) -> dict[str, Any] | None:
        """See `froc.summary`; None where the predictor has no confidence."""
        return froc.summary(self.rows, self.units)

    def calibration(self) -> dict[str, Any] | None:
        """See `calibration.summary`; None where the predictor has no confidence or found nothing."""
        return calibration.summary(self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        summary = {
            region: {metric: asdict(self.mean(region, metric)) for metric in self.metrics}
            for region in self.regions
        }
        return {
            "name": self.name,
            "summary": summary,
            "false_lesions_when_healthy": asdict(self.false_lesions_when_healthy()),
            "froc": self.froc(),
            "calibration": self.calibration(),
            "rows": [asdict(row) for row in self.rows],
        }


def labelled_cases(
    root: str | Path,
    split: str = "test",
    dataset: str | None = None,
    folds: int | None = None,
    fold: int | None = None,
) -> list[Case]:
    """Cases under a root that have labels, or are healthy, of one part of the split ("train", "val", "test")
    or "all".

    Raises:
        TfmedError: no such case, or none in the part; a fold of "all".
    """
    if split == "all" and (folds is not None or fold is not None):
        raise TfmedError(
            'Split "all" has no folds; leave them out, or name another part. '
            f"Received: folds={folds}, fold={fold}"
        )
    scanned = datasets.scan(root, dataset)
    known = [case for case in scanned if case.labels is not None or case.diagnosis == HEALTHY]
    if not known:
        raise TfmedError(f"{root} holds no case with labels; there is nothing to compare with.")
    cases = known if split == "all" else datasets.split(known, folds, fold)[split]
    if not cases:
        raise TfmedError(
            f"None of the {len(known)} labelled cases under {root} is in the {split} part; score all of "
            "them, or name folds and a fold."
        )
    return cases


def evaluate(predictor: Predictor, cases: Sequence[Case], scorer: Scorer) -> Iterator[Row]:
    """The row of each case, in order; what goes wrong with one is told in its row.

    Args:
        predictor: study to what the scorer takes.
        cases: with labels, or healthy.
        scorer: of the task, see `scorer_for`.
    """
    for case in cases:
        scored, failure = Scored({}), None
        try:
            study = case.load()
            scored = scorer.score(predictor(study), study)
        except TfmedError as error:
            failure = str(error)
        yield Row(
            case.id,
            case.patient,
            case.diagnosis,
            scored.scores,
            failure,
            person_of(case),
            scored.candidates,
            scored.true_lesions,
            scored.healthy,
        )


def person_of(case: Case) -> str:
    """Whose anatomy the case has: what a phantom's `phantom.json` beside or above its files says, else its
    patient.

    Phantoms of one person are as many facts about lesions, but only one about anatomy.
    """
    for folder in list(next(iter(case.modalities.values())).parents)[:2]:
        try:
            sidecar = json.loads((folder / "phantom.json").read_text("utf-8"))
            return str(sidecar["provenance"]["person"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return case.patient


def model_predictor(model: Any, modalities: tuple[str, ...] | None = None) -> Predictor:
    """A model that finds lesions as a predictor, by `tfmed.predict`."""
    from tfmed.inference import predict

    def predictor(study: Study) -> Prediction:
        result = predict(model, study, modalities=modalities)
        confidences = tuple(lesion.confidence for lesion in result.lesions)
        return Prediction(result.labels.array, result.instances.array, confidences)

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

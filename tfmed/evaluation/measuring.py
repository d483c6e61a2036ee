"""Runs a model over cases for the report's Tables 3 and 5."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfmed.datasets import Case
from tfmed.errors import TfmedError
from tfmed.evaluation.evaluator import (
    Evaluation,
    Predictor,
    Row,
    evaluate,
    model_predictor,
    person_of,
    rule_applies,
    rule_predictor,
)
from tfmed.evaluation.overlap import dice
from tfmed.evaluation.scorers import InstanceSegmentation, true_regions
from tfmed.evaluation.stages import Tally
from tfmed.inference.rules import Rules
from tfmed.study import Study

Subset = tuple[str, ...]


def dices_by_modalities(
    model: Any, cases: Sequence[Case], subsets: Sequence[Subset]
) -> Iterator[dict[str, Any]]:
    """Of each case ``case``, ``patient``, ``person``, and ``dice`` of the card's first region by modalities:
    {"t1+flair": {"model": .., "rule": ..}}. A case that can't be scored has ``failure`` in place of ``dice``.

    Subsets of which the case lacks a modality, healthy cases, and the rule without FLAIR are left out.
    """
    rules = Rules.from_card(model.card)
    for case in cases:
        row = {"case": case.id, "patient": case.patient, "person": person_of(case)}
        try:
            yield row | {"dice": _dices(model, case.load(), subsets, rules, rule_applies([case], rules))}
        except TfmedError as error:
            yield row | {"failure": str(error)}


def _dices(
    model: Any, study: Study, subsets: Sequence[Subset], rules: Rules, with_rule: bool
) -> dict[str, dict[str, float]]:
    first = rules.regions[0]
    truth = true_regions(study, rules).get(first.name)
    if truth is None or not truth.any():
        return {}

    def score(predictor: Predictor) -> float:
        return dice(np.isin(predictor(study).labels, sorted(first.values[rules.edition])), truth)

    found: dict[str, dict[str, float]] = {}
    for subset in subsets:
        if set(subset) <= set(study.images):
            scores = {"model": score(model_predictor(model, subset))}
            if with_rule and "flair" in subset:
                scores["rule"] = score(rule_predictor(subset))
            found["+".join(subset)] = scores
    return found


@dataclass(frozen=True)
class CaseStages:
    """One case of Table 5: rows of whole volumes, of "model" and (where it applies) "rule", and the tally of
    every class; no tallies of healthy cases and of those that can't be scored.
    """

    rows: dict[str, Row]
    tallies: dict[str, Tally] | None

    def failures(self) -> list[str]:
        """ "NAME, CASE: reason" of what could not be scored."""
        return [f"{name}, {row.case}: {row.failure}" for name, row in self.rows.items() if row.failure]

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold, with "failure", empty if nothing failed."""
        return {
            "failure": "; ".join(self.failures()),
            "rows": {name: asdict(row) for name, row in self.rows.items()},
            "tallies": self.tallies and {name: each.as_dict() for name, each in self.tallies.items()},
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "CaseStages":
        """Of what `as_dict` gave."""
        found = plain["tallies"]
        return cls(
            {name: Row.from_dict(row) for name, row in plain["rows"].items()},
            found and {name: Tally.from_dict(each) for name, each in found.items()},
        )


def stages_of(model: Any, cases: Sequence[Case], with_rule: bool) -> Iterator[CaseStages]:
    """What Table 5 needs of each case, in order."""
    from tfmed.evaluation.slices import stage_scorer

    scorer = InstanceSegmentation(Rules.from_card(model.card))
    predictors = {"model": model_predictor(model)}
    if with_rule:
        predictors["rule"] = rule_predictor()
    score_stages = stage_scorer(model)
    for case in cases:
        rows = {name: next(evaluate(each, [case], scorer)) for name, each in predictors.items()}
        scored = not rows["model"].failure and not rows["model"].healthy
        yield CaseStages(rows, score_stages(case.load()) if scored else None)


def volumes(found: Sequence[CaseStages], regions: tuple[str, ...], unit: str) -> dict[str, Evaluation]:
    """Evaluations of "model" and "rule" over whole volumes; nothing of no case."""
    names = found[0].rows if found else {}
    return {name: Evaluation(name, [each.rows[name] for each in found], regions, unit=unit) for name in names}

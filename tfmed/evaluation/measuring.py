"""Runs a model over cases for the report's Tables 3 and 5."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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


@dataclass
class StageResults:
    """What Table 5 needs: tallies and units of cases that could be scored, and the rows of whole volumes."""

    tallies: list[dict[str, Tally]] = field(default_factory=list)
    scored: list[Row] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def units(self, unit: str) -> list[str]:
        """The patient or person of each tally."""
        return [row.patient if unit == "patient" else row.person or row.patient for row in self.scored]

    def volumes(self, regions: tuple[str, ...], unit: str) -> dict[str, Evaluation]:
        """Evaluations of "model" and "rule"."""
        return {name: Evaluation(name, rows, regions, unit=unit) for name, rows in self.rows.items()}

    def failures(self) -> list[str]:
        """ "NAME, CASE: reason" of what could not be scored."""
        return [
            f"{name}, {row.case}: {row.failure}"
            for name, rows in self.rows.items()
            for row in rows
            if row.failure
        ]


def stages_of(model: Any, cases: Sequence[Case]) -> Iterator[StageResults]:
    """Results that grow case by case; the last one holds all. Healthy cases have no stages."""
    from tfmed.evaluation.slices import stage_scorer

    scorer = InstanceSegmentation(Rules.from_card(model.card))
    predictors = {"model": model_predictor(model)}
    if rule_applies(cases, scorer.rules):
        predictors["rule"] = rule_predictor()
    results, score_stages = StageResults(), stage_scorer(model)
    for case in cases:
        for name, predictor in predictors.items():
            results.rows.setdefault(name, []).extend(evaluate(predictor, [case], scorer))
        row = results.rows["model"][-1]
        if not row.failure and not row.healthy:
            results.tallies.append(score_stages(case.load()))
            results.scored.append(row)
        yield results

"""One evaluator: overlap, distances and lesions of predictions against the truth, with intervals."""

import importlib
from typing import Any

_PLACES = {
    "Evaluation": "evaluator",
    "Report": "report",
    "Row": "evaluator",
    "evaluate": "evaluator",
    "labelled_cases": "evaluator",
    "model_predictor": "evaluator",
    "rule_applies": "evaluator",
    "rule_predictor": "evaluator",
    "InstanceSegmentation": "scorers",
    "Prediction": "scorers",
    "scorer_for": "scorers",
    "region_scores": "metrics",
    "mean_interval": "bootstrap",
    "paired_difference": "bootstrap",
    "compare": "comparison",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'tfmed.evaluation' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tfmed.evaluation.{_PLACES[name]}"), name)

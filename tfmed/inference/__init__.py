"""Study in, result out: normalise, slice, fuse three views, link lesions, report."""

import importlib
from typing import Any

_PLACES = {
    "predict": "prediction",
    "predict_all": "archive",
    "open_study": "opening",
    "finish": "prediction",
    "working_volume": "working",
    "Result": "result",
    "check_output": "result",
    "Rules": "rules",
    "StudyPredictor": "graph",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'tfmed.inference' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tfmed.inference.{_PLACES[name]}"), name)

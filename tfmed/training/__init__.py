"""Training: one loop for every ``tf.distribute`` strategy, handed a model, a task and data.

Names are imported when first used, so that a recipe can be read and refused without TensorFlow.
"""

import importlib
from typing import Any

_MODULES = {
    "Data": "loop",
    "Recipe": "recipe",
    "SliceData": "data",
    "check_recipe": "cluster",
    "check_run": "checks",
    "load_recipe": "recipe",
    "open_sources": "sources",
    "pick_strategy": "cluster",
    "sampler_of": "data",
    "train": "loop",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'tfmed.training' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tfmed.training.{_MODULES[name]}"), name)

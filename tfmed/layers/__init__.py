"""Keras layers that several families share; each is imported when it is first used."""

import importlib
from typing import Any

_MODULES = {
    "GlobalL2NormPooling2D": "l2_norm_pooling",
    "L2NormPooling2D": "l2_norm_pooling",
    "L2NormPooling3D": "l2_norm_pooling",
    "NormalizedL2Unit": "l2_norm_pooling",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'tfmed.layers' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tfmed.layers.{_MODULES[name]}"), name)

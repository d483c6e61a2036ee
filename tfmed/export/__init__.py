"""SavedModels that a stock TensorFlow Serving loads."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name != "export":
        raise AttributeError(f"module 'tfmed.export' has no attribute {name!r}")
    return importlib.import_module("tfmed.export.saved_model").export

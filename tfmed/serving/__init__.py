"""The embedded server that speaks TensorFlow Serving's protocols, and a client for both."""

import importlib
from typing import Any

_PLACES = {"Client": "client", "Server": "server", "RequestError": "errors"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'tfmed.serving' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tfmed.serving.{_PLACES[name]}"), name)

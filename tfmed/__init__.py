"""tfmed: a TensorFlow/Keras model zoo for medical images.

Submodules are imported when first used, so that ``import tfmed`` costs next to nothing.
"""

import importlib
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

# In a checkout, zoo/ and tools/ lie beside this folder; installed, they lie inside it.
_root = Path(__file__).resolve().parent.parent
if (_root / "setup.py").is_file():
    __path__.append(str(_root))

_HOMES = {
    "LabelMap": "study",
    "Study": "study",
    "TfmedError": "errors",
    "Volume": "study",
    "predict": "inference",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"tfmed.{_HOMES[name]}"), name)
    try:
        return importlib.import_module(f"tfmed.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"tfmed.{name}":
            raise
        raise AttributeError(f"module 'tfmed' has no attribute {name!r}") from None

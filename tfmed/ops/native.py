"""Finds and loads the native library once, and says in one warning why it could not be used."""

import ctypes
import functools
import importlib.metadata
import json
import os
import warnings
from pathlib import Path
from typing import Any

import tensorflow as tf

LIBRARY = "libtfmed_ops.so"
MARK = b"tfmed-ops-build:"
REBUILD = (
    "Rebuild it with `python -m tfmed.ops.build`, or reinstall tfmed with `pip install --no-build-isolation`."
)


def path() -> Path | None:
    """The library beside this file, else that of an installed tfmed which a checkout's folder shadows.

    ``TFMED_OPS_LIBRARY`` in the environment names another one, such as a build with sanitizers.
    """
    if named := os.environ.get("TFMED_OPS_LIBRARY"):
        return Path(named)
    beside = Path(__file__).resolve().parent / LIBRARY
    if beside.is_file():
        return beside
    for distribution in importlib.metadata.distributions(name="tfmed"):
        for file in distribution.files or ():
            if file.name == LIBRARY and (found := Path(str(file.locate()))).is_file():
                return found
    return None


def build_facts(library: Path) -> dict[str, Any]:
    """What the library was built with: ``tensorflow``, ``compiler``, ``cuda``; empty if it does not say.

    Read from the file's bytes, since loading a library built for another TensorFlow may crash the process.
    """
    content = library.read_bytes() if library.is_file() else b""
    start = content.find(MARK)
    if start < 0:
        return {}
    start += len(MARK)
    return json.loads(content[start : content.index(b"\0", start)])


def instruction_set() -> str | None:
    """Which CPU kernels run: ``avx512``, ``avx2`` or ``baseline``; None without the library."""
    library = path()
    if library is None or problem() is not None:
        return None
    function = ctypes.CDLL(str(library)).tfmed_ops_instruction_set
    function.restype = ctypes.c_char_p
    return function().decode()


def problem() -> str | None:
    """Why the native op cannot be used, in a sentence; None if it can."""
    return _load()[1]


def ops() -> Any:
    """The loaded op module, or None; warns once if there is none."""
    module, why = _load()
    if why is not None:
        _warn(why)
    return module


@functools.cache
def _load() -> tuple[Any, str | None]:
    library = path()
    if library is None:
        return None, f"{LIBRARY} is not installed"
    if not library.is_file():
        return None, f"{library}, which TFMED_OPS_LIBRARY names, is no file"
    built_for = build_facts(library).get("tensorflow", "an unknown version")
    if built_for != tf.__version__:
        return None, f"{library} was built for TensorFlow {built_for}, but {tf.__version__} is running"
    try:
        return tf.load_op_library(str(library)), None
    except (tf.errors.OpError, OSError) as error:
        return None, f"{library} does not load: {error}"


@functools.cache
def _warn(why: str) -> None:
    warnings.warn(
        f"{why}; L2-norm pooling runs on TensorFlow's own ops. {REBUILD}", RuntimeWarning, stacklevel=4
    )

"""Writes a model as a SavedModel of stock operations, with card, labels and warm-up requests."""

import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import tfmed
from tfmed.errors import TfmedError
from tfmed.export import signatures, stock_ops, warmup

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


def export(model: keras.Model, directory: str | Path, name: str | None = None, version: int = 1) -> Path:
    """Writes DIRECTORY/NAME/VERSION/, which stock TensorFlow Serving, or any TensorFlow without tfmed, loads.

    Args:
        model: a model of the zoo, with `card`, `modalities` and `decode`.
        directory: holds all exported models; made if it is missing.
        name: what requests call the model; by default the name on its card.
        version: a positive integer; servers answer with the highest.

    Returns:
        The folder written. `tfmed.export.signatures.build` tells its signatures; its assets are card.json,
        with the modalities that are fed, and labels.txt (line k is class k, line 0 the background).

    Raises:
        TfmedError: the name or version cannot be served, the version is there already, the folder cannot be
            written, or an operation is left that stock TensorFlow lacks.
    """
    name = name or model.card["name"]
    target = _target(Path(directory), name, version)
    with _written_beside(target) as scratch:
        served = _held(model, scratch)
        with tfmed.ops.implementation("composed"):
            functions = signatures.build(model)
            traced = {key: function.get_concrete_function() for key, function in functions.items()}
        # Custom gradients name functions that a server does not have and never needs.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(served, str(scratch / "model"), signatures=traced, options=options)
        _refuse_foreign_ops(scratch / "model", name)
        warmup.write(scratch / "model" / WARMUP_FILE, name, warmup.requests(len(model.modalities)))
    return target


def _held(model: keras.Model, scratch: Path) -> tf.Module:
    """What the SavedModel holds beside its signatures: the variables and the assets."""
    names = ["background", *(entry["name"] for entry in model.card["outputs"]["classes"])]
    served = tf.Module(name="served")
    served.parameters = [variable.value for variable in model.variables]
    served.assets = [
        _asset(scratch / "card.json", json.dumps(_card(model), indent=2) + "\n"),
        _asset(scratch / "labels.txt", "\n".join(names) + "\n"),
    ]
    return served


def _card(model: keras.Model) -> dict[str, Any]:
    """The model's card with the modalities that it is fed, in their order."""
    known = {each["name"]: each for each in model.card["inputs"]["modalities"]}
    inputs = model.card["inputs"] | {"modalities": [known[name] for name in model.modalities]}
    return model.card | {"inputs": inputs}


def _refuse_foreign_ops(path: Path, name: str) -> None:
    if foreign := stock_ops.foreign_ops(path):
        raise TfmedError(
            f"The graph of {name!r} holds operations that stock TensorFlow Serving lacks: "
            f"{', '.join(foreign)}. "
            "Under tfmed.ops.implementation('composed') every layer must use stock operations."
        )


def _asset(path: Path, content: str) -> tf.saved_model.Asset:
    path.write_text(content, "utf-8")
    return tf.saved_model.Asset(str(path))


def _target(directory: Path, name: str, version: int) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise TfmedError(
            f"{name!r} cannot be a served name: use letters, digits, '_', '-', '.', first a letter or digit."
        )
    if version < 1:
        raise TfmedError(f"A version is a positive integer. Received: {version}")
    target = directory / name / str(version)
    if target.exists():
        raise TfmedError(f"{target} exists already: export another version, or remove that folder.")
    return target


@contextlib.contextmanager
def _written_beside(target: Path) -> Iterator[Path]:
    """A scratch folder beside the target; its subfolder "model" becomes the target if all went well."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # TensorFlow Serving looks at folders with numeric names only, so it never sees a half-written one.
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise TfmedError(f"Cannot write to {target.parent}: {error.strerror}") from None
    try:
        yield scratch
        (scratch / "model").rename(target)
    except OSError as error:
        raise TfmedError(f"Cannot write {target}: {error.strerror}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        with contextlib.suppress(OSError):
            target.parent.rmdir()

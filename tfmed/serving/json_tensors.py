"""Tensors in the JSON of TensorFlow Serving's REST API, both ways."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfmed.serving.errors import Code, RequestError


def columns(body: Mapping[str, Any], names: list[str]) -> tuple[dict[str, Any], bool]:
    """The JSON value of each input of a request body, and whether it came in row form.

    A body holds either "inputs", an object with one value an input (or the bare value of the only input), or
    "instances", a list with one such object (or bare value) for each element of the batch.
    """
    if ("inputs" in body) == ("instances" in body):
        raise _invalid('The body must hold one of the keys "inputs" and "instances".')
    if "inputs" in body:
        return _named(body["inputs"], names, '"inputs"'), False
    rows = body["instances"]
    if not isinstance(rows, list) or not rows:
        raise _invalid('"instances" must be a list with at least one element.')
    named = [_named(row, names, f'Element {i} of "instances"') for i, row in enumerate(rows)]
    if any(row.keys() != named[0].keys() for row in named):
        raise _invalid('All elements of "instances" must have the same keys.')
    return {name: [row[name] for row in named] for name in named[0]}, True


def array(value: Any, dtype: tf.DType, name: str) -> np.ndarray:
    """A nested JSON list (or one value) as an array of the dtype that the signature names."""
    if dtype == tf.string:
        return _strings(value, name)
    try:
        found = np.array(value)
    except ValueError:
        raise _invalid(f"Input {name!r}: its lists are not all of one length.") from None
    wanted = dtype.as_numpy_dtype
    fitting = {"f": "iuf", "i": "iu", "u": "iu", "b": "b"}.get(np.dtype(wanted).kind, "")
    if found.size and found.dtype.kind not in fitting:
        raise _invalid(f"Input {name!r}: expected values of {dtype.name}, received {_kind(found)}.")
    if found.size and found.dtype.kind in "iu" and not np.can_cast(found.dtype, wanted):
        limits = (dtype.min, dtype.max)
        if found.min() < limits[0] or found.max() > limits[1]:
            raise _invalid(
                f"Input {name!r}: values from {found.min()} to {found.max()} do not fit {dtype.name}."
            )
    return found.astype(wanted)


def body(outputs: Mapping[str, np.ndarray], row_form: bool) -> dict[str, Any]:
    """The body of an answer: "predictions", one element of the batch each, or "outputs", one tensor each."""
    values = {name: _value(name, output) for name, output in outputs.items()}
    if not row_form:
        return {"outputs": _bare(values)}
    lengths = {name: output.shape[0] if output.ndim else None for name, output in outputs.items()}
    if None in lengths.values() or len(set(lengths.values())) > 1:
        raise _invalid(
            f'The outputs {", ".join(outputs)} have no common batch axis: ask in column form, with "inputs".'
        )
    count = next(iter(lengths.values()), 0)
    return {
        "predictions": [_bare({name: value[i] for name, value in values.items()}) for i in range(count or 0)]
    }


def encode(value: Any) -> Any:
    """An input for a request body: bytes become {"b64": ...}, arrays nested lists."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return encode(value.tolist()) if value.dtype.kind in "OSU" else value.tolist()
    return value


def _value(name: str, output: np.ndarray) -> Any:
    if output.dtype.kind not in "OS":
        return output.tolist()
    if name.endswith("_bytes"):
        return encode(output if output.ndim else output.item())
    return _mapped(output.tolist(), lambda text: text.decode("utf-8", "replace"))


def _bare(values: dict[str, Any]) -> Any:
    return next(iter(values.values())) if len(values) == 1 else values


def _named(value: Any, names: list[str], where: str) -> dict[str, Any]:
    if isinstance(value, dict) and not _is_b64(value):
        return value
    if len(names) > 1:
        raise _invalid(f"{where} must be an object with the keys {', '.join(sorted(names))}.")
    return {names[0]: value}


def _strings(value: Any, name: str) -> np.ndarray:
    shape = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
    result = np.empty(shape, object)
    flat = _flat(value, shape, name)
    result.reshape(-1)[:] = [_bytes(item, name) for item in flat]
    return result


def _flat(value: Any, shape: list[int], name: str) -> list[Any]:
    if not shape:
        return [value]
    if not isinstance(value, list) or len(value) != shape[0]:
        raise _invalid(f"Input {name!r}: its lists are not all of one length.")
    return [leaf for item in value for leaf in _flat(item, shape[1:], name)]


def _bytes(item: Any, name: str) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8")
    if not _is_b64(item):
        raise _invalid(
            f'Input {name!r}: expected a string or {{"b64": ...}}, received {type(item).__name__}.'
        )
    try:
        return base64.b64decode(item["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid(f"Input {name!r}: the base64 text cannot be decoded: {error}.") from None


def _is_b64(item: Any) -> bool:
    return isinstance(item, dict) and item.keys() == {"b64"} and isinstance(item["b64"], str)


def _mapped(value: Any, change: Any) -> Any:
    return [_mapped(item, change) for item in value] if isinstance(value, list) else change(value)


def _kind(found: np.ndarray) -> str:
    return {"b": "true or false", "f": "decimal numbers", "U": "text"}.get(found.dtype.kind, "mixed values")


def _invalid(message: str) -> RequestError:
    return RequestError(Code.INVALID_ARGUMENT, message)

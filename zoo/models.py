"""From a name to a Keras model with its weights."""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmed import garbage
from tfmed.errors import TfmedError
from tfmed.zoo import weights as weights_files
from tfmed.zoo.cards import validate
from tfmed.zoo.registry import entries, find

if TYPE_CHECKING:
    import keras


def get(
    name: str,
    weights: str | Path | None = "default",
    variant: str | None = None,
    modalities: Iterable[str] | None = None,
    **overrides: Any,
) -> "keras.Model":
    """Builds a model of the zoo and loads its weights.

    Args:
        name: a name of ``tfmed.zoo.list()``.
        weights: ``"default"``, a tag in the card, the path of a ``.weights.h5`` file, or None for a fresh
            initialisation. Files of the card are verified by sha256 before they are read.
        variant: a variant in the card; None means the one that the weights are of, else the card's first.
        modalities: those that will be fed, as channels in this order; None means all of the card.
            The weights are the same for every subset.
        **overrides: builder arguments to take instead of those under the variant's ``config``.

    Raises:
        TfmedError: an unknown name, variant, tag, modality or override (the known ones are named); weights
            that are missing, damaged, or do not fit the model; a network that cannot be reached.
    """
    entry = find(name)
    card = entry.read_card()
    validate(card, origin=name)
    if variant is not None and variant not in card["variants"]:
        known = ", ".join(card["variants"])
        raise TfmedError(f"{name} has no variant {variant!r}. Known: {known}.")
    tag = _tag(card, weights, variant)
    variant = variant or _variant_of(card, tag)
    _check_overrides(card, variant, overrides)
    fed = _modalities(card, modalities)
    path = Path(weights) if weights is not None and tag is None else None
    if tag is not None:
        path = weights_files.obtain(card["weights"][tag], entry.folder)
    elif path is not None and not path.is_file():
        raise TfmedError(f"No weights file {path}.")
    with garbage.kept():
        model = entry.load_builder()(copy.deepcopy(dict(card)), variant, fed, **overrides)
        if path is not None:
            _load(model, path, f"variant {variant!r} of {name}")
    return model


def load(path: str | Path) -> "keras.Model":
    """Loads a model of the zoo that was kept by ``model.save("NAME.keras")``, with its card.

    ``keras.models.load_model`` in safe mode, after the classes of every family were made known to Keras;
    a process that built such a model before can call Keras's own function as well.

    Raises:
        TfmedError: there is no such file, or it holds no model that can be loaded.
    """
    import keras

    if not Path(path).is_file():
        raise TfmedError(f"No model file {path}.")
    for entry in entries().values():
        entry.load_builder()
    try:
        return keras.models.load_model(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TfmedError(f"{path} holds no model that can be loaded: {str(error)[:300]}") from error


def _tag(card: Mapping[str, Any], weights: str | Path | None, variant: str | None) -> str | None:
    """The tag that is meant; None for a path or for no weights."""
    if weights is None or isinstance(weights, Path):
        return None
    if "/" in weights or weights.endswith(".h5"):
        return None
    return weights_files.tag_of(card, weights, variant)


def _variant_of(card: Mapping[str, Any], tag: str | None) -> str:
    tag = tag or card["default_weights"]
    return card["weights"][tag]["variant"] if tag else next(iter(card["variants"]))


def _check_overrides(card: Mapping[str, Any], variant: str, overrides: Mapping[str, Any]) -> None:
    known = card["variants"][variant]["config"]
    unknown = [name for name in overrides if name not in known]
    if unknown:
        raise TfmedError(
            f"Variant {variant!r} of {card['name']} takes no {', '.join(map(repr, unknown))}. "
            f"Known: {', '.join(sorted(known))}."
        )


def _modalities(card: Mapping[str, Any], modalities: Iterable[str] | None) -> tuple[str, ...]:
    inputs = card["inputs"]["modalities"]
    known = tuple(item["name"] for item in inputs)
    if modalities is None:
        return known
    fed = (modalities,) if isinstance(modalities, str) else tuple(modalities)
    required = [item["name"] for item in inputs if not item["may_be_missing"] and item["name"] not in fed]
    if not fed or len(set(fed)) < len(fed) or not set(fed) <= set(known):
        raise TfmedError(
            f"{card['name']} takes each of its modalities at most once, and at least one. "
            f"Received: modalities={fed}. Known: {', '.join(known)}."
        )
    if required:
        raise TfmedError(
            f"{card['name']} cannot do without {', '.join(required)}. Received: modalities={fed}."
        )
    return fed


def _load(model: "keras.Model", path: Path, what: str) -> None:
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise TfmedError(f"The weights in {path} do not fit {what}, or are damaged.") from error

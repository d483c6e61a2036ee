"""The names of the zoo: from the folders beside this file, from entry points, from ``register``.

A family is a folder with ``model.py`` (``build(card, variant, modalities, **overrides) -> keras.Model``),
``cards/NAME.json`` and ``weights/``. A folder here is found by itself; a package elsewhere names itself by
the entry point group ``tfmed.zoo``, whose value is the dotted name of a package laid out in the same way.
"""

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmed.errors import TfmedError
from tfmed.zoo.cards import SCHEMA, Card, read, validate

if TYPE_CHECKING:
    import keras

Builder = Callable[..., "keras.Model"]


@dataclass(frozen=True)
class Entry:
    """One name: its card (or the file that holds it), its builder (or the module that has it), its folder."""

    card: Card | Path
    builder: Builder | str
    folder: Path | None

    def read_card(self) -> Card:
        return read(self.card) if isinstance(self.card, Path) else self.card

    def load_builder(self) -> Builder:
        if isinstance(self.builder, str):
            return importlib.import_module(self.builder).build
        return self.builder


_registered: dict[str, Entry] = {}


def register(card: Card | dict[str, Any], build: Builder, folder: Path | None = None) -> None:
    """Adds a model of your own to the zoo, for this process.

    Args:
        card: content of a card, valid under ``card.schema.json``.
        build: ``build(card, variant, modalities, **overrides) -> keras.Model``.
        folder: where the card's weights files lie; needed if the card names any.

    Raises:
        TfmedError: the card is not valid, or its name is taken.
    """
    validate(card, origin="given to register()")
    if card["name"] in entries():
        raise TfmedError(f"The zoo has a model {card['name']!r} already; give the card another name.")
    if folder is None and any("file" in weights for weights in card["weights"].values()):
        raise TfmedError(f"The card of {card['name']!r} names weights files, but no folder was given.")
    _registered[card["name"]] = Entry(Card(card), build, folder)


def entries() -> dict[str, Entry]:
    """Every name with its entry; built-in families win over others of the same name."""
    found = dict(_registered)
    for package, folder in [*_installed_packages(), *_builtin_packages()]:
        for path in sorted((folder / "cards").glob("*.json")):
            found[path.stem] = Entry(path, f"{package}.model", folder)
    return found


def _builtin_packages() -> Iterator[tuple[str, Path]]:
    for model in sorted(Path(__file__).parent.glob("*/model.py")):
        yield f"tfmed.zoo.{model.parent.name}", model.parent


def _installed_packages() -> Iterator[tuple[str, Path]]:
    for point in entry_points(group="tfmed.zoo"):
        try:
            spec = importlib.util.find_spec(point.value)
        except ImportError as error:
            spec, reason = None, str(error)
        else:
            reason = "no such package"
        if spec is None or not spec.submodule_search_locations:
            warnings.warn(f"Entry point {point.name!r} of tfmed.zoo, {point.value}: {reason}.", stacklevel=2)
            continue
        yield point.value, Path(spec.submodule_search_locations[0])


def find(name: str) -> Entry:
    """The entry of a name.

    Raises:
        TfmedError: no such name; the nearest ones are named.
    """
    known = entries()
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"Nearest: {', '.join(near)}." if near else f"Known: {', '.join(sorted(known))}."
    raise TfmedError(f"The zoo has no model {name!r}. {hint}")


def card(name: str) -> Card:
    """The card of a name; ``print`` it to read it.

    Raises:
        TfmedError: no such name; the nearest ones are named.
    """
    return find(name).read_card()


def names(task: str | None = None) -> list[str]:
    """The zoo's names in alphabetical order, all or those of one task.

    Raises:
        TfmedError: no card can have such a task.
    """
    known = entries()
    if task is None:
        return sorted(known)
    tasks = read(SCHEMA)["properties"]["task"]["enum"]
    if task not in tasks:
        raise TfmedError(f"No task {task!r}. Known: {', '.join(tasks)}.")
    return sorted(name for name, entry in known.items() if entry.read_card()["task"] == task)

"""Cards: all that is known of one name of the zoo, as data under a closed JSON schema."""

import json
from pathlib import Path
from typing import Any

from tfmed.errors import TfmedError

SCHEMA = Path(__file__).with_name("card.schema.json")


class Card(dict[str, Any]):
    """The content of a card; ``print(card)`` gives a page to read, ``dict(card)`` plain JSON data."""

    def __str__(self) -> str:
        from tfmed.zoo.page import page

        return page(self)


def read(path: Path) -> Card:
    """The card in a JSON file, not validated.

    Raises:
        TfmedError: the file is missing or holds no JSON object.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TfmedError(f"{path} is no card: {error}") from None
    if not isinstance(content, dict):
        raise TfmedError(f"{path} is no card: it holds a JSON {type(content).__name__}, not an object.")
    return Card(content)


def validate(card: dict[str, Any], origin: str) -> None:
    """Checks a card against the schema and what a schema cannot say.

    Args:
        card: the content.
        origin: where it comes from, for the error.

    Raises:
        TfmedError: names the place in the card and what is wrong there.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    schema = json.loads(SCHEMA.read_text("utf-8"))
    error = best_match(Draft202012Validator(schema).iter_errors(card))
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path) or "the top level"
        raise TfmedError(f"Card {origin}: at {place}: {error.message[:300]}")
    for tag, weights in card["weights"].items():
        if weights["variant"] not in card["variants"]:
            raise TfmedError(
                f"Card {origin}: weights {tag!r} are of the unknown variant {weights['variant']!r}."
            )
    if card["default_weights"] is not None and card["default_weights"] not in card["weights"]:
        raise TfmedError(
            f"Card {origin}: default_weights names {card['default_weights']!r}, no tag of weights."
        )
    for entry in card["metrics"]:
        if entry["weights"] not in card["weights"]:
            raise TfmedError(f"Card {origin}: metrics of the unknown weights {entry['weights']!r}.")

"""What joins a model to data: targets, losses, metrics and pictures; one file a task."""

from collections.abc import Mapping
from typing import Any

from tfmed.errors import TfmedError
from tfmed.tasks.instance_segmentation import InstanceSegmentation
from tfmed.tasks.semantic_segmentation import SemanticSegmentation

TASKS: dict[str, type[SemanticSegmentation]] = {
    task.name: task for task in (InstanceSegmentation, SemanticSegmentation)
}


def get(card: Mapping[str, Any]) -> SemanticSegmentation:
    """The task that a model's card names, set up with the card's classes.

    Raises TfmedError where the card names a task that is not known.
    """
    if card["task"] not in TASKS:
        known = ", ".join(sorted(TASKS))
        raise TfmedError(f"The card of {card['name']!r} names the task {card['task']!r}. Known: {known}.")
    return TASKS[card["task"]](card)

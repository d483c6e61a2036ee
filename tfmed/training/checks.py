"""What stands in the way of a run, found before any work is done."""

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfmed.errors import TfmedError
from tfmed.training.cluster import workers
from tfmed.training.recipe import Recipe


def check_run(run: Path, resume: bool) -> None:
    """Raise TfmedError if ``run`` holds a run that is not to be resumed, or none that could be."""
    held = tf.train.latest_checkpoint(run / "checkpoints")
    if held and not resume:
        raise TfmedError(f"{run}: holds a run already; resume it with --resume or give another --logdir")
    if resume and not held:
        raise TfmedError(f"{run}: there is no checkpoint to resume from; start without --resume")


def check_recipe(recipe: Recipe, strategy: tf.distribute.Strategy) -> None:
    """Raise TfmedError if the devices of ``strategy`` cannot follow the recipe."""
    if recipe.minutes and workers(strategy)[1] > 1:
        raise TfmedError(f"minutes={recipe.minutes:g}: several workers share no clock; give steps instead")
    if recipe.batch % strategy.num_replicas_in_sync:
        raise TfmedError(
            f"batch={recipe.batch} cannot be shared equally by {strategy.num_replicas_in_sync} devices"
        )


def check_same_data(run: Path, description: dict[str, Any]) -> None:
    """Raise TfmedError if ``description`` of the data has another ``train`` than when ``run`` was started."""
    before = json.loads((run / "data.json").read_text(encoding="utf-8"))["train"]
    now = json.loads(json.dumps(description))["train"]
    if now != before:
        raise TfmedError(f"{run}: was trained on other cases. Received: {now}. Before: {before}")

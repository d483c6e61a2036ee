"""Training: one loop for every ``tf.distribute`` strategy, handed a model, a task and data."""

from tfmed.training.checks import check_recipe, check_run
from tfmed.training.cluster import pick_strategy
from tfmed.training.data import SliceData, open_source
from tfmed.training.loop import Data, train
from tfmed.training.recipe import Recipe, load_recipe

__all__ = [
    "Data",
    "Recipe",
    "SliceData",
    "check_recipe",
    "check_run",
    "load_recipe",
    "open_source",
    "pick_strategy",
    "train",
]

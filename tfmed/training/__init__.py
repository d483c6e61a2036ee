"""Training: one loop for every ``tf.distribute`` strategy, handed a model, a task and data."""

from tfmed.training.checks import check_recipe, check_run
from tfmed.training.cluster import pick_strategy
from tfmed.training.data import SliceData
from tfmed.training.loop import Data, train
from tfmed.training.recipe import Recipe, load_recipe
from tfmed.training.sources import open_sources

__all__ = [
    "Data",
    "Recipe",
    "SliceData",
    "check_recipe",
    "check_run",
    "load_recipe",
    "open_sources",
    "pick_strategy",
    "train",
]

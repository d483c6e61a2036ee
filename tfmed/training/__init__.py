"""Training: one loop for every ``tf.distribute`` strategy, handed a model, a task and data."""

from tfmed.training.cluster import pick_strategy
from tfmed.training.loop import Data, train
from tfmed.training.recipe import Recipe, load_recipe

__all__ = ["Data", "Recipe", "load_recipe", "pick_strategy", "train"]

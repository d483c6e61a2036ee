"""Where a run runs: one device, several GPUs, or several workers."""

import json
import os

import tensorflow as tf

from tfmed.errors import TfmedError
from tfmed.training.recipe import Recipe


def pick_strategy() -> tf.distribute.Strategy:
    """Several workers if TF_CONFIG names them, all GPUs if there is more than one, else the one device.

    Must be called before anything else of TensorFlow when there are several workers. Raises TfmedError if
    TF_CONFIG is not what TensorFlow expects.
    """
    if os.environ.get("TF_CONFIG"):
        try:
            addresses = json.loads(os.environ["TF_CONFIG"])["cluster"]["worker"]
        except (ValueError, KeyError, TypeError):
            raise TfmedError(
                "TF_CONFIG in the environment is not of the form "
                '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
            ) from None
        if len(addresses) > 1:
            return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def workers(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """(index of this worker, number of workers); worker 0 writes the files of the run."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.cluster_spec():
        return 0, 1
    return resolver.task_id, resolver.cluster_spec().num_tasks("worker")


def check_recipe(recipe: Recipe, strategy: tf.distribute.Strategy) -> None:
    """Raise TfmedError if the devices of ``strategy`` cannot follow the recipe."""
    if recipe.minutes and workers(strategy)[1] > 1:
        raise TfmedError(f"minutes={recipe.minutes:g}: several workers share no clock; give steps instead")
    if recipe.batch % strategy.num_replicas_in_sync:
        raise TfmedError(
            f"batch={recipe.batch} cannot be shared equally by {strategy.num_replicas_in_sync} devices"
        )

"""Where a run runs: one device, several GPUs, or several workers."""

import json
import os

import tensorflow as tf

from tfmed.errors import TfmedError


def pick_strategy() -> tf.distribute.Strategy:
    """Several workers if TF_CONFIG names them, all GPUs if there is more than one, else the one device.

    Must be called before anything else of TensorFlow when there are several workers. Raises TfmedError if
    TF_CONFIG is not what TensorFlow expects.
    """
    if os.environ.get("TF_CONFIG"):
        try:
            workers = json.loads(os.environ["TF_CONFIG"])["cluster"]["worker"]
        except (ValueError, KeyError, TypeError):
            raise TfmedError(
                "TF_CONFIG in the environment is not of the form "
                '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
            ) from None
        if len(workers) > 1:
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

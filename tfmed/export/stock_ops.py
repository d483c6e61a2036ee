"""Which operations of a SavedModel a stock TensorFlow does not have."""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2


def foreign_ops(saved_model: Path) -> list[str]:
    """Names of operations in a SavedModel, its function library included, that TensorFlow itself lacks.

    `tf.raw_ops` lists what TensorFlow was built with; the registry would also know what was loaded since.
    """
    content = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    foreign: set[str] = set()
    for meta_graph in content.meta_graphs:
        library = meta_graph.graph_def.library.function
        functions = {function.signature.name for function in library}
        nodes = [*meta_graph.graph_def.node, *(node for function in library for node in function.node_def)]
        foreign |= {node.op for node in nodes if not hasattr(tf.raw_ops, node.op)} - functions
    return sorted(foreign)

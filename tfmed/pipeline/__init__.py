"""From studies on disk to batches of augmented slices.

>>> store = tfmed.pipeline.prepare(tfmed.datasets.scan("BRATS2015_Training"), "store")
>>> batches = tfmed.pipeline.slices(store, cases=range(10), augment=Augmentation(), targets=task_targets)
"""

from tfmed.pipeline.augment import Augmentation
from tfmed.pipeline.prepare import prepare
from tfmed.pipeline.slices import Sampler, slices
from tfmed.pipeline.source import VIEWS, Source, SourceCase
from tfmed.pipeline.store import PreparedCase, Store

__all__ = [
    "VIEWS",
    "Augmentation",
    "PreparedCase",
    "Sampler",
    "Source",
    "SourceCase",
    "Store",
    "prepare",
    "slices",
]

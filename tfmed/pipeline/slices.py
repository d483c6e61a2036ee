"""Batches of augmented slices as a ``tf.data.Dataset``."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tfmed.errors import TfmedError
from tfmed.pipeline import effects, sampling
from tfmed.pipeline.augment import Augmentation, draw
from tfmed.pipeline.source import VIEWS, Source

if TYPE_CHECKING:
    import tensorflow as tf

# Fixed, because tf.data's own tuning lets queues grow without bound.
READY_BATCHES = 4
Targets = Callable[[np.ndarray], dict[str, np.ndarray]]


class Sampler:
    """Sample i of an endless sequence, a function of (seed, i) alone for given settings; see ``slices``."""

    def __init__(
        self,
        source: Source,
        *,
        cases: Sequence[int],
        size: tuple[int, int] = (192, 192),
        seed: int = 0,
        epoch_samples: int = 1000,
        views: Sequence[int] = (0, 1, 2),
        classes: Sequence[int] = (),
        lesion_fraction: float = 0.6,
        augment: Augmentation | None = None,
    ) -> None:
        _check(source, cases, views)
        pools = sampling.pools(source, cases, views, classes)
        self.source, self.size, self.seed = source, size, seed
        self.augment, self.epoch_samples = augment, epoch_samples
        self._epoch = lru_cache(maxsize=2)(
            lambda epoch: sampling.epoch(pools, lesion_fraction, epoch_samples, seed, epoch)
        )

    def slice_of(self, index: int) -> tuple[int, int, int]:
        """Case, view and slice of sample ``index``."""
        epoch, place = divmod(index, self.epoch_samples)
        case, view, number = self._epoch(epoch)[place].tolist()
        return case, view, number

    def generator(self, index: int) -> np.random.Generator:
        """All chance of sample ``index``: first the source draws from it, then the augmentation."""
        return sampling.generator(self.seed, sampling.SAMPLE, index)

    def __call__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Image [H, W, M] float32, present [M] float32 and labels [H, W] uint8 of sample ``index``."""
        rng = self.generator(index)
        image, labels = self.source.slice(*self.slice_of(index), rng)
        # A case lacks a modality, or its field of view ends before this slice: either way nothing of it is
        # given.
        available = np.array([_holds_any(image[..., channel]) for channel in range(image.shape[-1])])
        if self.augment is None:
            parameters = effects.unchanged(available)
        else:
            parameters = draw(self.augment, available, self.size, rng)
        image, labels = effects.apply(image, labels, parameters, self.size)
        return image, parameters.present.astype(np.float32), labels


def slices(
    source: Source,
    *,
    cases: Sequence[int],
    size: tuple[int, int] = (192, 192),
    batch: int = 8,
    seed: int = 0,
    epoch_samples: int = 1000,
    start: int = 0,
    views: Sequence[int] = (0, 1, 2),
    classes: Sequence[int] = (),
    lesion_fraction: float = 0.6,
    augment: Augmentation | None,
    targets: Targets,
    shard: tuple[int, int] = (0, 1),
) -> "tf.data.Dataset":
    """An endless dataset of (inputs, targets) whose sample i is a function of (seed, i).

    ``inputs`` are ``image`` [N, H, W, M] float32 and ``present`` [N, M] float32; ``targets`` is what the pure
    function of the same name makes of labels [H, W] uint8, with arrays of fixed shape, batched. Slices are
    cropped or padded around their centre to ``size``. ``cases`` are numbers into ``source.cases``. A share of
    ``lesion_fraction`` of each epoch of ``epoch_samples`` samples shows lesion, and each label value of
    ``classes`` an equal part of that share; the epochs follow each other without end, from sample ``start``
    on. Worker ``shard[0]`` of ``shard[1]`` gets every ``shard[1]``-th sample.
    """
    import tensorflow as tf

    sampler = Sampler(
        source,
        cases=cases,
        size=size,
        seed=seed,
        epoch_samples=epoch_samples,
        views=views,
        classes=classes,
        lesion_fraction=lesion_fraction,
        augment=augment,
    )
    blank = targets(np.zeros(size, np.uint8))
    names = list(blank)
    arrays = [
        np.empty((*size, len(source.modalities)), np.float32),
        np.empty(len(source.modalities), np.float32),
    ]
    arrays += [np.asarray(blank[name]) for name in names]

    def compute(indices: np.ndarray) -> list[np.ndarray]:
        found = [np.empty((len(indices), *array.shape), array.dtype) for array in arrays]
        for place, index in enumerate(indices):
            image, present, labels = sampler(int(index))
            made = targets(labels)
            for whole, part in zip(found, (image, present, *(made[name] for name in names)), strict=True):
                whole[place] = part
        return found

    def load(indices: "tf.Tensor") -> tuple[dict[str, "tf.Tensor"], dict[str, "tf.Tensor"]]:
        image, present, *rest = tf.numpy_function(compute, [indices], [array.dtype for array in arrays])
        for tensor, array in zip((image, present, *rest), arrays, strict=True):
            tensor.set_shape((batch, *array.shape))
        return {"image": image, "present": present}, dict(zip(names, rest, strict=True))

    worker, workers = shard
    indices = tf.data.Dataset.range(start + worker, np.iinfo(np.int64).max, workers)
    batches = indices.batch(batch, drop_remainder=True)
    # One call at a time: NumPy's calls are so short that two threads wait for Python's lock more than they
    # work, and make fewer slices of twice the CPU.
    return batches.map(load).prefetch(READY_BATCHES)


def _holds_any(plane: np.ndarray) -> bool:
    """Whether anything in a plane [h, w] isn't 0; a few pixels tell in most."""
    return bool(plane[::8, ::8].any() or plane.any())


def _check(source: Source, cases: Sequence[int], views: Sequence[int]) -> None:
    if not set(views) <= set(range(len(VIEWS))) or not views:
        raise TfmedError(f"views are numbers into {VIEWS}. Received: {tuple(views)}")
    # Sources that make their own truth have no unlabelled case and need not say so.
    bare = [
        source.cases[number].id for number in cases if not getattr(source.cases[number], "labelled", True)
    ]
    if bare:
        raise TfmedError(f"{len(bare)} of {len(cases)} cases have no labels to learn from, such as {bare[0]}")

"""The way from a raw volume to fused labels as one TensorFlow function, called in-process and exported."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from tfmed import garbage
from tfmed.inference import normalisation
from tfmed.inference.boxes import HEAD_MARGIN
from tfmed.inference.rules import Paint, Rules

# Slices of a view lie along this axis of [X, Y, Z]; the other two keep their order as rows and columns.
VIEW_AXES = {"axial": 2, "coronal": 1, "sagittal": 0}
# Empty pixels that the model sees around the head in a batch of slices.
SLICE_MARGIN = 4
# Batches at once: one computes where the other waits for an operation that uses a single thread.
ABREAST = 2


class StudyPredictor(tf.Module):
    """A model of slices, applied to every slice of three views of a volume and fused.

    The function `predict` holds stock operations only (as far as the model does) and no Python state, so
    that the same object is called in-process and exported as a signature.
    """

    def __init__(
        self,
        model: Any,
        rules: Rules | None = None,
        batch: int = 4,
        probability: bool = False,
        flips: bool = False,
    ) -> None:
        """
        Args:
            model: a model of the zoo: `modalities`, `card`, `decode`, and a call on slices.
            rules: fusion rules; those of the model's card by default.
            batch: slices that go through the model at once.
            probability: also return the fused probability of every region.
            flips: take the mean of each slice's regions and those of its mirror image.
        """
        super().__init__(name="study_predictor")
        self.model = model
        self.rules = rules or Rules.from_card(model.card)
        self.batch = batch
        self.probability, self.flips = probability, flips
        modalities = len(model.modalities)
        signature = [
            tf.TensorSpec([None, None, None, modalities], tf.float32, name="volume"),
            tf.TensorSpec([modalities], tf.float32, name="present"),
        ]
        # Without autograph: reading the source of the network and rewriting it takes longer than its tracing.
        self.predict = tf.function(self._predict, input_signature=signature, autograph=False)
        # A function of its own that stays one, so that the network is in the graph once and not once a view.
        axis = tf.TensorSpec([], tf.int32, name="axis")
        self._view = tf.function(
            self._slices,
            input_signature=[*signature, axis],
            autograph=False,
            experimental_attributes={"_noinline": True},
        )

    def __call__(self, volume: np.ndarray, present: np.ndarray) -> dict[str, np.ndarray]:
        """What `predict` gives, as arrays, by the shortest way in this process."""
        with _without_grappler(), garbage.kept():
            return {name: value.numpy() for name, value in self.predict(volume, present).items()}

    def _predict(self, volume: tf.Tensor, present: tf.Tensor) -> dict[str, tf.Tensor]:
        """A study's labels.

        Args:
            volume: [X, Y, Z, M] float32, raw intensities in canonical orientation at 1 mm, the background of
                every modality one constant value.
            present: [M] float32, 1 where the modality was given.

        Returns:
            labels: uint8 [X, Y, Z], values of `rules.edition`.
            certainty: uint8 [X, Y, Z], how far the probability of what was painted lies above its threshold:
                0 there and where nothing is, 255 at a probability of 1.
            owner: uint8 [3, X, Y, Z], for each view the 1-based detection of its slice that owns the voxel,
                or 0.
            scores: float32 [3, max(X, Y, Z), D], for each view and slice the scores of its detections, padded
                with 0.
            probability: uint8 [X, Y, Z, K], 255 x probability of each region, if asked for.
        """
        inside = normalisation.foreground(volume, present)
        low, high = bounding_box(tf.reduce_any(inside, -1), HEAD_MARGIN)
        # Cropped before it is scaled: the moments are the same, and most of a volume is background.
        raw, inside = (
            array[low[0] : high[0], low[1] : high[1], low[2] : high[2]] for array in (volume, inside)
        )
        cropped = normalisation.normalise(raw, inside)
        total, owners, scores = self._views(cropped, present)
        shape = tf.shape(volume)[:3]
        around = tf.stack([low, shape - high], axis=1)
        labels, certainty = self._labels(total)
        result = {
            "labels": tf.pad(labels, around),
            "certainty": tf.pad(_bytes(certainty), around),
            "owner": tf.pad(tf.stack(owners), tf.concat([[[0, 0]], around], 0)),
            "scores": self._align_scores(scores, low, shape),
        }
        if self.probability:
            result["probability"] = tf.pad(_bytes(tf.stack(total, -1)), tf.concat([around, [[0, 0]]], 0))
        return result

    def _views(
        self, volume: tf.Tensor, present: tf.Tensor
    ) -> tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]:
        """Each region's mean probability and each view's owners, [x, y, z] all; each view's scores [n, D]."""
        weights = self.rules.view_weights
        # A region at a time: all at once would need as much again meanwhile.
        total = [tf.zeros([], tf.float32)] * len(self.rules.regions)
        owners, scores = [], []
        for axis, weight in zip(VIEW_AXES.values(), weights, strict=True):
            # One view after the other: together they would hold three times the memory.
            with tf.control_dependencies(total):
                regions, owner, score = self._view(volume, present, axis)
            share = weight / sum(weights)
            total = [
                mean + tf.cast(_restore(regions[..., number], axis), tf.float32) * share
                for number, mean in enumerate(total)
            ]
            owners.append(_restore(owner, axis))
            scores.append(score)
        return total, owners, scores

    def _slices(
        self, volume: tf.Tensor, present: tf.Tensor, axis: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Regions float16 [n, H, W, K], owners uint8 [n, H, W] and scores [n, D] of all slices along an axis
        of the volume [x, y, z, M].
        """
        axes = tf.range(4)
        # Slices are turned a batch at a time: a turned volume beside the volume would be as large again.
        order = tf.concat([[axis], tf.boolean_mask(axes, axes != axis)], 0)
        shape = tf.shape(volume)
        batches = (shape[axis] + self.batch - 1) // self.batch
        arrays = tuple(
            tf.TensorArray(dtype, batches, infer_shape=False, element_shape=shape)
            for dtype, shape in (
                # Halves: nothing larger is held than a view's regions, and their mean needs no more digits.
                (tf.float16, [None, None, None, len(self.rules.regions)]),
                (tf.uint8, [None, None, None]),
                (tf.float32, [None, None]),
            )
        )

        def step(i: tf.Tensor, arrays: tuple[tf.TensorArray, ...]) -> tuple[Any, ...]:
            first = tf.where(axes == axis, i * self.batch, 0)
            length = tf.where(axes == axis, tf.minimum(self.batch, shape - first), shape)
            slices = tf.transpose(tf.slice(volume, first, length), order)
            found = self._batch(tf.ensure_shape(slices, [None, None, None, volume.shape[-1]]), present)
            return i + 1, tuple(array.write(i, each) for array, each in zip(arrays, found, strict=True))

        _, arrays = tf.while_loop(
            lambda i, _: i < batches, step, (tf.constant(0), arrays), parallel_iterations=ABREAST
        )
        return tuple(array.concat() for array in arrays)

    def _batch(self, image: tf.Tensor, present: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """What `_slices` gives, of as many slices as go through the model at once.

        The model sees no more of them than holds the head: towards the ends of a view that is little.
        """
        low, high = bounding_box(tf.reduce_any(image != 0, -1), SLICE_MARGIN)
        around = tf.stack([low, tf.shape(image)[:3] - high], axis=1)[1:]
        image = image[:, low[1] : high[1], low[2] : high[2]]
        _, height, width, _ = tf.unstack(tf.shape(image))
        given = tf.repeat(present[tf.newaxis], tf.shape(image)[0], axis=0)
        outputs = self.model({"image": image, "present": given}, training=False)
        decoded = self.model.decode(outputs, height, width)
        regions = decoded["regions"]
        if self.flips:
            mirrored = self.model({"image": image[:, ::-1], "present": given}, training=False)
            regions = (regions + self.model.decode(mirrored, height, width)["regions"][:, ::-1]) / 2
        placed = tf.concat([[[0, 0]], around], 0)
        return (
            tf.pad(tf.cast(regions, tf.float16), tf.concat([placed, [[0, 0]]], 0)),
            tf.pad(tf.cast(decoded["owner"], tf.uint8), placed),
            outputs["scores"],
        )

    def _labels(self, probability: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Label values uint8 [x, y, z] of the regions' probabilities [x, y, z], nested by the painting rules,
        and their certainty, 0..1.
        """
        shape = tf.shape(probability[0])
        nothing = tf.zeros(shape, tf.uint8), tf.zeros(shape, tf.float32)
        return self._paint(nothing, self.rules.paints(), tf.ones(shape, tf.bool), probability)

    def _paint(
        self,
        painted: tuple[tf.Tensor, tf.Tensor],
        paints: tuple[Paint, ...],
        parent: tf.Tensor,
        probability: list[tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Paint siblings inside their parent; where several are on, the one farthest above its threshold."""
        margins = [probability[self._channel(p)] - self.rules.threshold(p.region) for p in paints]
        for paint, margin in zip(paints, margins, strict=True):
            others = [other for other in margins if other is not margin]
            best = tf.reduce_all([margin >= other for other in others], axis=0) if others else parent
            on = parent & (margin >= 0) & best
            labels, certainty = painted
            labels = tf.where(on, tf.constant(paint.value, tf.uint8), labels)
            certainty = tf.where(on, margin / (1 - self.rules.threshold(paint.region)), certainty)
            painted = self._paint((labels, certainty), paint.children, on, probability)
        return painted

    def _channel(self, paint: Paint) -> int:
        return self.rules.regions.index(paint.region)

    def _align_scores(self, scores: list[tf.Tensor], low: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
        """Scores [n, D] of each view's cropped slices, at the whole volume's indices: [3, max, D]."""
        longest = tf.reduce_max(shape)
        return tf.stack(
            [
                tf.pad(score, [[low[axis], longest - low[axis] - tf.shape(score)[0]], [0, 0]])
                for axis, score in zip(VIEW_AXES.values(), scores, strict=True)
            ]
        )


@contextmanager
def _without_grappler() -> Iterator[None]:
    """Grappler rewrites the graph at its first call, which takes seconds, and makes it no faster."""
    name = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options().get(name, False)
    tf.config.optimizer.set_experimental_options({name: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({name: before})


def _bytes(fraction: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round(fraction * 255), tf.uint8)


def bounding_box(mask: tf.Tensor, margin: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Half-open box (low [3], high [3], int32) of a bool [X, Y, Z] plus a margin; all if nothing is set."""
    low, high = [], []
    for axis, length in enumerate(tf.unstack(tf.shape(mask))):
        filled = tf.cast(tf.reduce_any(mask, axis=[a for a in range(3) if a != axis]), tf.int32)
        first = tf.argmax(filled, output_type=tf.int32)
        last = length - tf.argmax(filled[::-1], output_type=tf.int32)
        low.append(tf.maximum(first - margin, 0))
        high.append(tf.minimum(last + margin, length))
    return tf.stack(low), tf.stack(high)


def _restore(stacked: tf.Tensor, axis: int) -> tf.Tensor:
    """Slices [n, H, W] of a view back to [x, y, z]: their stacking axis moves to `axis`."""
    order = [1, 2]
    order.insert(axis, 0)
    return tf.transpose(stacked, order)

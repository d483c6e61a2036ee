"""A model of slices over all slices of a study's three views, each stage of its answers scored."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfmed import tasks
from tfmed.errors import TfmedError
from tfmed.evaluation.stages import Found, Tally, add_slice
from tfmed.inference import normalisation
from tfmed.inference.graph import VIEW_AXES
from tfmed.inference.rules import Rules
from tfmed.inference.working import working_volume
from tfmed.study import LabelMap, Study

BATCH = 8
# Instances pasted at once: each is a whole slice for a moment.
PASTED = 16
NEEDED = ("boxes", "scores", "classes", "masks", "stage2_boxes", "stage3_masks")


def stage_scorer(model: Any) -> Callable[[Study], dict[str, Tally]]:
    """A function from a study with labels to the tally of every class of the model's card, by name."""
    task = tasks.get(model.card)
    modalities = len(model.modalities)
    signature = [
        {
            "image": tf.TensorSpec([None, None, None, modalities], tf.float32),
            "present": tf.TensorSpec([None, modalities], tf.float32),
        }
    ]
    run = tf.function(lambda inputs: model(inputs, training=False), input_signature=signature)

    def score(study: Study) -> dict[str, Tally]:
        if study.labels is None:
            raise TfmedError(f"Study {study.case_id} has no labels to compare with.")
        edition = study.labels.edition or Rules.from_card(model.card).edition
        tallies = {each["id"]: Tally() for each in task.classes}
        for image, present, labels in _batches(study, study.labels, tuple(model.modalities)):
            outputs = {name: found.numpy() for name, found in run(_inputs(image, present)).items()}
            found = _found(model, outputs, labels.shape[1:])
            for each, slice_labels in zip(found, labels, strict=True):
                if len(each.scores) or slice_labels.any():
                    add_slice(tallies, each, task.targets(slice_labels, edition))
        return {each["name"]: tallies[each["id"]] for each in task.classes}

    return score


def _inputs(image: np.ndarray, present: np.ndarray) -> dict[str, tf.Tensor]:
    return {"image": tf.constant(image), "present": tf.constant(present)}


def _batches(
    study: Study, truth: LabelMap, modalities: tuple[str, ...]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(image [n, H, W, M], present [n, M], labels [n, H, W]) over the head, as the study function sees it."""
    working = working_volume(study, modalities)
    raw = tf.constant(working.volume)
    inside = normalisation.foreground(raw, tf.constant(working.present))
    volume, labels = normalisation.normalise(raw, inside).numpy(), working.take(truth)
    for axis in VIEW_AXES.values():
        images, regions = np.moveaxis(volume, axis, 0), np.moveaxis(labels, axis, 0)
        for first in range(0, len(images), BATCH):
            image = images[first : first + BATCH]
            yield image, np.repeat(working.present[None], len(image), 0), regions[first : first + BATCH]


def _found(model: Any, outputs: dict[str, np.ndarray], size: tuple[int, int]) -> list[Found]:
    """Detections of every slice of a batch, with their masks in the slice."""
    slices, rows = np.nonzero(outputs["scores"] > 0)
    chosen = {name: outputs[name][slices, rows] for name in NEEDED}
    masks = _pasted(model, chosen["boxes"], chosen["masks"], size)
    early = _pasted(model, chosen["stage2_boxes"], chosen["stage3_masks"], size)
    return [
        Found(
            chosen["scores"][mine], chosen["classes"][mine], chosen["boxes"][mine],
            chosen["stage2_boxes"][mine], masks[mine], early[mine],
        )
        for mine in (slices == n for n in range(len(outputs["scores"])))
    ]  # fmt: skip


def _pasted(model: Any, boxes: np.ndarray, masks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Each detection alone in a slice: bool [R, H, W]."""
    pasted = np.zeros((len(boxes), *size), bool)
    for first in range(0, len(boxes), PASTED):
        part = slice(first, first + PASTED)
        alone = model.paste(tf.constant(boxes[part, None]), tf.constant(masks[part, None]), *size)
        pasted[part] = alone[:, 0].numpy() >= 0.5
    return pasted

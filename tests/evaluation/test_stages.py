"""Stages of a slice by hand: what was found where, and how well."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inference.threshold_model import CARD
from tfmed.evaluation.stages import Found, Tally, add_slice, box_iou, mask_iou
from tfmed.tasks import get

SIZE = (20, 24)


def mask(y1: int, x1: int, y2: int, x2: int) -> np.ndarray:
    found = np.zeros(SIZE, bool)
    found[y1:y2, x1:x2] = True
    return found


def found(*detections: tuple[float, int, tuple, tuple]) -> Found:
    """(score, class, early box, box), the masks filling them."""
    early = [np.array(each[2], np.float32) for each in detections]
    late = [np.array(each[3], np.float32) for each in detections]
    return Found(
        np.array([each[0] for each in detections]),
        np.array([each[1] for each in detections], int),
        np.array(late).reshape(-1, 4),
        np.array(early).reshape(-1, 4),
        np.array([mask(*map(int, box)) for box in late], bool).reshape(-1, *SIZE),
        np.array([mask(*map(int, box)) for box in early], bool).reshape(-1, *SIZE),
    )


def tally(*detections: tuple) -> dict[int, Tally]:
    """Of a slice with a lesion of 10 x 10 pixels of oedema whose middle of 4 x 4 enhances."""
    labels = np.where(mask(4, 4, 14, 14), 2, 0)
    labels[mask(7, 7, 11, 11)] = 4
    tallies = {number: Tally() for number in range(1, 6)}
    add_slice(tallies, found(*detections), get(CARD).targets(labels, "brats2015"))
    return tallies


def test_a_perfect_slice_is_perfect_in_every_stage() -> None:
    whole, core = (4, 4, 14, 14), (7, 7, 11, 11)
    tallies = tally((0.9, 1, whole, whole), (0.8, 2, core, core), (0.7, 3, core, core))
    for number in (1, 2, 3):
        assert [tallies[number].accuracy(stage) for stage in ("box", "mask", "instance")] == [1, 1, 1]
        assert tallies[number].dice("instance") == 1
        assert tallies[number].boxes[0].hits.all() and tallies[number].masks[0].truths == 1
    # Non-enhancing core is neither there nor found; oedema is there, a ring, and nothing was found of it.
    assert tallies[4].accuracy("box") is None and tallies[4].dice("instance") is None
    assert tallies[5].accuracy("box") == 0 and tallies[5].accuracy("mask") is None
    assert tallies[5].accuracy("instance") == pytest.approx(0.16) and tallies[5].dice("instance") == 0


def test_each_stage_is_judged_by_its_own_box_and_mask() -> None:
    shifted = (4, 6, 14, 16)
    (whole, *_) = tally((0.9, 1, shifted, (4, 4, 14, 14))).values()
    assert whole.accuracy("box") == 1 and whole.accuracy("instance") == 1
    assert whole.accuracy("mask") == pytest.approx(0.8)
    assert whole.dice("mask") == pytest.approx(0.8) and whole.dice("instance") == 1


def test_a_box_under_half_in_common_is_not_found_and_has_no_mask_accuracy() -> None:
    far = (4, 9, 14, 19)
    (whole, *_) = tally((0.9, 1, far, far)).values()
    assert whole.accuracy("box") == 0 and whole.accuracy("mask") is None
    assert whole.accuracy("instance") == pytest.approx(0.5)
    assert not whole.boxes[0].hits.any()


def test_the_wrong_class_finds_nothing() -> None:
    tallies = tally((0.9, 2, (4, 4, 14, 14), (4, 4, 14, 14)))
    assert tallies[1].accuracy("box") == 0 and tallies[2].accuracy("box") == 0


def test_a_class_that_the_edition_does_not_label_is_left_out() -> None:
    tallies = {number: Tally() for number in range(1, 6)}
    labels = np.where(mask(4, 4, 14, 14), 2, 0)
    box = (4, 4, 14, 14)
    add_slice(tallies, found((0.9, 4, box, box)), get(CARD).targets(labels, "brats2018"))
    assert tallies[4].boxes == [] and tallies[1].accuracy("box") == 0


boxes = st.tuples(*[st.integers(0, 8)] * 2, *[st.integers(9, 19)] * 2)


@given(boxes, boxes)
def test_iou_of_whole_boxes_is_that_of_their_masks(a: tuple, b: tuple) -> None:
    by_box = box_iou(np.array([a], float), np.array([b], float))
    assert by_box == pytest.approx(mask_iou(mask(*a)[None], mask(*b)[None]))
    assert box_iou(np.array([a], float), np.array([a], float)) == 1


def test_a_box_without_area_covers_nothing() -> None:
    assert box_iou(np.zeros((1, 4)), np.zeros((1, 4))) == 0
    assert mask_iou(np.zeros((1, *SIZE), bool), np.zeros((1, *SIZE), bool)) == 0


def test_every_slice_of_three_views_goes_through_the_model() -> None:
    from tests.inference.heads import make_study
    from tfmed.evaluation.slices import stage_scorer

    study = make_study()
    model = Drawer(study)
    tallies = stage_scorer(model)(study)
    assert tallies["whole"].accuracy("box") == 1 and tallies["whole"].dice("instance") == 1
    # The mask estimate of the double is the left half of its box.
    assert tallies["whole"].accuracy("mask") == pytest.approx(0.5, abs=0.1)
    assert tallies["core"].accuracy("box") == 0 and tallies["non_enhancing"].accuracy("box") is None
    # Two lesions: 10 + 5 slices along one axis, 14 + 5 and 14 + 5 along the others; seen from the front and
    # above they share no slice, but a slice with both would count both.
    assert sum(pool.truths for pool in tallies["whole"].boxes) == 10 + 14 + 14 + 3 * 5


class Drawer:
    """Answers each slice with the boxes of its lesions (bright FLAIR), as class 1, masks full."""

    card, modalities = CARD, ("flair", "t1", "t1c", "t2")

    def __init__(self, study) -> None:
        self.task = get(CARD)

    def __call__(self, inputs: dict, training: bool) -> dict:
        import tensorflow as tf

        boxes = tf.numpy_function(self.boxes, [inputs["image"]], tf.float32)
        boxes.set_shape([None, 2, 4])
        real = tf.reduce_any(boxes > 0, -1)
        left = tf.constant(np.repeat(np.arange(8)[None] < 4, 8, 0).astype(np.float32))
        full = tf.ones([tf.shape(boxes)[0], 2, 8, 8])
        return {
            "boxes": boxes,
            "stage2_boxes": boxes,
            "scores": tf.cast(real, tf.float32),
            "classes": tf.cast(real, tf.int32),
            "masks": full,
            "stage3_masks": full * left,
        }

    def boxes(self, image: np.ndarray) -> np.ndarray:
        slices = [self.task.targets(np.where(each[..., 0] > 4, 2, 0), "brats2015") for each in image]
        return np.array([each["boxes"][:2, 0] for each in slices], np.float32)

    def paste(self, boxes, masks, height: int, width: int):
        from tfmed.layers.roi import paste

        return paste(masks, boxes, height, width)

"""The head as the study function takes it, and its labels back on the study's own grid."""

import warnings
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmed import geometry
from tfmed.inference.boxes import HEAD_MARGIN
from tfmed.inference.working import working_volume
from tfmed.study import LabelMap, Study, Volume

SHAPE = (9, 11, 8)
TURNS = list(product(permutations(range(3)), product((1, -1), repeat=3)))


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """A head of random voxels in a random box, which may touch the rim, with labels in it, turned at will."""
    sides = [sorted(draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True))) for n in SHAPE]
    box = tuple(slice(*side) for side in sides)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images = {}
    for name in ("flair", "t1"):
        array = np.zeros(SHAPE, np.float32)
        array[box] = rng.uniform(1, 2, array[box].shape)
        images[name] = array
    labels = np.zeros(SHAPE, np.uint8)
    labels[box] = rng.integers(0, 5, labels[box].shape)
    axes, signs = draw(st.sampled_from(TURNS))
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = rng.uniform(-50, 50, 3)
    mask = (images["flair"] > 0).astype(np.uint8)
    turned = {name: geometry.reorient(array, affine, axes, signs) for name, array in images.items()}
    return Study(
        "case",
        {name: Volume(*each) for name, each in turned.items()},
        labels=LabelMap(*geometry.reorient(labels, affine, axes, signs)),
        mask=Volume(*geometry.reorient(mask, affine, axes, signs)),
    )


@settings(deadline=None)
@given(studies())
def test_labels_go_to_the_head_and_come_back(study: Study) -> None:
    working = working_volume(study, ("flair", "t1c", "t1"))
    taken = working.take(study.labels)
    assert np.array_equal(working.restore(taken), study.labels.array)
    assert np.count_nonzero(taken) == np.count_nonzero(study.labels.array)


@settings(deadline=None)
@given(studies())
def test_the_volume_is_the_head_and_its_margin(study: Study) -> None:
    working = working_volume(study, ("flair", "t1c", "t1"))
    head = working.take(LabelMap(study.mask.array, study.affine)) > 0
    for axis in range(3):
        filled = np.flatnonzero(head.any(axis=tuple(a for a in range(3) if a != axis)))
        margins = filled[0], head.shape[axis] - 1 - filled[-1]
        # Where the study's box cuts the head off, there is less background to show.
        assert min(margins) >= 1 and max(margins) <= HEAD_MARGIN
    assert list(working.present) == [1, 0, 1] and not working.volume[..., 1].any()
    for number, name in ((0, "flair"), (2, "t1")):
        channel = working.volume[..., number]
        assert np.array_equal(
            channel[head],
            geometry.resample(
                study.images[name].array, study.affine, channel.shape, working.affine, "nearest"
            )[head],
        )
        (outside,) = np.unique(channel[~head])
        assert outside < channel[head].min()


@settings(deadline=None)
@given(studies())
def test_what_is_found_beyond_the_grid_is_left_out(study: Study) -> None:
    working = working_volume(study, ("flair", "t1"))
    everything = np.ones(working.volume.shape[:3], np.uint8)
    restored = working.restore(everything)
    assert restored.shape == study.shape
    assert restored[study.mask.array > 0].all()
    assert restored.sum() <= everything.sum()


@pytest.mark.parametrize(
    ("side", "words"), [(40, "less than a brain"), (90, None), (160, "more than a brain")]
)
def test_a_foreground_that_is_no_brain_is_doubted(side: int, words: str | None) -> None:
    rng = np.random.default_rng(0)
    array = np.zeros((170, 170, 170), np.float32)
    array[5 : 5 + side, 5 : 5 + side, 5 : 5 + side] = rng.uniform(1, 2, (side,) * 3)
    study = Study("block", {"flair": Volume(array, np.eye(4))})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        doubts = working_volume(study, ("flair",)).warnings
    assert [words in doubt for doubt in doubts] == ([True] if words else [])

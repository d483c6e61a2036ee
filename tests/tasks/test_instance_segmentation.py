"""Targets of instance segmentation: lesions, nested regions, boxes that fit, editions that lack a region."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from tfmed import tasks, zoo
from tfmed.errors import TfmedError
from tfmed.tasks.instance_segmentation import MAX_LESIONS, MIN_PIXELS

TASK = tasks.get(zoo.card("brats_instance_seg"))
NAMES = [each["name"] for each in TASK.classes]
labels = hnp.arrays(np.uint8, (24, 24), elements=st.sampled_from([0, 0, 0, 1, 2, 3, 4]))


@settings(deadline=None, max_examples=60)
@given(labels)
def test_boxes_are_tight_around_the_parts_of_each_lesion(drawn: np.ndarray) -> None:
    found = TASK.targets(drawn, "brats2015")
    for g in range(MAX_LESIONS):
        for k in range(len(NAMES)):
            part = (found["owner"] == g + 1) & (found["regions"][..., k] == 1)
            assert found["valid"][g, k] == (part.sum() >= MIN_PIXELS)
            if found["valid"][g, k]:
                rows, columns = np.nonzero(part)
                tight = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
                np.testing.assert_array_equal(found["boxes"][g, k], tight)


@settings(deadline=None, max_examples=60)
@given(labels)
def test_lesions_are_the_largest_connected_components(drawn: np.ndarray) -> None:
    owner = TASK.targets(drawn, "brats2015")["owner"]
    components, count = ndimage.label(drawn > 0, np.ones((3, 3)))
    assert owner.max() == min(count, MAX_LESIONS)
    sizes = np.bincount(owner.ravel())[1:]
    assert all(a >= b > 0 for a, b in itertools.pairwise(sizes))
    for g in range(1, owner.max() + 1):
        assert len(np.unique(components[owner == g])) == 1


def test_regions_are_nested() -> None:
    found = TASK.targets(np.array([[0, 1, 2, 3, 4]], np.uint8), "brats2015")["regions"][0]
    assert dict(zip(NAMES, found.T.tolist(), strict=True)) == {
        "whole": [0, 1, 1, 1, 1],
        "core": [0, 1, 0, 1, 1],
        "enhancing": [0, 0, 0, 0, 1],
        "non_enhancing": [0, 0, 0, 1, 0],
        "oedema": [0, 0, 1, 0, 0],
    }


def test_three_means_enhancing_in_2023_and_non_enhancing_in_2015() -> None:
    three = np.full((4, 4), 3, np.uint8)
    new, old = (TASK.targets(three, edition)["regions"][0, 0] for edition in ("brats2023", "brats2015"))
    assert new[NAMES.index("enhancing")] == 1 and old[NAMES.index("enhancing")] == 0


def test_an_edition_without_a_region_says_so() -> None:
    known = TASK.targets(np.zeros((4, 4), np.uint8), "brats2018")["known"]
    assert known[NAMES.index("non_enhancing")] == 0 and known[NAMES.index("enhancing")] == 1


def test_an_unknown_edition_is_refused() -> None:
    with pytest.raises(TfmedError, match=r"isles2015.*brats2015"):
        TASK.targets(np.zeros((4, 4), np.uint8), "isles2015")


def test_scores_of_the_truth_are_perfect() -> None:
    drawn = np.random.default_rng(0).integers(0, 5, (16, 16)).astype(np.uint8)
    found = {key: value[None] for key, value in TASK.targets(drawn, "brats2015").items()}
    scores = TASK.scores(found, found["regions"].astype(float))
    assert set(scores) == set(NAMES)
    assert all(both == total > 0 for both, total in scores.values())

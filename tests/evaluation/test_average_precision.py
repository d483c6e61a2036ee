"""Average precision by hand, and what must hold of it whatever the detections."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmed.evaluation.average_precision import IOUS, Pool, average_precision, hits, interval, pooled


def test_the_surer_detection_takes_the_instance_that_both_cover() -> None:
    iou = np.array([[0.9, 0.0], [0.95, 0.6]])
    found = hits(np.array([0.8, 0.9]), iou, np.array([0.5, 0.7]))
    np.testing.assert_array_equal(found, [[False, False], [True, True]])
    swapped = hits(np.array([0.9, 0.8]), iou, np.array([0.5, 0.7]))
    np.testing.assert_array_equal(swapped, [[True, True], [True, False]])


def test_a_true_instance_is_matched_once() -> None:
    iou = np.array([[0.0, 0.9], [0.0, 0.8]])
    np.testing.assert_array_equal(hits(np.array([0.9, 0.8]), iou, np.array([0.5])), [[True], [False]])


def test_average_precision_by_hand() -> None:
    scores = np.array([0.9, 0.8, 0.7])
    found = np.array([[True], [False], [True]])
    # Up to recall 1/2 (51 points) precision 1; up to 1 (50 points) two thirds.
    assert average_precision(scores, found, 2) == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert average_precision(scores, found, 4) == pytest.approx((26 + 25 * 2 / 3) / 101)
    assert average_precision(np.zeros(0), np.zeros((0, 1), bool), 3) == 0


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 6))
def test_counting_a_case_twice_by_weight_is_having_it_twice(seed: int, n: int, truths: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = (Pool(rng.random(n), hits(rng.random(n), rng.random((n, truths))), truths) for _ in "ab")
    twice, once = pooled([one, one, other]), pooled([one, other])
    by_weight = average_precision(once.scores, once.hits, 3 * truths, np.repeat([2.0, 1.0], n))
    assert by_weight == pytest.approx(average_precision(twice.scores, twice.hits, twice.truths))
    assert ((by_weight >= 0) & (by_weight <= 1)).all()


@given(st.integers(0, 10_000))
def test_false_detections_only_lower_it_and_order_decides_by_how_much(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, found = rng.random(20), rng.random((20, 1)) < 0.6
    plain = average_precision(scores, found, 20)
    last = average_precision(np.append(scores, -1), np.append(found, [[False]], 0), 20)
    first = average_precision(np.append(scores, 2), np.append(found, [[False]], 0), 20)
    assert last == pytest.approx(plain) and first <= plain


def test_perfect_instances_have_one_and_the_interval_resamples_patients() -> None:
    good = Pool(np.array([0.9]), np.ones((1, 10), bool), 1)
    bad = Pool(np.array([0.95]), np.zeros((1, 10), bool), 1)
    perfect = interval([good, good], "ab", slice(None))
    assert (perfect.mean, perfect.n, perfect.patients, perfect.interval) == (1.0, 2, 2, (1.0, 1.0))
    mixed = interval([good, bad, good, bad], "abcd", slice(0, 1))
    assert mixed.interval[0] < mixed.mean < mixed.interval[1]
    assert interval([good], "a", slice(None)).interval is None
    assert interval([Pool(np.zeros(0), np.zeros((0, len(IOUS)), bool), 0)], "a", slice(None)).mean is None

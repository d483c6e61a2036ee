"""The FROC curve by hand, and what it does when lesions are added."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed.evaluation import froc
from tfmed.evaluation.scorers import Candidate


@dataclass
class Case:
    true_lesions: int
    candidates: list[Candidate] | None = field(default_factory=list)


def case(true_lesions: int, *found: tuple[float, bool]) -> Case:
    return Case(true_lesions, [Candidate(confidence, float(hit), hit, 1.0) for confidence, hit in found])


def test_the_curve_of_four_lesions_by_hand() -> None:
    confidences = np.array([0.9, 0.5, 0.5, 0.2, 0.8])
    matched = np.array([True, True, False, True, False])
    false, sensitivity = froc.curve(confidences, matched, true_lesions=4, cases=2)
    np.testing.assert_allclose(false, [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(sensitivity, [0, 0.25, 0.25, 0.5, 0.75])
    np.testing.assert_allclose(
        froc.sensitivities(false, sensitivity), [0.25, 0.25, 0.25, 0.75, 0.75, 0.75, 0.75]
    )


def test_candidates_of_one_confidence_pass_together_whatever_their_order() -> None:
    one = froc.summary([case(2, (0.5, True), (0.5, False))] * 2, "ab")
    other = froc.summary([case(2, (0.5, False), (0.5, True))] * 2, "ab")
    assert one == other and one["sensitivity"][:4] == [0, 0, 0, 0.5]


def test_a_perfect_model_finds_all_without_a_false_one() -> None:
    found = froc.summary([case(1, (0.7, True)), case(2, (0.3, True), (0.9, True))], "ab")
    assert found["sensitivity"] == [1] * 7 and found["interval"] == (1, 1)
    assert (found["cases"], found["true_lesions"], found["candidates"]) == (2, 3, 3)


def test_healthy_cases_count_and_cases_without_confidence_do_not() -> None:
    rows = [case(1, (0.7, True)), case(0, (0.8, False)), Case(5, None)]
    found = froc.summary(rows, "abc")
    assert found["cases"] == 2 and found["true_lesions"] == 1
    assert found["sensitivity"] == [0, 0, 1, 1, 1, 1, 1]
    assert froc.summary([Case(5, None)], "a") is None
    assert froc.summary([case(0, (0.8, False))], "a") is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=20), st.integers(1, 5), st.integers(0, 5))
def test_the_curve_rises_and_false_lesions_only_lower_it(found: list, cases: int, missed: int) -> None:
    confidences, matched = np.array([c for c, _ in found]), np.array([m for _, m in found], bool)
    total = int(matched.sum()) + missed
    false, sensitivity = froc.curve(confidences, matched, total, cases)
    assert (np.diff(false) >= 0).all() and (np.diff(sensitivity) >= 0).all()
    assert 0 <= sensitivity[-1] <= 1 and false[-1] == pytest.approx((~matched).sum() / cases)
    more = froc.curve(np.append(confidences, 2.0), np.append(matched, False), total, cases)
    assert (froc.sensitivities(*more) <= froc.sensitivities(false, sensitivity)).all()


def test_an_interval_resamples_patients_with_all_their_cases() -> None:
    rows = [case(1, (0.9, True)) if number < 5 else case(1) for number in range(10)]
    apart, together = froc.summary(rows, range(10)), froc.summary(rows, [n // 5 for n in range(10)])
    assert together["interval"] == (0, 1)
    assert 0 < apart["interval"][0] < 0.5 < apart["interval"][1] < 1

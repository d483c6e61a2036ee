"""Intervals of means over patients."""

import numpy as np
import pytest

from tfmed.evaluation.bootstrap import mean_interval, paired_difference


def test_the_interval_is_that_of_the_normal_approximation_for_many_patients() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = mean_interval(values.tolist(), range(400))
    half = 1.96 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    np.testing.assert_allclose(found.interval, [values.mean() - half, values.mean() + half], atol=0.03)


def test_cases_of_one_patient_are_drawn_together() -> None:
    values = np.repeat(np.random.default_rng(2).normal(size=30), 10).tolist()
    apart = mean_interval(values, range(300))
    together = mean_interval(values, np.repeat(np.arange(30), 10).tolist())
    assert together.mean == pytest.approx(apart.mean) and (together.n, together.patients) == (300, 30)
    assert np.diff(together.interval) > 2.5 * np.diff(apart.interval)


def test_undefined_values_are_left_out_and_counted() -> None:
    found = mean_interval([1.0, None, 3.0], ["a", "b", "c"])
    assert (found.mean, found.n, found.patients) == (2.0, 2, 2)


@pytest.mark.parametrize(("values", "mean", "n"), [([], None, 0), ([None], None, 0), ([0.5], 0.5, 1)])
def test_too_few_values_have_no_interval(values: list[float | None], mean: float | None, n: int) -> None:
    found = mean_interval(values, range(len(values)))
    assert (found.mean, found.n, found.interval) == (mean, n, None)


def test_the_same_values_give_the_same_interval() -> None:
    values = [0.1, 0.5, 0.9, 0.2]
    assert mean_interval(values, "abcd") == mean_interval(values, "abcd")


def test_a_paired_difference_is_narrower_than_its_parts() -> None:
    rng = np.random.default_rng(3)
    first = rng.normal(size=50)
    second = first + 0.1 + 0.01 * rng.normal(size=50)
    found = paired_difference(first.tolist(), [*second[:-1], None], range(50))
    assert found.n == 49 and 0.09 < found.interval[0] < found.mean < found.interval[1] < 0.11

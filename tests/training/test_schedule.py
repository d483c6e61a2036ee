import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed.training.schedule import average_decay, learning_rate


def test_the_cosine_starts_at_the_peak_halves_midway_and_ends_at_the_final_rate() -> None:
    assert learning_rate(0.2, 0.0, 0) == pytest.approx(0.2)
    assert learning_rate(0.2, 0.5, 500) == pytest.approx(0.1)
    assert learning_rate(0.2, 1.0, 999, final_rate=0.05) == pytest.approx(0.01)


def test_warm_up_is_linear_in_steps() -> None:
    rates = [learning_rate(1.0, 0.0, step, warmup_steps=4) for step in range(6)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])


def test_warm_up_takes_at_most_a_tenth_of_a_short_run() -> None:
    rates = [learning_rate(1.0, step / 50, step, warmup_steps=1000, final_rate=1.0) for step in range(50)]
    assert rates[1] == pytest.approx(0.2) and rates[4] == pytest.approx(0.8) and set(rates[5:]) == {1.0}


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_rate_never_rises_after_warm_up_and_stays_in_bounds(a: float, b: float, final: float) -> None:
    low, high = (learning_rate(1.0, p, 10**6, 100, final) for p in (max(a, b), min(a, b)))
    assert final - 1e-12 <= low <= high + 1e-12 <= 1 + 1e-11


def test_progress_beyond_the_end_is_the_end() -> None:
    assert learning_rate(1.0, 1.3, 5) == learning_rate(1.0, 1.0, 5)


def test_the_average_forgets_quickly_at_first() -> None:
    decays = [average_decay(0.999, step) for step in range(20_000)]
    assert decays == sorted(decays) and decays[0] == 0.1 and decays[-1] == 0.999
    assert math.prod(decays[:100]) < 1e-6

"""Epochs are balanced over kinds of slices, cases and views, and a function of their arguments."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.studies import MemorySource, write
from tfmed.errors import TfmedError
from tfmed.pipeline import prepare, sampling

SOURCE = MemorySource(4)
POOLS = sampling.pools(SOURCE, range(4), (0, 1, 2))


@given(
    samples=st.integers(1, 300), fraction=st.floats(0, 1), seed=st.integers(0, 2**32), index=st.integers(0, 9)
)
def test_an_epoch_has_the_asked_share_of_lesion_slices_and_no_empty_one(
    samples: int, fraction: float, seed: int, index: int
) -> None:
    drawn = sampling.epoch(POOLS, fraction, samples, seed, index)
    assert drawn.shape == (samples, 3)
    lesions = 0
    for case, view, number in drawn:
        image, labels = SOURCE.slice(case, view, number, np.random.default_rng(0))
        assert image.any()
        lesions += labels.any()
    assert lesions == round(samples * fraction)


def test_cases_and_views_take_turns() -> None:
    drawn = sampling.epoch(POOLS, 1.0, 120, 0, 0)
    counts = Counter((int(case), int(view)) for case, view, _ in drawn)
    assert set(counts.values()) == {10} and len(counts) == 12


def test_epochs_and_seeds_differ_and_each_is_the_same_again() -> None:
    one = sampling.epoch(POOLS, 0.6, 100, 0, 0)
    np.testing.assert_array_equal(one, sampling.epoch(POOLS, 0.6, 100, 0, 0))
    assert (one != sampling.epoch(POOLS, 0.6, 100, 0, 1)).any()
    assert (one != sampling.epoch(POOLS, 0.6, 100, 1, 0)).any()


def test_every_slice_of_a_pool_comes_up() -> None:
    drawn = sampling.epoch(POOLS, 0.5, 20000, 0, 0)
    seen = {tuple(row) for row in drawn.tolist()}
    (lesion,), healthy = POOLS
    pairs = [(case, view, number) for case, view, indices in lesion + healthy for number in indices]
    assert seen == {(case, view, int(number)) for case, view, number in pairs}


def test_sources_without_lesions_give_healthy_slices_only() -> None:
    pools = sampling.pools(MemorySource(1, lesions=False), [0], (0,))
    assert len(sampling.epoch(pools, 0.6, 10, 0, 0)) == 10


def test_lesion_slices_are_divided_equally_among_the_chosen_classes(tmp_path: Path) -> None:
    cases = [write(tmp_path / name, name, seed=number) for number, name in enumerate("ab")]
    store = prepare(cases, tmp_path / "store", workers=1)
    assert set(store.cases[0].label_slices) == {1, 2, 4}
    pools = sampling.pools(store, range(2), (0, 1, 2), classes=(1, 2))
    drawn = sampling.epoch(pools, 0.5, 240, 0, 0)
    shown = [set(np.unique(store.slice(case, view, number)[1])) for case, view, number in drawn]
    assert sum(bool(values - {0}) for values in shown) == 120
    assert all(2 in values for values in shown if values - {0})
    assert 60 <= sum(1 in values for values in shown) < 110
    rare = store.cases[0].label_slices[1][0].tolist()
    assert rare == [i for i in range(store.cases[0].shape[2]) if 1 in store.slice(0, 0, i)[1]]
    assert set(rare) < set(store.cases[0].label_slices[2][0].tolist())


def test_a_class_that_no_slice_holds_or_no_case_tells_is_an_error(tmp_path: Path) -> None:
    store = prepare([write(tmp_path / "a", "a")], tmp_path / "store", workers=1)
    with pytest.raises(TfmedError, match=r"label values \[3\]"):
        sampling.pools(store, [0], (0,), classes=(1, 3))
    with pytest.raises(TfmedError, match="case0 doesn't tell"):
        sampling.pools(SOURCE, [0], (0,), classes=(1,))


def test_no_brain_at_all_is_an_error() -> None:
    with pytest.raises(TfmedError, match="no slice to draw from"):
        sampling.pools(SOURCE, [], (0, 1, 2))

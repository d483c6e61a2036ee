"""Which slice is sample i: balanced over lesion and healthy slices, views and cases."""

from collections.abc import Sequence

import numpy as np

from tfmed.errors import TfmedError
from tfmed.pipeline.source import Source

EPOCH, SAMPLE = 0, 1
Pool = list[tuple[int, int, np.ndarray]]


def generator(seed: int, purpose: int, index: int) -> np.random.Generator:
    """The generator of epoch ``index`` (purpose ``EPOCH``) or of sample ``index`` (``SAMPLE``)."""
    return np.random.default_rng([seed, purpose, index])


def pools(source: Source, cases: Sequence[int], views: Sequence[int]) -> tuple[Pool, Pool]:
    """Slices with lesion, and slices with brain but no lesion: lists of (case, view, indices), none empty."""
    lesion, healthy = [], []
    for number in cases:
        case = source.cases[number]
        for view in views:
            lesion.append((number, view, np.asarray(case.lesion_slices[view])))
            healthy.append((number, view, np.setdiff1d(case.brain_slices[view], case.lesion_slices[view])))
    lesion, healthy = ([entry for entry in pool if len(entry[2])] for pool in (lesion, healthy))
    if not lesion and not healthy:
        raise TfmedError(f"no slice to draw from: {len(cases)} cases and views {tuple(views)} hold no brain")
    return lesion, healthy


def epoch(
    pools: tuple[Pool, Pool], lesion_fraction: float, samples: int, seed: int, index: int
) -> np.ndarray:
    """The samples of epoch ``index``: int64 [samples, 3] of case, view, slice; a function of its arguments.

    A share of ``lesion_fraction`` shows lesion (to the nearest sample; all or none if one pool is empty).
    Within each kind the pairs of case and view take turns, in an order drawn anew each epoch, so all occur
    equally often to within one; the slice is uniform among those of its pair and kind. Finally everything is
    shuffled.
    """
    lesion, healthy = pools
    rng = generator(seed, EPOCH, index)
    share = round(samples * lesion_fraction) if lesion and healthy else samples * bool(lesion)
    chosen = _turns(lesion, share, rng) + _turns(healthy, samples - share, rng)
    return rng.permutation(np.array(chosen, np.int64), axis=0)


def _turns(pool: Pool, count: int, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    order = rng.permutation(len(pool))
    picks = rng.random(count)
    found = []
    for turn, pick in enumerate(picks):
        case, view, indices = pool[order[turn % len(pool)]]
        found.append((case, view, int(indices[int(pick * len(indices))])))
    return found

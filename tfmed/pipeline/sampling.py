"""Which slice is sample i: balanced over lesion and healthy slices, classes, views and cases."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tfmed.errors import TfmedError
from tfmed.pipeline.source import Source

EPOCH, SAMPLE = 0, 1
Pool = list[tuple[int, int, np.ndarray]]


def generator(seed: int, purpose: int, index: int) -> np.random.Generator:
    """The generator of epoch ``index`` (purpose ``EPOCH``) or of sample ``index`` (``SAMPLE``)."""
    return np.random.default_rng([seed, purpose, index])


def pools(
    source: Source, cases: Sequence[int], views: Sequence[int], classes: Sequence[int] = ()
) -> tuple[list[Pool], Pool]:
    """Slices with lesion, and slices with brain but no lesion: lists of (case, view, indices), none empty.

    Lesions are one pool, or with ``classes`` one for each of these label values.
    """
    healthy = _pool(
        (number, view, np.setdiff1d(source.cases[number].brain_slices[view], with_lesion))
        for number, view, with_lesion in _with_lesion(source, cases, views, None)
    )
    lesions = [_pool(_with_lesion(source, cases, views, value)) for value in classes or (None,)]
    if missing := [value for value, pool in zip(classes, lesions, strict=False) if not pool]:
        raise TfmedError(f"no slice to draw from holds the label values {missing}; leave them out of classes")
    lesions = [pool for pool in lesions if pool]
    if not lesions and not healthy:
        raise TfmedError(f"no slice to draw from: {len(cases)} cases and views {tuple(views)} hold no brain")
    return lesions, healthy


def _with_lesion(
    source: Source, cases: Sequence[int], views: Sequence[int], value: int | None
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Per case and view the slices with this label value, or with any."""
    for number in cases:
        case = source.cases[number]
        if value is None:
            by_view = case.lesion_slices
        elif hasattr(case, "label_slices"):
            by_view = case.label_slices.get(value, ((),) * len(case.lesion_slices))
        else:
            raise TfmedError(f"{case.id} doesn't tell its slices by label value; only cases of a store do")
        yield from ((number, view, np.asarray(by_view[view], np.int64)) for view in views)


def _pool(entries: Iterable[tuple[int, int, np.ndarray]]) -> Pool:
    return [entry for entry in entries if len(entry[2])]


def epoch(
    pools: tuple[list[Pool], Pool], lesion_fraction: float, samples: int, seed: int, index: int
) -> np.ndarray:
    """The samples of epoch ``index``: int64 [samples, 3] of case, view, slice; a function of its arguments.

    A share of ``lesion_fraction`` shows lesion (to the nearest sample; all or none if one kind is empty),
    divided equally among the pools of lesions. Within each pool the pairs of case and view take turns, in an
    order drawn anew each epoch, so all occur equally often to within one; the slice is uniform among those of
    its pair and pool. Finally everything is shuffled.
    """
    lesions, healthy = pools
    rng = generator(seed, EPOCH, index)
    share = round(samples * lesion_fraction) if lesions and healthy else samples * bool(lesions)
    chosen = []
    for number, pool in enumerate(lesions):
        first, last = (share * part // len(lesions) for part in (number, number + 1))
        chosen += _turns(pool, last - first, rng)
    chosen += _turns(healthy, samples - share, rng)
    return rng.permutation(np.array(chosen, np.int64), axis=0)


def _turns(pool: Pool, count: int, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    order = rng.permutation(len(pool))
    picks = rng.random(count)
    found = []
    for turn, pick in enumerate(picks):
        case, view, indices = pool[order[turn % len(pool)]]
        found.append((case, view, int(indices[int(pick * len(indices))])))
    return found

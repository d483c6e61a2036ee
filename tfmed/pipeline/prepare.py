"""Make a prepared store out of the cases of a dataset: normalised once, read many times."""

import multiprocessing
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np

from tfmed import intensity
from tfmed.datasets import Case
from tfmed.errors import TfmedError
from tfmed.modality_guard import contradictions
from tfmed.pipeline.source import slices_with
from tfmed.pipeline.store import Store, case_path, read_facts, write_case
from tfmed.progress import bar
from tfmed.study import LabelMap, Study, Volume

USUAL_ORDER = ("flair", "t1", "t1c", "t2")
LEAST_BRAIN = 0.02
FLOAT16_MOST = 60000.0


@dataclass(frozen=True)
class Outcome:
    """What came of a case: why it failed, in one sentence, or None; and what is doubtful about it."""

    failure: str | None
    doubts: tuple[str, ...]


def prepare(
    cases: Sequence[Case],
    path: str | Path,
    workers: int | None = None,
    modalities: Sequence[str] | None = None,
    resample: bool = False,
) -> Store:
    """Write cases into the store at ``path``, one file each, in ``workers`` processes (default: one a core).

    Each case is turned to the closest RAS+ orientation, brought to 1 mm, z-scored within its brain and
    cropped to it. ``modalities`` defaults to all that any case has; what a case lacks is 0 throughout.
    ``resample`` allows to bring modalities of one case onto one grid. A case whose file is there already is
    done again only if a source file (size or time) or one of these settings has changed, so that an
    interrupted run goes on where it stopped. A case that fails does not stop the others: TfmedError names all
    that failed once the rest is written. Warns of cases whose images contradict their modalities' names, or
    hold voxels that are no numbers.
    """
    store = Path(path)
    settings = {"modalities": list(modalities or all_modalities(cases)), "resample": resample}
    store.mkdir(parents=True, exist_ok=True)
    due = [case for case in cases if not is_done(case, store, settings)]
    work = partial(_attempt, store=store, settings=settings)
    outcomes = list(bar(_each(work, due, workers or os.cpu_count() or 1), len(due), "prepare", "case"))
    for doubt in sorted(doubt for outcome in outcomes for doubt in outcome.doubts):
        warnings.warn(doubt, stacklevel=2)
    failures = sorted(outcome.failure for outcome in outcomes if outcome.failure)
    if failures:
        raise TfmedError(
            f"{len(failures)} of {len(cases)} cases could not be prepared: {'; '.join(failures)}"
        )
    return Store(store)


def all_modalities(cases: Sequence[Case]) -> tuple[str, ...]:
    """Every modality of any case: flair, t1, t1c, t2 first, then the others by name."""
    found = {name for case in cases for name in case.modalities}
    rank = {name: place for place, name in enumerate(USUAL_ORDER)}
    return tuple(sorted(found, key=lambda name: (rank.get(name, len(rank)), name)))


def is_done(case: Case, store: Path, settings: dict[str, Any]) -> bool:
    """Whether the store holds this case, made of the same files with the same settings."""
    path = case_path(store, case.id)
    try:
        return path.exists() and read_facts(path)["made_of"] == _made_of(case, settings)
    except TfmedError:
        return False


def arrays(study: Study, modalities: Sequence[str]) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
    """Normalise and crop a study -> image [x, y, z, M] float16, labels [x, y, z] uint8 or None, and facts.

    Facts are ``affine`` (of the result), ``center`` and ``scale`` by modality, ``present``,
    ``lesion_slices``, ``brain_slices`` and, by label value, ``label_slices``. TfmedError for a modality
    without contrast, voxels that are no numbers, labels beyond 255.
    """
    inside = {name: _foreground(study, name) for name in modalities if name in study.images}
    if not inside:
        raise TfmedError(f"it has none of {tuple(modalities)}. Received: {study.modalities}")
    brain = reduce(np.logical_or, inside.values())
    labels = _labels(study)
    box = _box(brain if labels is None else brain | (labels > 0))

    image = np.zeros((*brain[box].shape, len(modalities)), np.float16)
    center, scale = np.zeros(len(modalities)), np.ones(len(modalities))
    for number, name in enumerate(modalities):
        if name in inside:
            volume = _grid(study.images[name])
            # Files are turned views; what follows is several times faster on arrays in memory order.
            values, mask = (np.ascontiguousarray(array[box]) for array in (volume.array, inside[name]))
            center[number], scale[number] = _moments(name, values, mask)
            scores = intensity.normalise(values, center[number], scale[number], mask)
            image[..., number] = np.clip(scores, -FLOAT16_MOST, FLOAT16_MOST)

    affine = _grid(study.reference).affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in box]
    labels = None if labels is None else np.ascontiguousarray(labels[box])
    facts = {
        "affine": affine.tolist(),
        "center": center.tolist(),
        "scale": scale.tolist(),
        "present": [name in inside for name in modalities],
        "lesion_slices": _listed(np.zeros(image.shape[:3], bool) if labels is None else labels > 0),
        "brain_slices": _listed(brain[box], LEAST_BRAIN),
        "label_slices": {} if labels is None else _listed_by_value(labels),
    }
    return image, labels, facts


def _each(work: Any, cases: Sequence[Case], workers: int) -> Iterator[Outcome]:
    if min(workers, len(cases)) <= 1:
        yield from map(work, cases)
        return
    # Spawned, not forked: the parent may run TensorFlow's threads, which do not survive a fork.
    with ProcessPoolExecutor(min(workers, len(cases)), multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(work, case) for case in cases]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _attempt(case: Case, store: Path, settings: dict[str, Any]) -> Outcome:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        failure = None
        try:
            _prepare_case(case, store, settings)
        except (TfmedError, OSError) as error:
            failure = f"{case.id}: {error}"
    return Outcome(failure, tuple(str(warning.message) for warning in told))


def _prepare_case(case: Case, store: Path, settings: dict[str, Any]) -> None:
    # Read before the files are: one that changes meanwhile is done again the next time.
    made_of = _made_of(case, settings)
    study = case.load(resample=settings["resample"])
    for doubt in contradictions(study):
        warnings.warn(doubt, stacklevel=1)
    image, labels, facts = arrays(study, settings["modalities"])
    identity = {name: getattr(case, name) for name in ("id", "patient", "timepoint", "diagnosis", "dataset")}
    edition = study.labels.edition if study.labels is not None else None
    facts |= identity | {"edition": edition, "modalities": settings["modalities"], "made_of": made_of}
    write_case(case_path(store, case.id), image, labels, facts)


def _made_of(case: Case, settings: dict[str, Any]) -> dict[str, Any]:
    stats = {name: (path, os.stat(path)) for name, path in case.files().items()}
    files = {name: [path, stat.st_size, stat.st_mtime_ns] for name, (path, stat) in stats.items()}
    return {"files": files, "edition": case.edition, **settings}


def _grid(volume: Volume) -> Volume:
    return volume.canonical().isotropic(1.0)


def _foreground(study: Study, name: str) -> np.ndarray:
    """Boolean [x, y, z] on the final grid, found in the voxels as they were acquired."""
    volume = study.images[name]
    mask = intensity.foreground(volume.array, None if study.mask is None else study.mask.array)
    return _grid(LabelMap(mask, volume.affine)).array


def _labels(study: Study) -> np.ndarray | None:
    if study.labels is None:
        return None
    array = _grid(study.labels).array
    if array.min() < 0 or array.max() > np.iinfo(np.uint8).max:
        raise TfmedError(f"its labels range from {array.min()} to {array.max()}; 0 to 255 can be stored")
    return array.astype(np.uint8)


def _moments(name: str, values: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    center, scale = intensity.moments(values, mask)
    if not np.isfinite([center, scale]).all():
        raise TfmedError(
            f"its {name} holds {np.count_nonzero(~np.isfinite(values))} voxels that are no numbers"
        )
    if scale <= intensity.SCALE_FLOOR:
        raise TfmedError(f"its {name} has no contrast: every voxel inside the brain is {center:g}")
    return center, scale


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """The smallest box that holds a mask [x, y, z], as slices."""
    if not mask.any():
        raise TfmedError("it holds nothing but background")
    spans = []
    for axis in range(3):
        hit = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        spans.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(spans)


def _listed(mask: np.ndarray, at_least: float = 0.0) -> list[list[int]]:
    return [indices.tolist() for indices in slices_with(mask, at_least)]


def _listed_by_value(labels: np.ndarray) -> dict[int, list[list[int]]]:
    values = np.flatnonzero(np.bincount(labels.ravel(), minlength=1))
    return {int(value): _listed(labels == value) for value in values if value}

"""Data arguments become slices to train on: a dataset's root, a prepared store, latent volumes."""

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmed import datasets, pipeline
from tfmed.errors import TfmedError
from tfmed.pipeline.source import Source, SourceCase
from tfmed.pipeline.store import Store, case_path
from tfmed.training.recipe import Recipe

if TYPE_CHECKING:
    import tensorflow as tf

Targets = Callable[[np.ndarray, str], dict[str, np.ndarray]]
PARTS = ("train", "val", "test")


class SliceData:
    """Slices of the patients that train and of those that validate, as the training loop wants them.

    ``targets(labels, edition)`` is the task's. Cases without labels are left out. Raises TfmedError if no
    patient is left to train on.
    """

    def __init__(
        self,
        source: Source,
        targets: Targets,
        recipe: Recipe,
        *,
        names: Sequence[str] = (),
        folds: int | None = None,
        fold: int | None = None,
    ) -> None:
        self.source, self.recipe, self.names = source, recipe, list(names)
        self.parts = split_source(source, folds, fold)
        self.folds, self.fold = folds, fold
        if not self.parts["train"]:
            raise TfmedError(
                f"{', '.join(names) or 'the source'}: of {len(source.cases)} cases none is left to train on "
                f"({', '.join(f'{name} {len(cases)}' for name, cases in self.parts.items())}); "
                "training needs labelled cases of several patients"
            )
        assert source.edition is not None, "labelled cases have an edition"
        self.targets = partial(targets, edition=source.edition)
        self.augment = augmentation(recipe)

    def training(self, batch: int, start: int, shard: tuple[int, int]) -> "tf.data.Dataset":
        return pipeline.slices(
            self.source,
            cases=self.parts["train"],
            size=self.recipe.size,
            batch=batch,
            seed=self.recipe.seed,
            start=start,
            shard=shard,
            lesion_fraction=self.recipe.lesion_fraction,
            augment=self.augment,
            targets=self.targets,
        )

    def validation(self) -> "tf.data.Dataset | None":
        batch = min(self.recipe.batch, self.recipe.validate_samples)
        if not self.parts["val"] or not batch:
            return None
        batches = self.recipe.validate_samples // batch
        slices = pipeline.slices(
            self.source,
            cases=self.parts["val"],
            size=self.recipe.size,
            batch=batch,
            epoch_samples=batches * batch,
            lesion_fraction=self.recipe.lesion_fraction,
            augment=None,
            targets=self.targets,
        )
        return slices.take(batches)

    def describe(self) -> dict[str, Any]:
        """Sources, and of each part the number of cases and patients and the hash that names the set."""
        parts = {name: self._part(numbers) for name, numbers in self.parts.items()}
        folds = {"folds": self.folds, "fold": self.fold} if self.folds else {}
        return {"sources": self.names, "edition": self.source.edition, **folds, **parts}

    def _part(self, numbers: Sequence[int]) -> dict[str, Any]:
        cases = [self.source.cases[number] for number in numbers]
        patients = {(_dataset(case), case.patient) for case in cases}
        lines = sorted(f"{_dataset(case)}\t{case.patient}\t{case.id}\n" for case in cases)
        digest = hashlib.sha256("".join(lines).encode()).hexdigest()
        return {"cases": len(cases), "patients": len(patients), "split_hash": digest}


def open_source(path: str | Path) -> Source:
    """The source that a data argument names; a dataset's root is prepared first, once, into the cache.

    A root's store is kept in ``$TFMED_CACHE``, else in ``tfmed`` in the user's cache folder; only what has
    changed since is prepared again. Raises TfmedError if there is nothing at ``path`` to train on.
    """
    path = Path(path)
    if not path.exists():
        raise TfmedError(f"{path}: no such file or folder; give a dataset's root or a prepared store")
    if is_store(path):
        return Store(path)
    cases = [case for case in datasets.scan(path) if case.labels]
    if not cases:
        raise TfmedError(f"{path}: no case has labels to learn from")
    store = cache_folder() / f"{path.resolve().name}-{_short_hash(str(path.resolve()))}"
    pipeline.prepare(cases, store)
    wanted = {case_path(store, case.id) for case in cases}
    for stale in set(store.glob("*.h5")) - wanted:
        stale.unlink()
    return Store(store)


def is_store(path: Path) -> bool:
    """Whether ``path`` is a folder of prepared cases."""
    return path.is_dir() and next(path.glob("*.h5"), None) is not None


def cache_folder() -> Path:
    """Where prepared stores of datasets are kept."""
    if "TFMED_CACHE" in os.environ:
        return Path(os.environ["TFMED_CACHE"]) / "prepared"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfmed" / "prepared"


def augmentation(recipe: Recipe) -> pipeline.Augmentation | None:
    """The recipe's augmentation; None if it is turned off. Raises TfmedError for settings it lacks."""
    if not recipe.augment:
        return None
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in recipe.augmentation.items()}
    try:
        return pipeline.Augmentation(**values)
    except TypeError as error:
        known = ", ".join(pipeline.Augmentation.__dataclass_fields__)
        raise TfmedError(f"recipe: augmentation: {str(error).split(') ')[-1]}. Known: {known}") from None


def split_source(source: Source, folds: int | None = None, fold: int | None = None) -> dict[str, list[int]]:
    """Numbers of the labelled cases by part; by patient, or as the cases themselves say (``case.split``)."""
    labelled = [i for i, case in enumerate(source.cases) if getattr(case, "labelled", True)]
    drawn = datasets.split([source.cases[i] for i in labelled], folds, fold)
    part_of = {id(case): name for name, cases in drawn.items() for case in cases}
    parts: dict[str, list[int]] = {name: [] for name in PARTS}
    for i in labelled:
        case = source.cases[i]
        parts[getattr(case, "split", None) or part_of[id(case)]].append(i)
    return parts


def _dataset(case: SourceCase) -> str:
    return getattr(case, "dataset", "")


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]

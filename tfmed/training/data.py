"""Slices of the patients that train and of those that validate, as the training loop wants them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmed import datasets, pipeline
from tfmed.errors import TfmedError
from tfmed.pipeline import Source, SourceCase
from tfmed.pipeline.mixed import MixedSource
from tfmed.training.checks import check_same_data
from tfmed.training.recipe import Recipe, load_recipe
from tfmed.training.sources import PARTS, Opened, open_sources

if TYPE_CHECKING:
    import tensorflow as tf

Targets = Callable[..., dict[str, np.ndarray]]


@dataclass(frozen=True)
class Member:
    """A case as splits know it: ``number`` into the source's cases, and who it is of."""

    number: int
    dataset: str
    patient: str
    id: str


class SliceData:
    """Slices of ``sources`` with the channels ``modalities``, split by patient; see ``loop.Data``.

    ``targets(labels, edition)`` is the task's. Cases without labels are left out. Raises TfmedError if no
    patient is left to train on, or if sources cannot be mixed.
    """

    def __init__(
        self,
        sources: Sequence[Opened],
        modalities: Sequence[str],
        targets: Targets,
        recipe: Recipe,
        *,
        names: Sequence[str] = (),
        folds: int | None = None,
        fold: int | None = None,
    ) -> None:
        self._source = MixedSource([source for source, _ in sources], modalities)
        self._recipe, self._names, self._folds = recipe, list(names), (folds, fold)
        self.parts = split_sources(sources, folds, fold)
        if not self.parts["train"]:
            found = ", ".join(f"{name} {len(members)}" for name, members in self.parts.items())
            raise TfmedError(
                f"{', '.join(names) or 'the data'}: no labelled case is left to train on ({found}); give "
                "labelled cases of more patients"
            )
        self._targets = partial(targets, edition=self._source.edition)
        self._augment = augmentation(recipe)

    def training(self, batch: int, start: int, shard: tuple[int, int]) -> "tf.data.Dataset":
        return pipeline.slices(
            self._source, **self._drawn(), batch=batch, start=start, shard=shard, targets=self._targets
        )

    def sampler(self) -> pipeline.Sampler:
        """Makes any one training sample again."""
        return pipeline.Sampler(self._source, **self._drawn())

    def _drawn(self) -> dict[str, Any]:
        """What decides which slices training gets, and how they look."""
        return {
            "cases": [member.number for member in self.parts["train"]],
            "size": self._recipe.size,
            "seed": self._recipe.seed,
            "lesion_fraction": self._recipe.lesion_fraction,
            "augment": self._augment,
        }

    def validation(self) -> "tf.data.Dataset | None":
        if not self.parts["val"] or not self._recipe.validate_samples:
            return None
        batch = min(self._recipe.batch, self._recipe.validate_samples)
        batches = self._recipe.validate_samples // batch
        slices = pipeline.slices(
            self._source,
            cases=[member.number for member in self.parts["val"]],
            size=self._recipe.size,
            batch=batch,
            epoch_samples=batches * batch,
            lesion_fraction=self._recipe.lesion_fraction,
            augment=None,
            targets=self._targets,
        )
        return slices.take(batches)

    def describe(self) -> dict[str, Any]:
        """Sources, and of each part the number of cases and patients and the hash that names the set."""
        folds = dict(zip(("folds", "fold"), self._folds, strict=True)) if self._folds[0] else {}
        parts = {name: _described(members) for name, members in self.parts.items()}
        about = {"sources": self._names, "modalities": list(self._source.modalities)}
        return about | {"edition": self._source.edition, **folds, **parts}


def sampler_of(run: Path) -> pipeline.Sampler:
    """Makes any training sample of a run again, from the sources that it names.

    TfmedError where these are gone (they are looked for from where training was started) or hold other cases.
    """
    about = json.loads((run / "data.json").read_text(encoding="utf-8"))
    recipe = load_recipe(run / "recipe.toml")
    data = SliceData(
        open_sources(about["sources"]),
        about.get("modalities", ()),
        lambda labels, edition: {},
        recipe,
        names=about["sources"],
        folds=about.get("folds"),
        fold=about.get("fold"),
    )
    check_same_data(run, data.describe())
    return data.sampler()


def split_sources(
    sources: Sequence[Opened], folds: int | None = None, fold: int | None = None
) -> dict[str, list[Member]]:
    """The labelled cases of all sources by part: the source's own part if it has one, else by patient."""
    parts: dict[str, list[Member]] = {name: [] for name in PARTS}
    first = 0
    for source, part in sources:
        members = _members(source, first)
        found: dict[str, Any] = {part: members} if part else datasets.split(members, folds, fold)
        for name in found:
            parts[name] += found[name]
        first += len(source.cases)
    return parts


def augmentation(recipe: Recipe) -> pipeline.Augmentation | None:
    """The recipe's augmentation; None if it is turned off. Raises TfmedError for settings it lacks."""
    known = pipeline.Augmentation.__dataclass_fields__
    unknown = ", ".join(name for name in recipe.augmentation if name not in known)
    if unknown:
        raise TfmedError(f"recipe: augmentation has no {unknown}. Known: {', '.join(known)}")
    values: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in recipe.augmentation.items()
    }
    return pipeline.Augmentation(**values) if recipe.augment else None


def _members(source: Source, first: int) -> list[Any]:
    """Phantoms on the anatomy of several people are of these people; on that of one, each is of its own."""
    people = {_person(case) for case in source.cases}
    members = []
    for number, case in enumerate(source.cases, first):
        patient = case.patient if len(people) == 1 else _person(case) or case.patient
        if getattr(case, "labelled", True):
            members.append(Member(number, getattr(case, "dataset", "phantom"), patient, case.id))
    return members


def _person(case: SourceCase) -> str | None:
    return getattr(case, "provenance", {}).get("person")


def _described(members: Sequence[Any]) -> dict[str, Any]:
    return {
        "cases": len(members),
        "patients": len({(member.dataset, member.patient) for member in members}),
        "split_hash": datasets.split_hash(members),
    }

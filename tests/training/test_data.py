"""Data arguments: what is found at a path, who trains and who validates, and that the batches hold it."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from tests.pipeline.studies import MODALITIES, write
from tests.pipeline.test_mixed import Numbered
from tfmed import datasets, pipeline
from tfmed.errors import TfmedError
from tfmed.tools.data import command
from tfmed.training import Recipe, SliceData, open_sources, sampler_of
from tfmed.training.data import split_sources


def key(labels: np.ndarray, edition: str) -> dict[str, np.ndarray]:
    assert edition == "brats2015"
    return {"key": labels}


RECIPE = Recipe(size=(16, 16), batch=4, validate_samples=10, augment=False)


def test_train_and_val_batches_hold_their_own_patients_only_and_val_is_always_the_same() -> None:
    sources = [(Numbered(1, MODALITIES, 3), "train"), (Numbered(2, MODALITIES, 2), "val")]
    data = SliceData(sources, MODALITIES, key, RECIPE)
    training = data.training(4, 0, (0, 1)).take(5).as_numpy_iterator()
    assert {int(targets["key"].max()) for _, targets in training} == {1}
    twice = [[inputs["image"] for inputs, _ in data.validation().as_numpy_iterator()] for _ in range(2)]
    assert len(twice[0]) == 2 and all(image.max() >= 2000 for image in twice[0])
    np.testing.assert_array_equal(twice[0], twice[1])
    assert data.describe()["train"]["cases"] == 3 and data.describe()["val"]["patients"] == 2


def test_shards_of_several_workers_together_are_the_batch_of_one() -> None:
    data = SliceData([(Numbered(1, MODALITIES, 3), "train")], MODALITIES, key, RECIPE)

    def first(batch: int, shard: tuple[int, int]) -> np.ndarray:
        return next(data.training(batch, 8, shard).as_numpy_iterator())[0]["image"]

    whole, parts = first(4, (0, 1)), [first(2, (i, 2)) for i in range(2)]
    np.testing.assert_array_equal(whole[0::2], parts[0])
    np.testing.assert_array_equal(whole[1::2], parts[1])


def test_without_validation_patients_there_is_no_validation() -> None:
    sources = [(Numbered(1, MODALITIES, 3), "train")]
    assert SliceData(sources, MODALITIES, key, RECIPE).validation() is None
    sources.append((Numbered(2, MODALITIES, 3), "val"))
    assert SliceData(sources, MODALITIES, key, RECIPE.replace(validate_samples=0)).validation() is None


def test_unlabelled_cases_take_no_part_and_folds_cover_everybody_once() -> None:
    source = Numbered(1, MODALITIES, 40)
    source.cases[7].labelled = False
    held: list[str] = []
    for fold in range(4):
        parts = split_sources([(source, None)], folds=4, fold=fold)
        held += [member.id for member in parts["test"]]
        together = [member.number for part in parts.values() for member in part]
        assert sorted(together) == [i for i in range(40) if i != 7]
    assert sorted(held) == sorted(case.id for i, case in enumerate(source.cases) if i != 7)


def test_phantoms_of_one_person_are_never_in_two_parts() -> None:
    source = Numbered(1, MODALITIES, 60)
    for i, case in enumerate(source.cases):
        case.provenance = {"person": f"head_{i % 6}"}
    parts = split_sources([(source, None)])
    part_of = {source.cases[m.number].provenance["person"]: set() for ms in parts.values() for m in ms}
    for name, members in parts.items():
        for member in members:
            part_of[source.cases[member.number].provenance["person"]].add(name)
    assert len(part_of) == 6 and all(len(names) == 1 for names in part_of.values())


def test_phantoms_that_share_the_only_anatomy_are_still_split() -> None:
    source = Numbered(1, MODALITIES, 60)
    for case in source.cases:
        case.provenance = {"person": "mni152"}
    assert all(split_sources([(source, None)]).values())


def test_no_case_to_train_on_is_refused_with_what_there_is() -> None:
    with pytest.raises(TfmedError, match=r"store: no labelled case is left .*val 2"):
        SliceData([(Numbered(1, MODALITIES, 2), "val")], MODALITIES, key, RECIPE, names=["store"])


def test_unknown_augmentation_is_refused_and_known_one_is_taken() -> None:
    sources = [(Numbered(1, MODALITIES, 3), "train")]
    with pytest.raises(TfmedError, match=r"augmentation has no blurr\. Known: probability, flip"):
        SliceData(sources, MODALITIES, key, RECIPE.replace(augmentation={"blurr": 1.0}))
    loud = RECIPE.replace(augment=True, augmentation={"probability": 1.0, "flip": [1.0, 1.0]})
    plain, changed = (
        next(SliceData(sources, MODALITIES, key, r).training(4, 0, (0, 1)).as_numpy_iterator())
        for r in (RECIPE, loud)
    )
    assert np.abs(plain[0]["image"] - changed[0]["image"]).max() > 1


def test_a_store_is_opened_as_it_is_and_parts_come_from_names_or_folders(tmp_path: Path) -> None:
    for part in ("train", "val"):
        pipeline.prepare([write(tmp_path / "in", part)], tmp_path / "stores" / part, workers=1)
    arguments = [str(tmp_path / "stores"), f"test={tmp_path / 'stores' / 'val'}", f"{tmp_path}/stores/train"]
    opened = open_sources(arguments)
    assert [(source.cases[0].id, part) for source, part in opened] == [
        ("train", "train"), ("val", "val"), ("val", "test"), ("train", None)
    ]  # fmt: skip


def test_a_root_is_prepared_once_into_the_cache_and_follows_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMED_CACHE", str(tmp_path / "cache"))
    cases = [write(tmp_path / "in", name) for name in ("a", "b")]
    monkeypatch.setattr(datasets, "scan", lambda root: cases)
    first = open_sources([str(tmp_path / "in")])[0][0]
    files = sorted((tmp_path / "cache").rglob("*.h5"))
    times = [os.stat(file).st_mtime_ns for file in files]
    open_sources([str(tmp_path / "in")])
    assert [case.id for case in first.cases] == ["a", "b"]
    assert [os.stat(file).st_mtime_ns for file in files] == times
    del cases[0]
    assert [case.id for case in open_sources([str(tmp_path / "in")])[0][0].cases] == ["b"]


def test_what_is_no_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TfmedError, match="no such file or folder"):
        open_sources([str(tmp_path / "none")])
    with pytest.raises(TfmedError, match="no known dataset"):
        open_sources([str(tmp_path)])
    monkeypatch.setattr(datasets, "scan", lambda root: [SimpleNamespace(labels=None)])
    with pytest.raises(TfmedError, match="no case has labels"):
        open_sources([str(tmp_path)])


def test_a_sample_of_a_run_is_made_again_as_the_run_saw_it(tmp_path: Path) -> None:
    cases = [write(tmp_path / "in" / f"{n}", f"{n}", seed=n, patient=f"patient{n}") for n in range(6)]
    pipeline.prepare(cases, tmp_path / "store", workers=1, modalities=MODALITIES)
    recipe = Recipe(size=(24, 28), batch=4, seed=3, lesion_fraction=0.3, augmentation={"rotation_deg": 90.0})
    names = [str(tmp_path / "store")]
    sources = open_sources(names)
    data = SliceData(sources, ("t2", "flair"), key, recipe, names=names, folds=3, fold=1)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.toml").write_text(recipe.to_toml())
    (tmp_path / "run" / "data.json").write_text(json.dumps(data.describe()))
    sampler = sampler_of(tmp_path / "run")
    batches = list(data.training(4, 0, (0, 1)).take(3).as_numpy_iterator())
    for sample in range(12):
        image, present, labels = sampler(sample)
        inputs, targets = batches[sample // 4]
        np.testing.assert_array_equal(image, inputs["image"][sample % 4])
        np.testing.assert_array_equal(present, inputs["present"][sample % 4])
        np.testing.assert_array_equal(labels, targets["key"][sample % 4])
    shown = CliRunner().invoke(
        command, ["preview", str(tmp_path / "run"), "--sample", "7", "-o", str(tmp_path / "a.png")]
    )
    assert shown.exit_code == 0 and "2 slices of t2, flair" in shown.output
    more = [write(tmp_path / "more", f"{n}", patient=f"patient{n}") for n in range(6, 12)]
    pipeline.prepare(more, tmp_path / "store", workers=1)
    with pytest.raises(TfmedError, match="was trained on other cases"):
        sampler_of(tmp_path / "run")

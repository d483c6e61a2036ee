"""Batches: their structure, and every sample a function of (seed, i), whatever reads it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.pipeline.studies import MemorySource
from tfmed.errors import TfmedError
from tfmed.pipeline import Augmentation, Sampler, slices

SIZE = (40, 48)


def targets(labels: np.ndarray) -> dict[str, np.ndarray]:
    return {"labels": labels, "area": np.array([np.count_nonzero(labels)], np.float32)}


def batches(count: int, **settings: Any) -> list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
    known = {"cases": range(3), "size": SIZE, "batch": 4, "augment": Augmentation(), "targets": targets}
    dataset = slices(MemorySource(chance=0.3), **(known | settings))
    return list(dataset.take(count).as_numpy_iterator())


def images(found: list[Any]) -> np.ndarray:
    return np.concatenate([inputs["image"] for inputs, _ in found])


def test_batches_have_the_promised_structure() -> None:
    (inputs, found), *_ = batches(1)
    shapes = {name: (array.shape, array.dtype.name) for name, array in (inputs | found).items()}
    assert shapes == {
        "image": ((4, 40, 48, 4), "float32"),
        "present": ((4, 4), "float32"),
        "labels": ((4, 40, 48), "uint8"),
        "area": ((4, 1), "float32"),
    }
    np.testing.assert_array_equal(found["area"][:, 0], np.count_nonzero(found["labels"], axis=(1, 2)))
    np.testing.assert_array_equal(inputs["image"].any(axis=(1, 2)), inputs["present"] == 1)


def test_shapes_are_known_before_anything_is_read() -> None:
    dataset = slices(MemorySource(), cases=[0], size=SIZE, batch=4, augment=None, targets=targets)
    inputs, found = dataset.element_spec
    assert inputs["image"].shape.as_list() == [4, 40, 48, 4]
    assert found["labels"].shape.as_list() == [4, 40, 48]


def test_the_same_seed_gives_the_same_samples_and_another_gives_others() -> None:
    one = images(batches(4))
    np.testing.assert_array_equal(one, images(batches(4)))
    assert (one != images(batches(4, seed=1))).any(axis=(1, 2, 3)).all()


def test_samples_do_not_depend_on_the_size_of_batches() -> None:
    np.testing.assert_array_equal(images(batches(4)), images(batches(8, batch=2)))


def test_samples_do_not_depend_on_threads() -> None:
    sampler = Sampler(MemorySource(chance=0.3), cases=range(3), size=SIZE, augment=Augmentation())
    with ThreadPoolExecutor(4) as pool:
        together = [image for image, _, _ in pool.map(sampler, range(24))]
    np.testing.assert_array_equal(images(batches(6)), together)


def test_a_resumed_run_goes_on_with_the_samples_of_an_uninterrupted_one() -> None:
    np.testing.assert_array_equal(images(batches(5))[12:], images(batches(2, start=12)))


def test_shards_share_the_samples_out() -> None:
    together = images(batches(6))
    one, other = (images(batches(3, shard=(number, 2))) for number in (0, 1))
    np.testing.assert_array_equal(together[0::2], one)
    np.testing.assert_array_equal(together[1::2], other)


def test_the_same_slice_looks_different_in_the_next_epoch() -> None:
    source = MemorySource(1)
    one = (np.array([14]),) * 3
    source.cases[0] = replace(source.cases[0], lesion_slices=one, brain_slices=one)
    sampler = Sampler(source, cases=[0], size=SIZE, epoch_samples=2, views=(0,), augment=Augmentation())
    assert len({sampler.slice_of(index) for index in range(6)}) == 1
    assert len({sampler(index)[0].tobytes() for index in range(6)}) == 6


def test_a_sampler_makes_any_sample_of_the_dataset_again() -> None:
    sampler = Sampler(MemorySource(chance=0.3), cases=range(3), size=SIZE, augment=Augmentation())
    np.testing.assert_array_equal(images(batches(3))[9], sampler(9)[0])


def test_only_the_chosen_views_and_cases_are_drawn() -> None:
    sampler = Sampler(MemorySource(), cases=[2, 0], views=(1,))
    drawn = {sampler.slice_of(index)[:2] for index in range(50)}
    assert drawn == {(0, 1), (2, 1)}


def test_a_modality_without_any_voxel_counts_as_absent() -> None:
    source = MemorySource(1)
    source.cases[0].image[..., 2] = 0
    sampler = Sampler(source, cases=[0], augment=Augmentation(complete=1))
    assert sampler(0)[1].tolist() == [1, 1, 0, 1]


def test_an_unknown_view_is_an_error() -> None:
    with pytest.raises(TfmedError, match=r"Received: \(0, 3\)"):
        Sampler(MemorySource(), cases=[0], views=(0, 3))

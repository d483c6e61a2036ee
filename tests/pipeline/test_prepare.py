"""The store holds the canonical, normalised, cropped study, and only what changed is prepared again."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.studies import MODALITIES, head, write
from tfmed import intensity
from tfmed.errors import TfmedError
from tfmed.pipeline import Store, prepare
from tfmed.pipeline.store import case_path, read_facts


def box_of(mask: np.ndarray) -> tuple[slice, ...]:
    return tuple(slice(hit.min(), hit.max() + 1) for hit in np.nonzero(mask))


def canonical_head() -> tuple[np.ndarray, np.ndarray]:
    """The head as an LPS file shows it in RAS+, [x, y, z, M] and labels."""
    images, labels = head()
    return np.stack([image[::-1, ::-1] for image in images.values()], -1), labels[::-1, ::-1]


def test_slices_of_three_views_are_those_of_the_normalised_canonical_box(tmp_path: Path) -> None:
    store = prepare([write(tmp_path / "in", "a")], tmp_path / "store", workers=1)
    raw, labels = canonical_head()
    box = box_of(raw.any(-1))
    expected = np.zeros(raw[box].shape, np.float32)
    for channel in range(4):
        mask = raw[..., channel] != 0
        center, scale = intensity.moments(raw[..., channel], mask)
        expected[..., channel] = intensity.normalise(raw[..., channel], center, scale, mask)[box]
    case = store.cases[0]
    assert case.shape == expected.shape[:3]
    for view, axis in enumerate((2, 1, 0)):
        for index in range(case.shape[axis]):
            image, found = store.slice(0, view, index)
            np.testing.assert_allclose(image, expected.take(index, axis), rtol=1e-3, atol=1e-3)
            np.testing.assert_array_equal(found, labels[box].take(index, axis))
            assert image.dtype == np.float32 and found.dtype == np.uint8


def test_facts_of_a_case_lead_back_to_the_study(tmp_path: Path) -> None:
    case = write(tmp_path / "in", "a", timepoint="2", patient="p")
    store = prepare([case], tmp_path / "store", workers=1)
    found = store.cases[0]
    assert (found.id, found.patient, found.timepoint, found.diagnosis, found.dataset, found.edition) == (
        "a", "p", "2", "HGG", "test", "brats2015"
    )  # fmt: skip
    assert store.modalities == MODALITIES and store.edition == "brats2015" and found.labelled
    study = case.load()
    rng = np.random.default_rng(0)
    for index in rng.integers(0, found.shape, (20, 3)):
        world = found.affine @ [*index, 1]
        place = tuple(np.rint(np.linalg.inv(study.affine) @ world).astype(int)[:3])
        image, _ = store.slice(0, 0, index[2])
        for channel, name in enumerate(MODALITIES):
            value = image[index[0], index[1], channel]
            raw = value * found.scale[channel] + found.center[channel] if value else 0
            assert raw == pytest.approx(study.images[name].array[place], abs=1)


def test_lesion_and_brain_slices_are_told_by_view(tmp_path: Path) -> None:
    store = prepare([write(tmp_path / "in", "a")], tmp_path / "store", workers=1)
    case = store.cases[0]
    for view, axis in enumerate((2, 1, 0)):
        with_lesion = [i for i in range(case.shape[axis]) if store.slice(0, view, i)[1].any()]
        np.testing.assert_array_equal(case.lesion_slices[view], with_lesion)
        brain = set(case.brain_slices[view].tolist())
        assert set(with_lesion) <= brain and len(brain) > 0.8 * case.shape[axis]


def test_orientation_and_format_of_the_files_do_not_matter(tmp_path: Path) -> None:
    from tfmed import io
    from tfmed.geometry import reorient
    from tfmed.study import LabelMap, Volume

    case = write(tmp_path / "in", "a")
    turned = {}
    for name, path in case.files().items():
        volume = io.load(path)
        array, affine = reorient(volume.array, volume.affine, (2, 0, 1), (-1, 1, -1))
        kind = LabelMap if name == "labels" else Volume
        turned[name] = tmp_path / f"{name}.mha"
        io.save(kind(np.ascontiguousarray(array), affine), turned[name])
    other = write(tmp_path / "other", "a", labels=turned.pop("labels"), modalities=turned)
    one = prepare([case], tmp_path / "one", workers=1)
    two = prepare([other], tmp_path / "two", workers=1)
    np.testing.assert_allclose(one.cases[0].affine, two.cases[0].affine, atol=1e-6)
    for view in range(3):
        for left, right in zip(one.slice(0, view, 9), two.slice(0, view, 9), strict=True):
            np.testing.assert_array_equal(left, right)


def test_voxels_of_two_millimetres_become_one(tmp_path: Path) -> None:
    coarse = write(tmp_path / "in", "a", affine=np.diag([2.0, 2.0, 2.0, 1.0]))
    fine = write(tmp_path / "in1", "b", affine=np.eye(4))
    store = prepare([coarse, fine], tmp_path / "store", workers=1)
    big, small = (np.array(case.shape) for case in store.cases)
    np.testing.assert_array_equal(big, 2 * small)
    np.testing.assert_allclose(np.abs(np.diag(store.cases[0].affine)[:3]), 1)


def test_a_missing_modality_is_zero_and_told(tmp_path: Path) -> None:
    whole, part = write(tmp_path / "a", "a"), write(tmp_path / "b", "b")
    del part.modalities["t1c"]
    store = prepare([whole, part], tmp_path / "store", workers=1)
    assert [case.present for case in store.cases] == [(True,) * 4, (True, True, False, True)]
    image, _ = store.slice(1, 0, 10)
    assert image.any(axis=(0, 1)).tolist() == [True, True, False, True]


def test_chosen_modalities_come_in_the_order_asked_for(tmp_path: Path) -> None:
    case = write(tmp_path / "a", "a")
    both = prepare([case], tmp_path / "both", workers=1)
    one = prepare([case], tmp_path / "one", workers=1, modalities=("t2", "flair"))
    assert one.modalities == ("t2", "flair")
    np.testing.assert_array_equal(one.slice(0, 0, 9)[0], both.slice(0, 0, 9)[0][..., [3, 0]])


def test_a_case_without_labels_is_kept_but_marked(tmp_path: Path) -> None:
    store = prepare([write(tmp_path / "a", "a", labels=None, edition=None)], tmp_path / "store", workers=1)
    assert not store.cases[0].labelled and store.edition is None
    assert not store.slice(0, 0, 5)[1].any()


def test_only_changed_cases_are_prepared_again(tmp_path: Path) -> None:
    cases = [write(tmp_path / name, name, seed=number) for number, name in enumerate("ab")]
    prepare(cases, tmp_path / "store", workers=1)
    files = [case_path(tmp_path / "store", case.id) for case in cases]
    first = [os.stat(file).st_ino for file in files]
    prepare(cases, tmp_path / "store", workers=1)
    assert [os.stat(file).st_ino for file in files] == first
    before = read_facts(files[1])["center"]
    write(tmp_path / "b", "b", seed=7)
    store = prepare(cases, tmp_path / "store", workers=1)
    assert os.stat(files[0]).st_ino == first[0] and os.stat(files[1]).st_ino != first[1]
    assert store.cases[1].center.tolist() != before


def test_a_damaged_case_is_prepared_again(tmp_path: Path) -> None:
    case = write(tmp_path / "a", "a")
    prepare([case], tmp_path / "store", workers=1)
    path = case_path(tmp_path / "store", "a")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(TfmedError, match="prepare it again"):
        Store(tmp_path / "store")
    assert prepare([case], tmp_path / "store", workers=1).slice(0, 0, 5)[0].any()


def test_one_bad_case_is_named_and_does_not_stop_the_others(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "a", "a"), write(tmp_path / "b", "b")
    Path(bad.modalities["t2"]).write_bytes(b"no image")
    with pytest.raises(TfmedError, match=r"1 of 2 cases could not be prepared: b: .*b_t2"):
        prepare([good, bad], tmp_path / "store", workers=1)
    store = Store(tmp_path / "store")
    assert [case.id for case in store.cases] == ["a"]
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["a.h5"]


def test_images_that_contradict_their_names_are_warned_of_from_any_process(tmp_path: Path) -> None:
    from tests.test_modality_guard import head, swapped
    from tfmed import io

    cases = []
    for name, study in (("right", head(0)), ("wrong", swapped(head(1), "t1", "t2"))):
        case = write(tmp_path / name, name, labels=None, edition=None)
        for modality, path in case.modalities.items():
            io.save(study.images[modality], path)
        cases.append(case)
    with pytest.warns(UserWarning) as told:
        store = prepare(cases, tmp_path / "store", workers=2)
    said = [str(warning.message) for warning in told]
    assert all(line.startswith("study wrong: ") for line in said)
    assert any("t1 and t2 may be exchanged" in line for line in said)
    assert [case.id for case in store.cases] == ["right", "wrong"]


def test_a_modality_without_contrast_is_refused(tmp_path: Path) -> None:
    from tfmed import io
    from tfmed.study import Volume

    case = write(tmp_path / "a", "a")
    volume = io.load(case.modalities["t1"])
    io.save(Volume((np.asarray(volume.array) != 0).astype(np.int16), volume.affine), case.modalities["t1"])
    with pytest.raises(TfmedError, match="its t1 has no contrast"):
        prepare([case], tmp_path / "store", workers=1)


def test_processes_give_the_same_bytes_as_one(tmp_path: Path) -> None:
    cases = [write(tmp_path / name, name, seed=number) for number, name in enumerate("ab")]
    one = prepare(cases, tmp_path / "one", workers=1)
    two = prepare(cases, tmp_path / "two", workers=2)
    for number in range(2):
        for left, right in zip(one.slice(number, 1, 9), two.slice(number, 1, 9), strict=True):
            np.testing.assert_array_equal(left, right)


def test_ids_with_slashes_stay_inside_the_store(tmp_path: Path) -> None:
    store = prepare([write(tmp_path / "a", "../HGG/a b")], tmp_path / "store", workers=1)
    assert store.cases[0].id == "../HGG/a b"
    assert len(list((tmp_path / "store").glob("*.h5"))) == 1


def test_an_empty_folder_is_no_store_and_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match="tfmed data prepare"):
        Store(tmp_path)


def test_label_editions_are_not_mixed(tmp_path: Path) -> None:
    cases = [write(tmp_path / "a", "a"), write(tmp_path / "b", "b", edition="brats2023")]
    with pytest.raises(TfmedError, match="mixes label editions"):
        prepare(cases, tmp_path / "store", workers=1)


def test_a_case_that_is_prepared_anew_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    case = write(tmp_path / "a", "a")
    store = prepare([case], tmp_path / "store", workers=1)
    before = store.slice(0, 0, 5)[0]
    write(tmp_path / "a", "a", seed=7)
    anew = prepare([case], tmp_path / "store", workers=1)
    assert (anew.slice(0, 0, 5)[0] != before).any()
    with pytest.raises(TfmedError, match=r"a\.h5 was prepared anew.*open the store again"):
        store.slice(0, 0, 5)
    case_path(tmp_path / "store", "a").unlink()
    with pytest.raises(TfmedError, match="was removed while it was in use"):
        anew.slice(0, 0, 5)


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    import h5py

    prepare([write(tmp_path / "a", "a")], tmp_path / "store", workers=1)
    with h5py.File(case_path(tmp_path / "store", "a"), "a") as file:
        file.attrs["tfmed"] = json.dumps(json.loads(file.attrs["tfmed"]) | {"format": 99})
    with pytest.raises(TfmedError, match="store format 99"):
        Store(tmp_path / "store")

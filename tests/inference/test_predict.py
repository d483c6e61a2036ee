"""Studies in, results out: grids, orientations, formats, masks, subsets of modalities, files, errors."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import tfmed
from tests.inference.heads import AFFINE, MODALITIES, make_study, turned
from tests.inference.threshold_model import ThresholdModel
from tfmed import io
from tfmed.errors import TfmedError
from tfmed.inference.result import SCHEMA
from tfmed.inference.working import working_volume
from tfmed.study import LabelMap, Study, Volume


def write(study: Study, folder: Path, ending: str) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{name}{ending}" for name in study.images}
    for name, path in files.items():
        io.save(study.images[name], path)
    return files


def test_lesions_are_found_measured_and_placed(model: ThresholdModel) -> None:
    study = make_study()
    result = tfmed.predict(model, study)
    np.testing.assert_array_equal(result.labels.array, study.labels.array)
    large, small = result.lesions
    assert (large.category, small.category) == ("enhancing", "oedema")
    assert large.volume_ml == pytest.approx(10 * 14 * 14 / 1000)
    assert large.extent_mm == (10.0, 14.0, 14.0)
    assert large.centroid_mm == (34.5 - 24, 26.5 - 28, 20.5 - 10)
    assert large.parts == pytest.approx(
        {"whole": 1.96, "core": 0.288, "enhancing": 0.272, "non_enhancing": 0.0, "oedema": 1.672}
    )
    assert (large.hemisphere, small.hemisphere) == ("right", "left")
    assert small.confidence == pytest.approx(25 / 30, abs=1e-3) and small.confidence < large.confidence
    np.testing.assert_array_equal(np.unique(result.instances.array), [0, 1, 2])
    assert result.instances.array[12, 32, 22] == 2


@pytest.mark.parametrize(("least", "left"), [(0.8, 2), (0.9, 1), (0.999, 0)])
def test_unsure_lesions_are_taken_out_by_the_cards_rule(
    model: ThresholdModel, monkeypatch: pytest.MonkeyPatch, least: float, left: int
) -> None:
    study = make_study()
    both = tfmed.predict(model, study)
    monkeypatch.setitem(model.card["fusion"], "min_confidence", least)
    result = tfmed.predict(model, study)
    assert result.lesions == both.lesions[:left]
    np.testing.assert_array_equal(np.unique(result.instances.array), range(left + 1))
    np.testing.assert_array_equal(result.labels.array > 0, result.instances.array > 0)


def test_a_map_can_make_large_lesions_sure_and_small_ones_unsure(
    model: ThresholdModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study()
    large, small = tfmed.predict(model, study).lesions
    middle = float(np.log(large.volume_ml * small.volume_ml) / 2)
    by_size = {"slope": 0.0, "size": 1.0, "offset": -middle}
    monkeypatch.setitem(model.card["fusion"], "confidence", by_size)
    ratio = (large.volume_ml / small.volume_ml) ** 0.5
    sure, unsure = (lesion.confidence for lesion in tfmed.predict(model, study).lesions)
    assert sure == pytest.approx(ratio / (ratio + 1), abs=1e-3) and unsure == pytest.approx(
        1 - sure, abs=2e-3
    )
    monkeypatch.setitem(model.card["fusion"], "min_confidence", 0.5)
    assert [lesion.volume_ml for lesion in tfmed.predict(model, study).lesions] == [large.volume_ml]


def test_a_large_lesion_stays_however_unsure_it_is(
    model: ThresholdModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study()
    large, small = tfmed.predict(model, study).lesions
    never = {"slope": 0.0, "size": 0.0, "offset": -9.0}
    monkeypatch.setitem(model.card["fusion"], "confidence", never)
    monkeypatch.setitem(model.card["fusion"], "min_confidence", 0.5)
    assert not tfmed.predict(model, study).lesions
    monkeypatch.setitem(model.card["fusion"], "sure_volume_ml", large.volume_ml)
    assert [lesion.volume_ml for lesion in tfmed.predict(model, study).lesions] == [large.volume_ml]
    monkeypatch.setitem(model.card["fusion"], "sure_volume_ml", small.volume_ml)
    assert len(tfmed.predict(model, study).lesions) == 2


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(3)), st.tuples(*[st.sampled_from([1, -1])] * 3))
def test_any_orientation_gives_the_same_lesions_and_labels_in_its_own(
    model: ThresholdModel, axes: list[int], signs: tuple[int, int, int]
) -> None:
    study = make_study()
    other = turned(study, tuple(axes), signs)
    result = tfmed.predict(model, other)
    np.testing.assert_array_equal(result.labels.array, other.labels.array)
    np.testing.assert_array_equal(result.labels.affine, other.affine)
    assert result.lesions == tfmed.predict(model, study).lesions


def test_a_copy_in_another_format_and_orientation_gives_the_same_lesions(
    model: ThresholdModel, tmp_path: Path
) -> None:
    study = make_study()
    nifti = write(study, tmp_path / "nifti", ".nii.gz")
    meta = write(turned(study, (1, 0, 2), (-1, 1, -1)), tmp_path / "meta", ".mha")
    first, second = tfmed.predict(model, nifti), tfmed.predict(model, meta)
    assert first.lesions == second.lesions
    first.save(tmp_path / "a")
    second.save(tmp_path / "b")
    assert (tmp_path / "a/labels.nii.gz").is_file() and (tmp_path / "b/labels.mha").is_file()
    written = io.load_labels(tmp_path / "b/labels.mha")
    assert written.same_grid(io.load(meta["flair"]))
    np.testing.assert_array_equal(written.canonical().array, study.labels.array)


def test_thick_slices_are_brought_to_1_mm_and_back(model: ThresholdModel) -> None:
    study = make_study()
    affine = AFFINE @ np.diag([1, 1, 2, 1])
    images = {name: Volume(image.array[:, :, ::2], affine) for name, image in study.images.items()}
    result = tfmed.predict(model, Study("thick", images))
    assert result.labels.shape == (48, 56, 22)
    truth, found = study.labels.array[:, :, ::2] > 0, result.labels.array > 0
    assert 2 * (truth & found).sum() / (truth.sum() + found.sum()) > 0.9
    fine = tfmed.predict(model, study).lesions[0]
    assert result.lesions[0].volume_ml == pytest.approx(fine.volume_ml, rel=0.15)
    np.testing.assert_allclose(result.lesions[0].centroid_mm, fine.centroid_mm, atol=1)


def test_a_mask_stands_in_for_a_background_of_noise(model: ThresholdModel) -> None:
    study = make_study()
    mask = study.images["t1"].array != 0
    rng = np.random.default_rng(5)
    noisy = {
        name: volume.with_array(np.where(mask, volume.array, rng.normal(300, 50, mask.shape)))
        for name, volume in study.images.items()
    }
    result = tfmed.predict(model, Study("noisy", noisy), mask=Volume(mask.astype(np.uint8), AFFINE))
    np.testing.assert_array_equal(result.labels.array, study.labels.array)


def test_absent_modalities_are_told_to_the_model(model: ThresholdModel) -> None:
    study = make_study()
    result = tfmed.predict(model, replace(study, images={"flair": study.images["flair"]}))
    assert result.modalities == ("flair",)
    np.testing.assert_array_equal(result.labels.array, 2 * (study.labels.array > 0))
    same = tfmed.predict(model, study, modalities=("flair",))
    np.testing.assert_array_equal(same.labels.array, result.labels.array)
    assert same.lesions == result.lesions


def test_the_same_study_gives_the_same_bytes(model: ThresholdModel, tmp_path: Path) -> None:
    for name in ("first", "second"):
        tfmed.predict(model, make_study()).save(tmp_path / name)
    first = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert first == ["instances.json", "instances.nii.gz", "labels.nii.gz", "overview.png"]
    for name in first:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name


def test_instances_json_keeps_its_schema(model: ThresholdModel, tmp_path: Path) -> None:
    tfmed.predict(model, make_study()).save(tmp_path, overview=False)
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    content = json.loads((tmp_path / "instances.json").read_text())
    Draft202012Validator(schema).validate(content)
    assert content["modalities"] == list(MODALITIES)
    assert [lesion["id"] for lesion in content["lesions"]] == [1, 2]


@pytest.mark.parametrize(("edition", "enhancing"), [("brats2018", 4), ("brats2023", 3)])
def test_labels_of_another_edition(
    model: ThresholdModel, tmp_path: Path, edition: str, enhancing: int
) -> None:
    study = make_study()
    tfmed.predict(model, study).save(tmp_path, labels=edition, format="mha", overview=False)
    written = io.load_labels(tmp_path / "labels.mha").array
    expected = np.array([0, 1, 2, 1, enhancing], np.uint8)[study.labels.array]
    np.testing.assert_array_equal(written, expected)
    content = json.loads((tmp_path / "instances.json").read_text())
    assert content["edition"] == edition and content["label_values"]["enhancing"] == [enhancing]


def test_nothing_is_left_of_a_result_that_cannot_be_written(model: ThresholdModel, tmp_path: Path) -> None:
    result = tfmed.predict(model, make_study())
    with pytest.raises(TfmedError, match="bmp"):
        result.save(tmp_path / "out", format="bmp", overview=False)
    assert not list((tmp_path / "out").glob("*"))
    (tmp_path / "file").write_text("")
    with pytest.raises(TfmedError, match="file"):
        result.save(tmp_path / "file", overview=False)


def test_a_healthy_head_has_no_lesion(model: ThresholdModel, tmp_path: Path) -> None:
    study = make_study()
    images = {name: study.images["t1"] for name in MODALITIES}
    result = tfmed.predict(model, Study("healthy", images))
    assert result.lesions == [] and not result.labels.array.any()
    assert result.table() == "No lesion was found."
    result.save(tmp_path)
    assert json.loads((tmp_path / "instances.json").read_text())["lesions"] == []
    assert (tmp_path / "overview.png").stat().st_size > 1000


def test_a_head_that_was_not_skull_stripped_is_warned_of(model: ThresholdModel) -> None:
    study = make_study()
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    large = Study("large", {"flair": Volume(study.images["flair"].array, affine)})
    with pytest.warns(UserWarning, match="skull-stripped"):
        working_volume(large, ("flair",))


@pytest.mark.parametrize(
    ("study", "options", "sentence"),
    [
        (lambda s: Study("pet", {"pet": s.images["t1"]}), {}, "none of the modalities.*pet.*flair"),
        (
            lambda s: Study("flat", {"flair": s.images["t1"].with_array(np.full((9, 9, 9), 7.0))}),
            {},
            r"flair holds one value only \(7.0\)",
        ),
        (lambda s: s, {"modalities": ("flair", "pet")}, "no modality 'pet'"),
        (
            lambda s: replace(s, images={"flair": s.images["flair"]}),
            {"modalities": ("t1c",)},
            "has no modality 't1c'. It has: flair",
        ),
        (lambda s: {}, {}, "No image was given"),
        (lambda s: {"flair": "missing.nii.gz"}, {}, "missing.nii.gz"),
        (
            lambda s: {**s.images, "t1ce": s.images["t1c"]},
            {},
            "no modality 't1ce'. Known: flair, t1, t1c, t2",
        ),
        (lambda s: "no/such/folder", {}, "no/such/folder"),
        (
            lambda s: s,
            {"mask": LabelMap(np.zeros((48, 56, 44), np.uint8), AFFINE)},
            "no voxel inside the mask",
        ),
        (lambda s: s, {"mask": Volume(np.ones((9, 9, 9)), AFFINE)}, "two grids"),
    ],
)
def test_bad_input_is_one_clear_sentence(model: ThresholdModel, study, options, sentence: str) -> None:
    with pytest.raises(TfmedError, match=sentence):
        tfmed.predict(model, study(make_study()), **options)


def test_a_folder_with_several_cases_must_be_narrowed(model: ThresholdModel, tmp_path: Path) -> None:
    for case in ("brats_2013_pat0001_1", "brats_2013_pat0002_1"):
        for name, volume in make_study().images.items():
            folder = tmp_path / "HGG" / case / f"VSD.Brain.XX.O.MR_{name}.123"
            folder.mkdir(parents=True)
            io.save(volume, folder / f"VSD.Brain.XX.O.MR_{name.replace('t1c', 'T1c')}.123.mha")
    with pytest.raises(TfmedError, match="holds 2 cases"):
        tfmed.predict(model, tmp_path)
    result = tfmed.predict(model, tmp_path / "HGG" / "brats_2013_pat0001_1")
    assert result.study.case_id == "brats_2013_pat0001_1" and len(result.lesions) == 2

from pathlib import Path

import numpy as np
import pytest

from tests.datasets.trees import LPS_AT_239, image, touch
from tfmed import datasets, geometry
from tfmed.errors import TfmedError

IMAGES = ("MR_Flair", "MR_T1", "MR_T1c", "MR_T2")


def names(number: int, labels: str = "VSD.Brain_3more.XX.O.OT") -> list[str]:
    found = [f"VSD.Brain.XX.O.{image}.{number + place}" for place, image in enumerate(IMAGES)]
    return [*found, f"{labels}.{number + 4}"]


def folders(case: str, number: int) -> list[str]:
    return [f"{case}/{name}/{name}.mha" for name in names(number)]


def test_cases_patients_grades_and_editions(tmp_path: Path) -> None:
    root = touch(
        tmp_path / "BRATS2015_Training",
        *folders("HGG/brats_tcia_pat153_0109", 100),
        *folders("HGG/brats_tcia_pat153_0165", 200),
        *folders("LGG/brats_2013_pat0001_1", 300),
    )
    cases = datasets.scan(root)
    assert [case.id for case in cases] == [
        "brats_2013_pat0001_1",
        "brats_tcia_pat153_0109",
        "brats_tcia_pat153_0165",
    ]
    assert cases[1].patient == cases[2].patient != cases[0].patient
    assert [case.timepoint for case in cases] == ["1", "0109", "0165"]
    assert [case.diagnosis for case in cases] == ["LGG", "HGG", "HGG"]
    assert all(tuple(case.modalities) == ("flair", "t1", "t1c", "t2") for case in cases)
    assert cases[0].labels.name == "VSD.Brain_3more.XX.O.OT.304.mha"
    assert {case.edition for case in cases} == {"brats2015"}
    assert {case.dataset for case in cases} == {"brats2015"}


def test_one_number_in_both_grades_is_two_patients_with_two_ids(tmp_path: Path) -> None:
    root = touch(tmp_path, *folders("HGG/brats_2013_pat0001_1", 1), *folders("LGG/brats_2013_pat0001_1", 11))
    cases = datasets.scan(root)
    assert [case.id for case in cases] == ["HGG_brats_2013_pat0001_1", "LGG_brats_2013_pat0001_1"]
    assert cases[0].patient != cases[1].patient


def test_flat_variant_odd_case_spaces_missing_modality_and_strays(tmp_path: Path) -> None:
    flat = [f"my data/LGG/brats_2013_pat0004_1/{name}.mha" for name in names(40, "VSD.Brain.XX.O.OT")]
    flat = [path for path in flat if "MR_T2" not in path]
    flat[0] = flat[0].replace("VSD.Brain.XX.O.MR_Flair", "vsd.brain.xx.o.mr_FLAIR").replace(".mha", ".MHA")
    root = touch(
        tmp_path, *flat, "my data/LGG/brats_2013_pat0004_1/notes.txt", ".DS_Store", "__MACOSX/._x.mha"
    )
    found = datasets.report(root)
    assert [tuple(case.modalities) for case in found.cases] == [("flair", "t1", "t1c")]
    assert found.cases[0].labels.name == "VSD.Brain.XX.O.OT.44.mha"
    assert [(entry.path.name, entry.reason) for entry in found.skipped] == [
        ("notes.txt", "no file of BRATS 2015")
    ]


def test_labels_of_the_release_with_xx_twice(tmp_path: Path) -> None:
    paths = [
        path.replace("3more.XX.O.OT", "3more.XX.XX.OT") for path in folders("HGG/brats_2013_pat0001_1", 1)
    ]
    case = datasets.scan(touch(tmp_path, *paths))[0]
    assert case.labels.name == "VSD.Brain_3more.XX.XX.OT.5.mha"


def test_a_case_without_labels_has_no_edition(tmp_path: Path) -> None:
    paths = [path for path in folders("HGG_LGG/VSD.x/brats_tcia_pat101_0001", 7) if "OT" not in path]
    case = datasets.scan(touch(tmp_path, *paths))[0]
    assert case.labels is None and case.edition is None and case.diagnosis is None


def test_a_second_file_of_one_modality_is_skipped_with_the_one_that_is_taken(tmp_path: Path) -> None:
    root = touch(tmp_path, *folders("HGG/c", 1), "HGG/c/VSD.Brain.XX.O.MR_T1.99/VSD.Brain.XX.O.MR_T1.99.mha")
    skipped = datasets.report(root).skipped
    assert len(skipped) == 1 and skipped[0].path.name == "VSD.Brain.XX.O.MR_T1.99.mha"
    assert "VSD.Brain.XX.O.MR_T1.2.mha is the t1 of c" in skipped[0].reason


def test_labels_alone_are_no_case(tmp_path: Path) -> None:
    paths = folders("HGG/c", 1)[-1:] + folders("HGG/d", 11)
    found = datasets.report(touch(tmp_path, *paths))
    assert [case.id for case in found.cases] == ["d"]
    assert [entry.reason for entry in found.skipped] == ["case c has no image"]


def test_the_folder_of_one_case_is_a_root_too(tmp_path: Path) -> None:
    root = touch(tmp_path, *folders("HGG/brats_tcia_pat153_0109", 1))
    case = datasets.scan(root / "HGG" / "brats_tcia_pat153_0109")[0]
    assert case.id == "brats_tcia_pat153_0109" and len(case.modalities) == 4


def test_loading_joins_images_and_labels_on_one_grid(tmp_path: Path) -> None:
    for place, path in enumerate(folders("HGG/brats_tcia_pat153_0109", 1)):
        image(tmp_path / path, seed=place)
    study = datasets.scan(tmp_path)[0].load()
    assert study.modalities == ("flair", "t1", "t1c", "t2") and study.shape == (6, 7, 5)
    assert study.labels.edition == "brats2015" and study.labels.dtype == np.int16
    assert (study.patient, study.diagnosis) == ("HGG/brats_tcia_pat153", "HGG")
    assert not np.array_equal(study.images["t1"].array, study.images["t2"].array)
    assert "grid" not in study.provenance


def test_an_origin_that_differs_is_taken_from_the_first_image_and_recorded(tmp_path: Path) -> None:
    paths = folders("HGG/c", 1)
    moved = LPS_AT_239.copy()
    moved[:3, 3] = (-239, 0, 0)
    for path in paths[:-1]:
        image(tmp_path / path)
    image(tmp_path / paths[-1], affine=moved)
    study = datasets.scan(tmp_path)[0].load()
    assert np.allclose(study.labels.affine, LPS_AT_239)
    assert "origin" in study.provenance["grid"]["labels"]


def test_a_flipped_file_is_turned_so_that_world_points_agree(tmp_path: Path) -> None:
    paths = folders("HGG/c", 1)
    turned = np.array([[1.0, 0, 0, -5], [0, 1, 0, 239 - 6], [0, 0, 1, 0], [0, 0, 0, 1]])
    for path in paths[:-1]:
        image(tmp_path / path)
    image(tmp_path / paths[-1], affine=turned, seed=3)
    study = datasets.scan(tmp_path)[0].load()
    from tfmed import io

    raw = io.load(tmp_path / paths[-1])
    assert study.provenance["grid"]["labels"] == "turned from RAS"
    point = geometry.apply(raw.affine, [1, 2, 3])
    index = np.rint(geometry.apply(np.linalg.inv(study.affine), point)).astype(int)
    assert study.labels.array[tuple(index)] == raw.array[1, 2, 3]


def test_another_size_is_an_error_that_states_both_grids(tmp_path: Path) -> None:
    paths = folders("HGG/c", 1)
    for path in paths[:-1]:
        image(tmp_path / path)
    image(tmp_path / paths[-1], shape=(6, 7, 4))
    case = datasets.scan(tmp_path)[0]
    with pytest.raises(TfmedError, match=r"flair and labels .*6x7x5 voxels.*6x7x4 voxels"):
        case.load()
    assert "resampled (nearest)" in case.load(resample=True).provenance["grid"]["labels"]

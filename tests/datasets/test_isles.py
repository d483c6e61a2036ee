from pathlib import Path

import pytest

from tests.datasets.trees import touch
from tfmed import datasets

SISS = ("MR_T1", "MR_T2", "MR_Flair", "MR_DWI")
SPES = ("MR_CBF", "MR_CBV", "MR_DWI", "MR_T1c", "MR_T2", "MR_TTP", "MR_Tmax")
OUTCOME = ("MR_ADC", "MR_MTT", "MR_rCBF", "MR_rCBV", "MR_Tmax", "MR_TTP", "MR_4DPWI")


def files(folder: str, images: tuple[str, ...], prefix: str = "VSD", labels: str = "OT") -> list[str]:
    stems = [f"{prefix}.Brain.XX.O.{image}.{number}" for number, image in enumerate(images, 70613)]
    stems.append(f"{prefix}.Brain.XX.O.{labels}.70699")
    return [f"{folder}/{stem}/{stem}.nii" for stem in stems]


def test_siss_with_one_number_in_training_and_test(tmp_path: Path) -> None:
    root = touch(
        tmp_path,
        *files("SISS2015_Training/1", SISS, labels="OT"),
        *files("SISS2015_Training/2", SISS),
        *files("SISS2015_Testing/1", SISS)[:-1],
        "SISS2015_Training/license.txt",
    )
    found = datasets.report(root)
    assert found.dataset == "isles2015_siss"
    assert [case.id for case in found.cases] == ["2", "SISS2015_Testing_1", "SISS2015_Training_1"]
    assert len({case.patient for case in found.cases}) == 3
    assert [bool(case.labels) for case in found.cases] == [True, False, True]
    assert tuple(found.cases[0].modalities) == ("flair", "t1", "t2", "dwi")
    assert found.cases[0].diagnosis == "stroke" and found.cases[0].edition == "isles2015_siss"


def test_siss_labels_of_the_release_with_4more(tmp_path: Path) -> None:
    stem = "VSD.Brain_4more.XX.O.OT.70617"
    root = touch(tmp_path, *files("1", SISS)[:-1], f"1/{stem}/{stem}.nii")
    assert datasets.scan(root)[0].labels.name == f"{stem}.nii"


def test_spes(tmp_path: Path) -> None:
    found = datasets.report(touch(tmp_path, *files("SPES2015_Training/4", SPES)))
    assert found.dataset == "isles2015_spes" and found.cases[0].edition == "isles2015_spes"
    assert tuple(found.cases[0].modalities) == ("t1c", "t2", "dwi", "cbf", "cbv", "tmax", "ttp")


@pytest.mark.parametrize("prefix", ["VSD", "SMIR"])
def test_2016_and_2017_leave_the_series_over_time_out(tmp_path: Path, prefix: str) -> None:
    found = datasets.report(touch(tmp_path, *files("training_1", OUTCOME, prefix)))
    assert found.dataset == "isles2016" and found.cases[0].id == "training_1"
    assert tuple(found.cases[0].modalities) == ("adc", "mtt", "rcbf", "rcbv", "tmax", "ttp")
    assert [entry.path.name for entry in found.skipped] == [f"{prefix}.Brain.XX.O.MR_4DPWI.70619.nii"]
    assert "series over time" in found.skipped[0].reason


def test_flat_odd_case_spaces_missing_modalities_and_strays(tmp_path: Path) -> None:
    flat = [path.rpartition("/")[2] for path in files("x", SISS, labels="OT") if "MR_T2" not in path]
    root = touch(
        tmp_path / "SISS2015 Training",
        *(f"case 3/{name.lower()}.gz" for name in flat),
        *files("4", SISS),
        "4/VSD.Brain.XX.O.MR_DWI.70616/notes (1).txt",
        ".DS_Store",
    )
    found = datasets.report(root)
    assert found.dataset == "isles2015_siss"
    assert [(case.id, tuple(case.modalities), bool(case.labels)) for case in found.cases] == [
        ("4", ("flair", "t1", "t2", "dwi"), True),
        ("case 3", ("flair", "t1", "dwi"), True),
    ]
    assert [entry.path.name for entry in found.skipped] == ["notes (1).txt"]


def test_2017_odd_case_spaces_and_a_missing_map(tmp_path: Path) -> None:
    paths = [path.lower() for path in files("ISLES 2017/training_31", OUTCOME, "SMIR") if "TTP" not in path]
    case = datasets.scan(touch(tmp_path, *paths, "ISLES 2017/ISLES2017_Training.csv"))[0]
    assert (case.id, tuple(case.modalities)) == ("training_31", ("adc", "mtt", "rcbf", "rcbv", "tmax"))
    assert case.labels and case.edition == "isles2016"

from pathlib import Path

import pytest

from tests.datasets.trees import touch
from tfmed import datasets

ROLES = ("flair", "t1", "t1ce", "t2", "seg")


def files(folder: str, ending: str = ".nii.gz") -> list[str]:
    case = folder.split("/")[-1]
    return [f"{folder}/{case}_{role}{ending}" for role in ROLES]


def test_2018_with_grades_in_folders_and_time_points_in_names(tmp_path: Path) -> None:
    root = touch(tmp_path, *files("HGG/Brats18_TCIA01_131_1"), *files("LGG/Brats18_2013_0_1"))
    cases = datasets.scan(root)
    assert [case.id for case in cases] == ["Brats18_2013_0_1", "Brats18_TCIA01_131_1"]
    assert [case.patient for case in cases] == ["Brats18_2013_0", "Brats18_TCIA01_131"]
    assert [case.diagnosis for case in cases] == ["LGG", "HGG"]
    assert [case.timepoint for case in cases] == ["1", "1"]
    assert tuple(cases[0].modalities) == ("flair", "t1", "t1c", "t2")
    assert cases[0].modalities["t1c"].name.endswith("t1ce.nii.gz")
    assert cases[0].edition == "brats2018" and cases[0].dataset == "brats2018"


def test_2020_plain_nii_grades_from_the_table_and_the_stray_name_of_case_355(tmp_path: Path) -> None:
    root = touch(
        tmp_path / "MICCAI_BraTS2020_TrainingData",
        *files("BraTS20_Training_001", ".nii"),
        *[path for path in files("BraTS20_Training_355", ".nii") if "_seg" not in path],
        "BraTS20_Training_355/W39_1998.09.19_Segm.nii",
        "survival_info.csv",
    )
    (root / "name_mapping.csv").write_text(
        "Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,BraTS_2019_subject_ID,"
        "BraTS_2020_subject_ID\nHGG,NA,NA,NA,NA,BraTS20_Training_001\nLGG,NA,NA,NA,NA,BraTS20_Training_355\n"
    )
    found = datasets.report(root)
    assert [(case.id, case.diagnosis, case.patient) for case in found.cases] == [
        ("BraTS20_Training_001", "HGG", "BraTS20_Training_001"),
        ("BraTS20_Training_355", "LGG", "BraTS20_Training_355"),
    ]
    assert found.cases[1].labels.name == "W39_1998.09.19_Segm.nii"
    assert [entry.path.name for entry in found.skipped] == ["survival_info.csv"]


def test_2021_and_2017_and_odd_case(tmp_path: Path) -> None:
    root = touch(tmp_path, *files("BraTS2021_00000"), *files("hgg/BRATS17_CBICA_AAB_1", ".NII"))
    cases = {case.id: case for case in datasets.scan(root)}
    assert set(cases) == {"BraTS2021_00000", "BRATS17_CBICA_AAB_1"}
    assert cases["BRATS17_CBICA_AAB_1"].diagnosis == "HGG"
    assert cases["BraTS2021_00000"].diagnosis is None
    assert all(len(case.modalities) == 4 and case.labels for case in cases.values())


@pytest.mark.parametrize("missing", ["flair", "t1", "t1ce", "t2"])
def test_flat_copies_with_a_missing_modality(tmp_path: Path, missing: str) -> None:
    paths = [
        f"all cases/BraTS2021_0000{n}_{role}.nii.gz" for n in range(2) for role in ROLES if role != missing
    ]
    cases = datasets.scan(touch(tmp_path, *paths))
    assert [case.id for case in cases] == ["BraTS2021_00000", "BraTS2021_00001"]
    assert all(len(case.modalities) == 3 for case in cases)


def test_a_folder_for_each_file_and_a_shadow_of_the_table(tmp_path: Path) -> None:
    case = "BraTS2021_00495"
    root = touch(
        tmp_path,
        *(f"{case}/{case}_{role}.nii/0000{n}_brain.nii" for n, role in enumerate(ROLES)),
        *(f"flat/BraTS20_Training_007_{role}.nii/BraTS20_Training_007_{role}.nii" for role in ROLES),
        f"{case}/{case}_t1.nii/readme.txt",
    )
    (root / "._name_mapping.csv").write_bytes(b"\0\5\x16\xff\xfe")
    (root / "name_mapping.csv").write_bytes(b"Grade,BraTS_2020_subject_ID\nLGG, BraTS20_Training_007\n")
    found = datasets.report(root)
    assert [(case.id, len(case.modalities), bool(case.labels), case.diagnosis) for case in found.cases] == [
        ("BraTS2021_00495", 4, True, None),
        ("BraTS20_Training_007", 4, True, "LGG"),
    ]
    assert [entry.path.name for entry in found.skipped] == ["readme.txt"]


def test_one_name_in_two_folders_is_two_cases_told_apart_by_the_folder_above(tmp_path: Path) -> None:
    root = touch(tmp_path, *files("HGG/Brats18_TCIA01_131_1"), *files("LGG/Brats18_TCIA01_131_1"))
    assert [case.id for case in datasets.scan(root)] == [
        "HGG_Brats18_TCIA01_131_1",
        "LGG_Brats18_TCIA01_131_1",
    ]

from pathlib import Path

import pytest

from tests.datasets.trees import image, touch
from tfmed import datasets
from tfmed.errors import TfmedError

SETTINGS = """
name = "knees"
edition = "cartilage"
[files]
t1 = "{diagnosis}/{patient} {timepoint}/*_T1*.nii.gz"
pd = "{diagnosis}/{patient} {timepoint}/pd.mha"
labels = "{diagnosis}/{patient} {timepoint}/*seg*.nii.gz"
"""


def test_patterns_of_the_toml_file_make_cases(tmp_path: Path) -> None:
    root = touch(
        tmp_path,
        "torn/p 1 early/x_t1_a.nii.gz",
        "torn/p 1 early/PD.mha",
        "torn/p 1 late/x_T1_a.nii.gz",
        "torn/p 1 late/seg.nii.gz",
        "whole/p2 late/y_t1.nii.gz",
        "whole/readme.md",
    )
    (root / "tfmed.toml").write_text(SETTINGS)
    found = datasets.report(root)
    assert found.dataset == "knees"
    assert [(case.id, case.patient, case.timepoint, case.diagnosis) for case in found.cases] == [
        ("p 1_early", "p 1", "early", "torn"),
        ("p 1_late", "p 1", "late", "torn"),
        ("p2_late", "p2", "late", "whole"),
    ]
    assert [tuple(case.modalities) for case in found.cases] == [("t1", "pd"), ("t1",), ("t1",)]
    assert [case.edition for case in found.cases] == [None, "cartilage", None]
    assert [entry.path.name for entry in found.skipped] == ["readme.md"]


def test_a_repeated_placeholder_means_the_same_text(tmp_path: Path) -> None:
    root = touch(tmp_path, "a/a_t1.nii.gz", "a/b_t1.nii.gz")
    (root / "tfmed.toml").write_text('[files]\nt1 = "{case}/{case}_t1.nii.gz"\n')
    assert [case.modalities["t1"].name for case in datasets.scan(root)] == ["a_t1.nii.gz"]


def test_a_pattern_may_name_the_folder_of_a_dicom_series(tmp_path: Path) -> None:
    root = touch(tmp_path, "a/T1/1.dcm", "a/T1/2.dcm", "a/T2/1.dcm")
    (root / "tfmed.toml").write_text('[files]\nt1 = "{case}/T1"\nt2 = "{case}/T2"\n')
    found = datasets.report(root)
    assert found.cases[0].modalities == {"t1": root / "a" / "T1", "t2": root / "a" / "T2"}
    assert found.skipped == []


def test_the_toml_file_wins_over_a_layout_that_would_be_recognised(tmp_path: Path) -> None:
    root = touch(tmp_path, "BraTS2021_00000/BraTS2021_00000_t1.nii.gz")
    (root / "tfmed.toml").write_text('name = "mine"\n[files]\nt1 = "{case}/*_t1.nii.gz"\n')
    assert datasets.report(root).dataset == "mine"
    assert datasets.report(root, "brats2018").dataset == "brats2018"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("files = [", "isn't TOML"),
        ("title = 'x'", "unknown or mistyped setting 'title'"),
        ("[files]", "names no modality"),
        ("[files]\nt1 = '*.nii'", "doesn't tell cases apart"),
        ("[files]\nt1 = '{subject}.nii'", r"t1 has \{subject\}"),
        ("[files]\nT1 = '{case}.nii'", "lower-case name"),
        ("[files]\nt1 = '{case}.nii'\nlabels = '{case}_seg.nii'", "names labels but no edition"),
    ],
)
def test_a_wrong_toml_file_is_told_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "tfmed.toml").write_text(text)
    with pytest.raises(TfmedError, match=message):
        datasets.scan(tmp_path)


def test_files_named_by_modality_need_no_toml_file(tmp_path: Path) -> None:
    for name in ("flair", "T1c"):
        image(tmp_path / "patient 017" / f"{name}.nii.gz")
    cases = datasets.scan(tmp_path)
    assert [(case.id, tuple(case.modalities)) for case in cases] == [("patient 017", ("flair", "t1c"))]
    assert datasets.scan(tmp_path / "patient 017")[0].load().modalities == ("flair", "t1c")

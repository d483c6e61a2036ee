from pathlib import Path

import pytest

from tests.datasets.trees import image, touch
from tfmed import datasets
from tfmed.errors import TfmedError

ROLES = ("t1n", "t1c", "t2w", "t2f", "seg")


def files(case: str) -> list[str]:
    return [f"{case}/{case}-{role}.nii.gz" for role in ROLES]


def test_names_become_the_usual_modalities_patients_and_time_points(tmp_path: Path) -> None:
    root = touch(tmp_path, *files("BraTS-GLI-00005-000"), *files("BraTS-GLI-00005-001"))
    cases = datasets.scan(root, "brats2023")
    assert [case.id for case in cases] == ["BraTS-GLI-00005-000", "BraTS-GLI-00005-001"]
    assert {case.patient for case in cases} == {"BraTS-GLI-00005"}
    assert [case.timepoint for case in cases] == ["000", "001"]
    assert {name: path.name[20:23] for name, path in cases[0].modalities.items()} == {
        "flair": "t2f",
        "t1": "t1n",
        "t1c": "t1c",
        "t2": "t2w",
    }
    assert cases[0].edition == "brats2023"


@pytest.mark.parametrize(
    ("grid", "edition"), [((240, 240, 155), "brats2023"), ((182, 218, 182), "brats2024")]
)
def test_the_grid_tells_the_edition(tmp_path: Path, grid: tuple[int, int, int], edition: str) -> None:
    image(tmp_path / "BraTS-GLI-00000-000" / "BraTS-GLI-00000-000-t2f.nii.gz", shape=grid)
    touch(tmp_path, "BraTS-GLI-00000-000/BraTS-GLI-00000-000-seg.nii.gz")
    cases = datasets.scan(tmp_path)
    assert [(case.dataset, case.edition) for case in cases] == [(edition, edition)]


@pytest.mark.parametrize("year", ["2023", "2024"])
def test_the_folder_tells_the_edition(tmp_path: Path, year: str) -> None:
    root = touch(
        tmp_path / f"ASNR-MICCAI-BraTS{year}-GLI-Challenge-TrainingData", *files("BraTS-GLI-00000-000")
    )
    assert datasets.scan(root)[0].edition == f"brats{year}"
    assert datasets.scan(tmp_path)[0].edition == f"brats{year}"


def test_without_a_sign_nothing_is_guessed(tmp_path: Path) -> None:
    root = touch(tmp_path / "data", *files("BraTS-GLI-00000-000"))
    with pytest.raises(TfmedError, match=r"could be BraTS 2023 or BraTS 2024.*name the dataset"):
        datasets.scan(root)


def test_a_grid_that_contradicts_the_folder_is_not_guessed_either(tmp_path: Path) -> None:
    image(tmp_path / "BraTS2024" / "BraTS-GLI-00000-000-t2f.nii.gz", shape=(240, 240, 155))
    with pytest.raises(TfmedError, match="could be BraTS 2023 or BraTS 2024"):
        datasets.scan(tmp_path)


def test_flat_odd_case_spaces_missing_modalities_and_strays(tmp_path: Path) -> None:
    root = touch(
        tmp_path / "my BraTS2024 copy",
        *(f"all/brats-gli-00001-100-{role}.NII.GZ" for role in ROLES if role != "t1n"),
        *(
            f"BraTS-GLI-00002-101/BraTS-GLI-00002-101-{role}.nii/BraTS-GLI-00002-101-{role}.nii"
            for role in ROLES
        ),
        "BraTS-GLI-00002-101/BraTS-GLI-00002-101-pred.nii.gz",
    )
    found = datasets.report(root)
    assert [(case.id, tuple(case.modalities), case.edition) for case in found.cases] == [
        ("BraTS-GLI-00002-101", ("flair", "t1", "t1c", "t2"), "brats2024"),
        ("brats-gli-00001-100", ("flair", "t1c", "t2"), "brats2024"),
    ]
    assert [entry.path.name for entry in found.skipped] == ["BraTS-GLI-00002-101-pred.nii.gz"]

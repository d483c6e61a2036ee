import json
from pathlib import Path

import pytest

from tests.datasets.trees import touch
from tfmed import datasets
from tfmed.errors import TfmedError


def test_every_layout_has_its_own_name_and_lists_lower_case_modalities() -> None:
    for name, layout in datasets.datasets().items():
        assert layout.name == name and layout.title
        assert layout.modalities and all(word == word.lower() for word in layout.modalities)


@pytest.mark.parametrize(("name", "found"), [("a file", "is not a folder"), ("nothing", "does not exist")])
def test_a_root_must_be_a_folder(tmp_path: Path, name: str, found: str) -> None:
    touch(tmp_path, "a file")
    with pytest.raises(TfmedError, match=f"{name} {found}"):
        datasets.scan(tmp_path / name)


def test_an_unknown_layout_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match=r"no known dataset.*BRATS 2015.*OASIS-1"):
        datasets.scan(touch(tmp_path, "a/holiday.jpg"))


def test_an_unknown_name_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match=r"Received: brats2016\. Known: .*brats2015"):
        datasets.scan(tmp_path, "brats2016")


def test_a_named_layout_without_a_case_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match="holds no case of IXI"):
        datasets.scan(touch(tmp_path, "a/holiday.jpg"), "ixi")


def test_the_report_is_plain_json(tmp_path: Path) -> None:
    root = touch(tmp_path, "BraTS2021_00000/BraTS2021_00000_t1.nii.gz", "stray.txt")
    found = json.loads(json.dumps(datasets.report(root).as_dict()))
    assert found["cases"][0]["modalities"]["t1"].endswith("BraTS2021_00000_t1.nii.gz")
    assert found["skipped"] == [{"path": str(root / "stray.txt"), "reason": "no file of BraTS 2017 to 2021"}]


def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "BraTS2021_00000/BraTS2021_00000_t1.nii.gz")
    root = tmp_path / "root"
    root.mkdir()
    (root / "BraTS2021_00000").symlink_to(tmp_path / "elsewhere" / "BraTS2021_00000")
    (root / "round").symlink_to(root)
    found = datasets.report(root)
    assert [case.id for case in found.cases] == ["BraTS2021_00000"] and not found.skipped

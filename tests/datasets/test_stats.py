import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tfmed import io
from tfmed.datasets import scan
from tfmed.datasets.editions import EDITIONS, meaning
from tfmed.datasets.scanning import datasets
from tfmed.datasets.stats import measure
from tfmed.study import Volume
from tfmed.tools.data import command

AFFINE = np.diag([-1.0, -2, 3, 1])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One HGG case: a head of 6x5x4 voxels, in it 2x1x3 voxels of tumour, one enhancing, the rest oedema."""
    head = np.zeros((10, 9, 8), np.int16)
    head[2:8, 2:7, 2:6] = 100
    labels = np.zeros(head.shape, np.uint8)
    labels[3:5, 3, 2:5] = 2
    labels[4, 3, 4] = 4
    folder = tmp_path / "HGG" / "Brats18_TCIA01_131_1"
    folder.mkdir(parents=True)
    for name, array in (("flair", head), ("t1", head * 2), ("seg", labels)):
        io.save(Volume(array, AFFINE), folder / f"Brats18_TCIA01_131_1_{name}.nii.gz")
    return tmp_path


def test_slices_and_volumes_by_hand(root: Path) -> None:
    found = measure(scan(root)[0])
    assert found.slices["flair"] == {"axial": 4, "coronal": 5, "sagittal": 6}
    assert found.head_ml["t1"] == pytest.approx(6 * 5 * 4 * 6 / 1000)
    assert found.intensities == {"flair": (100, 100, 100), "t1": (200, 200, 200)}
    assert found.label_slices == {
        "oedema": {"axial": 3, "coronal": 1, "sagittal": 2},
        "enhancing tumour": {"axial": 1, "coronal": 1, "sagittal": 1},
    }
    assert found.label_ml["oedema"] == pytest.approx(5 * 6 / 1000)


def test_the_command_prints_tables_and_json(root: Path) -> None:
    plain = CliRunner().invoke(command, ["stats", str(root)])
    assert plain.exit_code == 0
    rows = [line.split() for line in plain.output.splitlines()]
    assert ["HGG", "flair", "1", "4", "5", "6"] in rows and ["oedema", "t1", "1", "3", "1", "2"] in rows
    found = json.loads(CliRunner().invoke(command, ["stats", str(root), "--json"]).output)
    assert {"class": "HGG", "modality": "t1", "cases": 1, "axial": 4, "coronal": 5, "sagittal": 6} in found[
        "slices"
    ]
    assert found["volumes_ml"]["head"]["median"] == pytest.approx(0.72)


def test_a_broken_case_is_listed_and_the_others_go_on(root: Path) -> None:
    broken = root / "LGG" / "Brats18_2013_0_1" / "Brats18_2013_0_1_t1.nii.gz"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"\x1f\x8bnothing")
    result = CliRunner().invoke(command, ["stats", str(root), "--workers", "2"])
    assert result.exit_code == 2 and "HGG" in result.output
    assert "tfmed: failed: Brats18_2013_0_1" in result.output + result.stderr


def test_less_than_one_worker_is_refused(root: Path) -> None:
    assert CliRunner().invoke(command, ["stats", str(root), "--workers", "0"]).exit_code == 2


def test_scan_prints_what_was_found_and_why_the_rest_was_not(root: Path) -> None:
    (root / "notes.txt").write_text("x")
    result = CliRunner().invoke(command, ["scan", str(root)])
    assert result.exit_code == 0
    for words in ("1 case of 1 patient\n", "1 with flair, t1", "brats2018", "HGG 1", "notes.txt: no file of"):
        assert words in result.output
    found = json.loads(CliRunner().invoke(command, ["scan", str(root), "--json"]).output)
    assert found["dataset"] == "brats2018" and len(found["cases"]) == 1


def test_every_edition_of_a_layout_is_told_and_other_values_are_named_as_such() -> None:
    known = {layout.edition for layout in datasets().values() if layout.edition}
    assert known <= set(EDITIONS)
    assert meaning("isles2015_spes", 3) == meaning(None, 3) == "value 3"
    assert meaning("isles2015_spes", 2) == "penumbra"
    assert meaning("brats2015", 3) == "non-enhancing tumour"

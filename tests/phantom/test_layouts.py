"""Phantoms written in the datasets' layouts, read back by the datasets' readers."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfmed import datasets, phantom
from tfmed.errors import TfmedError
from tfmed.phantom.layouts import settings

SPACING_MM = 6.0
PAIRS = [(kind, name) for kind in phantom.KINDS for name, to in phantom.LAYOUTS.items() if kind in to.kinds]
ELSEWHERE = [(kind, name) for kind in phantom.KINDS for name in phantom.LAYOUTS if (kind, name) not in PAIRS]
# Layouts that tell nothing of the diagnosis.
SILENT = ("brats2023", "brats2024")
DATASETS = {"isles2015": "isles2015_siss", "plain": "phantoms"}
# Layouts whose modalities lie on several grids.
SEVERAL_GRIDS = ("ixi",)
VALUES = {
    "brats2015": {1, 2, 3, 4},
    "brats2018": {1, 2, 4},
    "brats2023": {1, 2, 3},
    "brats2024": {1, 2, 3, 4},
    "isles2015": {1},
    "isles2015_spes": {1, 2},
    "ms2008": {1},
    "oasis1": {1, 2, 3},
}


@pytest.fixture(scope="module")
def study() -> phantom.Study:
    return phantom.make("glioma", 1, anatomy="analytic", grade="HGG", spacing_mm=3.0)


@pytest.mark.parametrize(("kind", "layout"), PAIRS)
def test_readers_meet_what_was_written(kind: str, layout: str, tmp_path: Path) -> None:
    usual = settings(kind, layout) | {"spacing_mm": SPACING_MM}
    study = phantom.make(kind, 3, anatomy="analytic", **usual)
    folder = phantom.write(study, tmp_path, layout)
    (case,) = datasets.scan(tmp_path)
    assert case.dataset == DATASETS.get(layout, layout)
    assert case.diagnosis == (None if layout in SILENT else study.diagnosis)
    assert set(case.modalities) == set(study.modalities)
    loaded = case.load(resample=layout in SEVERAL_GRIDS)
    for name, image in study.images.items():
        read = loaded.images[name].canonical()
        np.testing.assert_allclose(read.spacing_mm, image.spacing_mm, rtol=1e-5)
        if layout not in SEVERAL_GRIDS or name == "t1":
            np.testing.assert_array_equal(read.array, image.array)
    if layout == "ixi":
        assert case.labels is None
        return
    assert loaded.labels is not None and study.labels is not None
    assert loaded.labels.edition == study.labels.edition
    read = loaded.labels.canonical().array
    np.testing.assert_array_equal(read, study.labels.array)
    assert layout == "plain" or {int(v) for v in np.unique(read)} - {0} <= VALUES[layout]
    assert layout == "plain" or read.any() or kind == "healthy"
    told = json.loads((folder / "phantom.json").read_text())
    counts = np.bincount(read.ravel(), minlength=5)
    for value in range(1, 5):
        volume_ml = counts[value] * float(np.prod(study.labels.spacing_mm)) / 1000
        assert told["volumes_ml"].get(str(value), 0) == pytest.approx(volume_ml, abs=2e-3)
    assert told["provenance"] == json.loads(json.dumps(study.provenance))


@pytest.mark.parametrize(("kind", "layout"), ELSEWHERE)
def test_a_layout_without_a_place_for_a_kind_names_those_that_have_one(kind: str, layout: str) -> None:
    with pytest.raises(TfmedError, match=f"Layout {layout} has no place for kind {kind}, which goes into: "):
        settings(kind, layout)


@pytest.mark.parametrize("layout", ["brats2015", "brats2018", "brats2023"])
def test_labels_of_2015_are_renumbered_for_later_editions(
    layout: str, study: phantom.Study, tmp_path: Path
) -> None:
    phantom.write(study, tmp_path, layout)
    (case,) = datasets.scan(tmp_path)
    read = case.load().labels
    assert read is not None and case.edition == layout
    values = set(np.unique(read.array).tolist()) - {0}
    assert values and values <= VALUES[layout]
    np.testing.assert_array_equal(read.canonical().array > 0, study.labels.array > 0)
    enhancing = 3 if layout == "brats2023" else 4
    np.testing.assert_array_equal(read.canonical().array == enhancing, study.labels.array == 4)


def test_oasis_files_are_as_oasis_has_them(tmp_path: Path) -> None:
    import nibabel

    study = phantom.make(
        "alzheimer", 1, "analytic", cdr=1.0, **settings("alzheimer", "oasis1") | {"spacing_mm": 6.0}
    )
    phantom.write(study, tmp_path, "oasis1")
    (path,) = tmp_path.rglob("*masked_gfc.hdr")
    image = nibabel.AnalyzeImage.from_filename(path)
    assert image.header.endianness == ">" and image.shape[3:] == (1,)
    assert "CDR:           1\n" in next(tmp_path.rglob("OAS1_0002_MR1.txt")).read_text()
    with pytest.raises(TfmedError, match="four digits"):
        phantom.write(phantom.make("alzheimer", 10000, "analytic", spacing_mm=6.0), tmp_path, "oasis1")


def test_a_plain_folder_holds_labels_of_one_meaning(study: phantom.Study, tmp_path: Path) -> None:
    phantom.write(study, tmp_path, "plain")
    phantom.write(phantom.make("healthy", 2, "analytic", spacing_mm=6.0), tmp_path, "plain")
    assert {case.diagnosis for case in datasets.scan(tmp_path)} == {"HGG", "healthy"}
    with pytest.raises(TfmedError, match="labels are brats2015, those to be written are ms2008"):
        phantom.write(phantom.make("ms", 2, "analytic", spacing_mm=6.0), tmp_path, "plain")


def test_images_are_stripped_integers(study: phantom.Study) -> None:
    masks = [image.array != 0 for image in study.images.values()]
    for image, mask in zip(study.images.values(), masks, strict=True):
        assert image.array.dtype == np.int16 and image.array.min() == 0
        np.testing.assert_array_equal(mask, masks[0])
    assert not study.labels.array[~masks[0]].any()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"kind": "fracture"}, "kind='fracture'"),
        ({"kind": "glioma", "grade": "V"}, "grade='V'"),
        ({"kind": "glioma", "cdr": 1.0}, "glioma has no cdr"),
        ({"kind": "alzheimer", "cdr": 3.0}, "cdr=3.0"),
        ({"kind": "stroke", "age_h": 0.5}, "age_h=0.5"),
        ({"kind": "stroke", "colour": "red"}, "colour='red'"),
        ({"kind": "stroke", "lesions": "/nowhere"}, "/nowhere holds no lesion masks"),
        ({"kind": "glioma", "anatomy": "/nowhere"}, "/nowhere"),
        ({"kind": "glioma", "modalities": ("t1", "flar")}, "flar"),
        ({"kind": "glioma", "edition": "ms2008"}, "edition='ms2008'"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_told_in_a_sentence(arguments: dict, sentence: str) -> None:
    with pytest.raises(TfmedError, match=sentence):
        phantom.make(**{"anatomy": "analytic", "spacing_mm": 6.0} | arguments)


def test_an_unknown_layout_is_told_in_a_sentence(study: phantom.Study, tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match="layout='brats1999'"):
        phantom.write(study, tmp_path, "brats1999")


def test_the_command_offers_what_the_library_has() -> None:
    from tfmed.tools import phantom as tool

    assert tool.KINDS == phantom.KINDS
    assert tuple(phantom.LAYOUTS) == tool.LAYOUTS


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--anatomy", "/nowhere"], "/nowhere"),
        (["--kind", "ms", "--layout", "ixi"], "which goes into: ms2008, plain"),
        (["--latent", "--skull"], "Latent volumes are brains alone"),
        (["--latent", "--layout", "plain"], "Latent volumes have a layout of their own"),
        (["--kind", "ms", "--grade", "HGG"], "ms has no grade"),
    ],
)
def test_the_command_ends_with_status_2_and_a_sentence(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    command = [str(Path(sys.executable).with_name("tfmed")), "phantom", str(tmp_path), "-n", "1"]
    done = subprocess.run([*command, "--spacing", "6", *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert sentence in done.stderr and "Traceback" not in done.stderr

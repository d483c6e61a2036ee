"""Contact sheets show the slice with most lesion, turned for people; a sample can be shown again."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.pipeline.studies import MODALITIES, MemorySource, write
from tfmed.errors import TfmedError
from tfmed.pipeline import Augmentation, Sampler, preview
from tfmed.tools import evaluate
from tfmed.tools.data import command


def run(*arguments: object) -> str:
    result = CliRunner().invoke(command, [str(part) for part in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def tree(root: Path) -> Path:
    """Two cases in the layout of BraTS 2018."""
    for number, case_id in enumerate(("Brats18_A_1_1", "Brats18_B_1_1")):
        case = write(root / "parts", case_id, seed=number)
        folder = root / "MICCAI_BraTS_2018" / "HGG" / case_id
        folder.mkdir(parents=True)
        for role, path in case.files().items():
            name = {"t1c": "t1ce", "labels": "seg"}.get(role, role)
            Path(path).rename(folder / f"{case_id}_{name}.nii.gz")
    return root / "MICCAI_BraTS_2018"


def test_prepare_and_preview_from_the_command_line(tmp_path: Path) -> None:
    root, store = tree(tmp_path), tmp_path / "store"
    assert "2 cases of 2 patients, 2 with labels of brats2018" in run("prepare", root, store, "--workers", 1)
    for number, arguments in enumerate(([root], [store], [store, "--sample", 5])):
        picture = tmp_path / f"{number}.png"
        assert "2 slices" in run("preview", *arguments, "-o", picture)
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_store_is_not_made_among_the_files_of_the_dataset(tmp_path: Path) -> None:
    root = tree(tmp_path)
    with pytest.raises(TfmedError, match="STORE is ROOT"):
        run("prepare", root, root / ".." / root.name)
    assert not list(root.rglob("*.h5"))


def test_samples_of_a_root_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match="is neither a prepared store"):
        run("preview", tree(tmp_path), "--sample", 1, "-o", tmp_path / "a.png")


@pytest.mark.parametrize("name", ["sheet.xyz", "sheet"])
def test_a_picture_of_no_known_format_is_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(TfmedError, match=r"no ending of a picture.*png"):
        run("preview", tmp_path / "missing", "-o", tmp_path / name)
    arguments = ["model", "--data", tmp_path / "missing", "--reliability", tmp_path / name]
    with pytest.raises(TfmedError, match=r"no ending of a picture.*png"):
        CliRunner().invoke(evaluate.command, list(map(str, arguments)), catch_exceptions=False)


def test_the_slice_with_most_lesion_is_shown_and_alike_from_store_and_study(tmp_path: Path) -> None:
    from tfmed.pipeline import prepare

    case = write(tmp_path / "in", "a")
    store = prepare([case], tmp_path / "store", workers=1)
    stored, loaded = preview.of_source(store, 0), preview.of_study(case.load(), MODALITIES)
    np.testing.assert_array_equal(stored.labels, loaded.labels)
    np.testing.assert_array_equal(stored.image, loaded.image)
    areas = [np.count_nonzero(store.slice(0, 0, index)[1]) for index in range(store.cases[0].shape[2])]
    assert np.count_nonzero(stored.labels) == max(areas)


def test_right_is_shown_on_the_left_and_front_at_the_top() -> None:
    image = np.zeros((20, 30, 1), np.float32)
    image[19, 29] = 4  # right and front in RAS+
    strip = preview._strip(preview.Picture("", image, np.zeros((20, 30), np.uint8)))
    assert strip.shape == (30, 40, 3)
    assert strip[0, 0].tolist() == [255] * 3 and strip[0, 20].tolist() == [255] * 3
    assert np.count_nonzero(strip) == 6


def test_a_sample_is_shown_as_the_network_gets_it() -> None:
    sampler = Sampler(MemorySource(chance=0.3), cases=range(3), size=(40, 40), augment=Augmentation())
    stored, augmented = preview.of_sample(sampler, 11)
    np.testing.assert_array_equal(augmented.image, sampler(11)[0])
    case, view, number = sampler.slice_of(11)
    np.testing.assert_array_equal(
        stored.labels, sampler.source.slice(case, view, number, sampler.generator(11))[1]
    )

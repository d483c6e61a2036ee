"""`tfmed predict` as a user types it, but in this process."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.inference import zoo_entry
from tests.inference.heads import make_study
from tests.test_modality_guard import head, swapped
from tfmed import io
from tfmed.errors import TfmedError
from tfmed.study import Volume
from tfmed.tools import cli


@pytest.fixture(scope="module")
def name(tmp_path_factory: pytest.TempPathFactory) -> str:
    return zoo_entry.register(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three BRATS 2015 cases, the second with a truncated file."""
    root = tmp_path_factory.mktemp("data")
    for number in (1, 2, 3):
        for modality, volume in make_study(seed=number).images.items():
            title = modality.replace("t1c", "T1c").replace("flair", "Flair")
            file = f"VSD.Brain.XX.O.MR_{title}.{number}"
            folder = root / "HGG" / f"brats_2013_pat000{number}_1" / file
            folder.mkdir(parents=True)
            io.save(volume, folder / f"{file}.mha")
            if number == 2 and modality == "t2":
                (folder / f"{file}.mha").write_bytes((folder / f"{file}.mha").read_bytes()[:500])
    return root


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["predict", *map(str, words)])


def test_a_folder_is_predicted_and_told_in_a_table(name: str, root: Path, tmp_path: Path) -> None:
    done = run(name, root / "HGG" / "brats_2013_pat0001_1", "-o", tmp_path)
    assert done.exit_code == 0, done.output
    assert "enhancing" in done.output and "1.96" in done.output and str(tmp_path) in done.output
    assert {"labels.mha", "instances.mha", "instances.json", "overview.png"} == {
        path.name for path in tmp_path.iterdir()
    }


def test_files_in_no_layout_are_given_by_modality(name: str, tmp_path: Path) -> None:
    study = make_study()
    for modality in ("flair", "t1c"):
        io.save(study.images[modality], tmp_path / f"{modality}.nii.gz")
    mask = study.images["t1"]
    io.save(mask.with_array((mask.array != 0).astype("uint8")), tmp_path / "brain.nii.gz")
    images = [f"--image={modality}={tmp_path}/{modality}.nii.gz" for modality in ("flair", "t1c")]
    done = run(
        name, *images, "--mask", tmp_path / "brain.nii.gz", "--flips", "-o", tmp_path / "out", "--json"
    )
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert content["modalities"] == ["flair", "t1c"]
    assert content == json.loads((tmp_path / "out/instances.json").read_text())


def test_volumes_of_one_file_are_given_by_number(name: str, tmp_path: Path) -> None:
    study = make_study()
    stack = np.stack([study.images[modality].array for modality in ("flair", "t1", "t1c", "t2")], -1)
    nibabel.save(nibabel.Nifti1Image(stack, study.images["flair"].affine), tmp_path / "four.nii.gz")
    for modality in ("flair", "t1c"):
        io.save(study.images[modality], tmp_path / f"{modality}.nii.gz")
    four, apart = tmp_path / "four", tmp_path / "apart"
    done = run(
        name, f"--image=flair={four}.nii.gz#0", f"--image=t1c={four}.nii.gz#2", "-o", tmp_path / "a", "--json"
    )
    assert done.exit_code == 0, done.output
    images = [f"--image={modality}={tmp_path}/{modality}.nii.gz" for modality in ("flair", "t1c")]
    assert run(name, *images, "-o", apart).exit_code == 0
    same = [io.load_labels(folder / "labels.nii.gz").array for folder in (tmp_path / "a", apart)]
    np.testing.assert_array_equal(*same)
    assert same[0].any()
    beyond = run(name, f"--image=flair={four}.nii.gz#4", "-o", tmp_path / "b")
    assert isinstance(beyond.exception, TfmedError)
    assert "holds 4 volumes" in str(beyond.exception) and "four.nii.gz#0" in str(beyond.exception)


def test_a_whole_archive_goes_on_after_failures_and_resumes(name: str, root: Path, tmp_path: Path) -> None:
    first = run(name, root, "--all", "-o", tmp_path, "--json")
    assert first.exit_code == 1
    states = {outcome["case"]: outcome["state"] for outcome in json.loads(first.stdout)}
    assert sorted(states.values()) == ["failed", "written", "written"]
    assert states["brats_2013_pat0002_1"] == "failed"
    assert not (tmp_path / "brats_2013_pat0002_1").exists()
    written = tmp_path / "brats_2013_pat0001_1" / "labels.mha"
    before = written.stat().st_mtime_ns
    (tmp_path / "brats_2013_pat0003_1" / "instances.json").unlink()
    again = run(name, root, "--all", "-o", tmp_path)
    assert again.exit_code == 1
    assert "1 written" in again.output and "1 done before" in again.output and "1 failed" in again.output
    assert "brats_2013_pat0002_1:" in again.output and ".mha" in again.output
    assert written.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--image", "flair"], "MODALITY=FILE"),
        (["--image", "flair=a.mha", "--image", "flair=b.mha"], "twice"),
        ([], "Name either"),
        (["somewhere", "--image", "flair=a.mha"], "Name either"),
        (["no/such/folder"], "no/such/folder"),
    ],
)
def test_bad_words_are_one_sentence(name: str, words: list[str], sentence: str, tmp_path: Path) -> None:
    done = run(name, *words, "-o", tmp_path / "out")
    assert isinstance(done.exception, TfmedError) and sentence in str(done.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--labels", "brats1999"], "brats1999"),
        (["--format", "bmp"], "bmp"),
        (["--modalities", "flair,pet"], "'pet'"),
        (["--weights", "missing"], "missing"),
    ],
)
def test_options_that_cannot_be_met_name_the_known_ones(
    name: str, root: Path, options: list[str], sentence: str, tmp_path: Path
) -> None:
    done = run(name, root / "HGG" / "brats_2013_pat0001_1", "-o", tmp_path / "out", *options)
    assert isinstance(done.exception, TfmedError) and sentence in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_a_file_under_a_name_that_the_model_lacks_is_not_passed_over(
    name: str, root: Path, tmp_path: Path
) -> None:
    flair = next(root.rglob("*Flair.1.mha"))
    done = run(name, f"--image=flair={flair}", f"--image=t1ce={flair}", "-o", tmp_path / "out")
    assert isinstance(done.exception, TfmedError) and "no modality 't1ce'" in str(done.exception)


@pytest.mark.parametrize("all_cases", [False, True])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_predicted(
    name: str, root: Path, tmp_path: Path, all_cases: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfmed.inference.prediction.working_volume", None)
    (tmp_path / "file").write_text("")
    source = [root, "--all"] if all_cases else [root / "HGG" / "brats_2013_pat0001_1"]
    done = run(name, *source, "-o", tmp_path / "file" / "out")
    assert isinstance(done.exception, TfmedError) and "file is a file" in str(done.exception)


@pytest.mark.parametrize("exchanged", [False, True])
def test_images_that_contradict_their_names_are_warned_of_and_predicted(
    name: str, exchanged: bool, tmp_path: Path
) -> None:
    study = swapped(head(0), "flair", "t2") if exchanged else head(0)
    for modality, volume in study.images.items():
        # At 3 mm it is as large as a brain.
        io.save(Volume(volume.array, np.diag([3.0, 3, 3, 1])), tmp_path / f"{modality}.nii.gz")
    images = [f"--image={modality}={tmp_path}/{modality}.nii.gz" for modality in study.modalities]
    done = run(name, *images, "-o", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)["warnings"]
    assert bool(said) == exchanged
    assert [f"tfmed: warning: {line}" for line in said] == done.stderr.splitlines()
    assert not exchanged or "flair and t2 may be exchanged, fluid is brighter in flair than in t2" in said[0]
    one = run(name, *images, "-o", tmp_path / "one", "--json", "--modalities", "flair")
    assert json.loads(one.stdout)["warnings"] == []

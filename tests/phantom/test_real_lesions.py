"""Real lesion masks: brought to their place in any head, and never from test into training."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmed.errors import TfmedError
from tfmed.phantom import real_lesions
from tfmed.phantom.anatomy import analytic
from tfmed.phantom.origins import origins
from tfmed.phantom.warp import Grid
from tfmed.tools import cli

GRID = Grid((46, 56, 48), 4.0)


def ball(path: Path, centre_mm: tuple[float, float, float], radius_mm: float = 16) -> Path:
    """A mask in MNI space at 2 mm."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -90, -126, -72
    index = np.stack(np.meshgrid(*[np.arange(n) for n in (91, 109, 91)], indexing="ij"))
    place = 2 * index + affine[:3, 3].reshape(3, 1, 1, 1)
    inside = ((place - np.array(centre_mm).reshape(3, 1, 1, 1)) ** 2).sum(0) < radius_mm**2
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(inside.astype(np.uint8), affine), path)
    return path


def painted(source: Path, seed: int) -> tuple[np.ndarray, np.ndarray, dict]:
    rng = np.random.default_rng(seed)
    mask = real_lesions.draw(str(source), rng)
    place = GRID.millimetres()
    core, wide = mask.painted(analytic(0), place, np.full(GRID.shape, 20, np.float32), rng)
    return core, wide, mask.facts["lesion"]


@settings(max_examples=12, deadline=None)
@given(st.tuples(st.floats(-45, -20), st.floats(-70, 40), st.floats(-10, 45)), st.integers(0, 1000))
def test_a_lesion_keeps_its_place_or_is_mirrored(
    tmp_path_factory: pytest.TempPathFactory, centre_mm: tuple[float, float, float], seed: int
) -> None:
    source = ball(tmp_path_factory.mktemp("mask") / "stroke_1.nii.gz", centre_mm)
    core, wide, facts = painted(source, seed)
    box = analytic(0).box_mm
    share = (np.array(centre_mm) - real_lesions.MNI_BOX_MM[:, 0]) / np.ptp(real_lesions.MNI_BOX_MM, axis=1)
    if facts["mirrored"]:
        share[0] = 1 - share[0]
    expected = box[:, 0] + share * np.ptp(box, axis=1)
    found = (GRID.millimetres() * core).sum((1, 2, 3)) / core.sum()
    np.testing.assert_allclose(found, expected, atol=14)
    assert core.min() >= 0 and core.max() <= 1
    assert (wide >= core).all() and wide.sum() > 1.2 * core.sum()
    volume_ml, stretch = (
        core.sum() * 0.064,
        np.prod(np.ptp(box, axis=1) / np.ptp(real_lesions.MNI_BOX_MM, axis=1)),
    )
    assert 0.5 < volume_ml / (4.19 * 16**3 / 1000 * stretch) < 1.8


def test_half_of_them_are_mirrored_and_a_seed_gives_the_same_again(tmp_path: Path) -> None:
    source = str(ball(tmp_path / "stroke_1.nii.gz", (-30, -20, 10)))
    mirrored = [
        real_lesions.draw(source, np.random.default_rng(seed)).facts["lesion"]["mirrored"]
        for seed in range(200)
    ]
    assert 70 < sum(mirrored) < 130
    first, again = (painted(Path(source), 3)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_patients_bring_their_own_brain(tmp_path: Path) -> None:
    lesions = ball(tmp_path / "patient_a" / "lesions.nii.gz", (-30, -20, 10), 8)
    image = nibabel.load(lesions)
    brain = np.zeros(image.shape, np.uint8)
    brain[20:70, 20:90, 20:80] = 1
    nibabel.save(nibabel.Nifti1Image(brain, image.affine), lesions.with_name("brain.nii.gz"))
    mask = real_lesions.draw(str(tmp_path), np.random.default_rng(0))
    assert mask.facts["lesion"]["case"] == "patient_a"
    np.testing.assert_allclose(mask.box_mm, [[-50, 48], [-86, 52], [-32, 86]])


def run(*arguments: str) -> None:
    CliRunner().invoke(cli, ["phantom", *arguments, "--spacing", "6"], catch_exceptions=False)


@pytest.mark.parametrize("kind", ["stroke", "ms", "glioma"])
def test_lesions_of_the_test_split_never_enter_training(kind: str, tmp_path: Path) -> None:
    for number in range(6):
        ball(tmp_path / "masks" / f"case_{number}.nii.gz", (-40, 3.0 * number - 20, 20), 20)
    train, test, leaky = (str(tmp_path / name) for name in ("train", "test", "leaky"))
    common = ("-n", "3", "--kind", kind, "--anatomy", "analytic")
    run(train, *common, "--lesions", str(tmp_path / "masks" / "case_[0-3].nii.gz"), "--latent")
    run(test, *common, "--lesions", str(tmp_path / "masks" / "case_[45].nii.gz"), "--apart", train)
    made_of = {}
    for folder in (train, test):
        cases = json.loads((Path(folder) / "manifest.json").read_text())["cases"]
        assert len(cases) == 3
        made_of[folder] = {key for case in cases for key in origins(case["provenance"])}
        assert made_of[folder]
    assert not made_of[train] & made_of[test]
    used = sorted(_numbers(train))[0]
    source = str(tmp_path / "masks" / f"case_{used}.nii.gz")
    with pytest.raises(
        TfmedError, match=f"lesion case_{used} is in the phantoms that these must be kept apart"
    ):
        run(leaky, *common, "--lesions", source, "--apart", train)
    assert not list(Path(leaky).rglob("*.ni*"))


def _numbers(folder: str) -> set[int]:
    cases = json.loads((Path(folder) / "manifest.json").read_text())["cases"]
    return {int(case["provenance"]["lesion"]["case"][-1]) for case in cases}

"""Phantoms of the analytic head on a coarse grid: a second each."""

from pathlib import Path

import numpy as np
import pytest

from tfmed.phantom.anatomy import analytic
from tfmed.phantom.kinds import Options
from tfmed.phantom.latent import Latent, build
from tfmed.phantom.source import LatentSource, save
from tfmed.phantom.tissues import FREESURFER, Tissue
from tfmed.phantom.warp import BRATS

SPACING_MM = 3.0


@pytest.fixture(scope="session")
def latents() -> list[Latent]:
    grid = BRATS.coarse(SPACING_MM)
    cases = [("glioma", 1, "HGG"), ("glioma", 2, "LGG"), ("healthy", 3, None)]
    return [build(kind, seed, "analytic", grid, Options(grade=grade)) for kind, seed, grade in cases]


@pytest.fixture(scope="session")
def source(latents: list[Latent], tmp_path_factory: pytest.TempPathFactory) -> LatentSource:
    folder = tmp_path_factory.mktemp("latents")
    for number, latent in enumerate(latents):
        save(latent, folder / f"case_{number}.h5", f"patient_{number}")
    return LatentSource(folder)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Label maps of three heads in FreeSurfer numbers, in a folder for training and one for tests."""
    import nibabel

    root = tmp_path_factory.mktemp("people")
    numbers = np.zeros(len(Tissue), np.int16)
    for tissue, values in FREESURFER.items():
        numbers[tissue] = values[0]
    for name, person in (("train/head_a", 1), ("train/head_b", 2), ("test/head_c", 3)):
        path = root / f"{name}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(numbers[analytic(person).codes], np.eye(4)), path)
    return root

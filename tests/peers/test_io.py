"""The same files have the same voxels at the same world millimetres in TorchIO and MONAI."""

from pathlib import Path

import numpy as np
import pytest

from tests.geometries import rotation
from tfmed import io
from tfmed.study import Volume

pytestmark = pytest.mark.peers

AFFINE = np.eye(4)
AFFINE[:3, :3] = rotation((0.3, -0.2, 0.1)) * (-0.9, -1.1, 2.5)
AFFINE[:3, 3] = (70, 90, -40)


def saved(path: Path) -> Volume:
    array = np.random.default_rng(0).integers(-50, 900, (7, 6, 5)).astype(np.int16)
    io.save(Volume(array, AFFINE), path)
    return io.load(path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.mhd", "a.nrrd", "a.nhdr"])
def test_torchio_reads_the_same(name: str, tmp_path: Path) -> None:
    import torchio

    ours, theirs = saved(tmp_path / name), torchio.ScalarImage(tmp_path / name)
    np.testing.assert_array_equal(theirs.data[0].numpy(), ours.array)
    np.testing.assert_allclose(theirs.affine, ours.affine, atol=1e-4)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_monai_reads_the_same(name: str, tmp_path: Path) -> None:
    from monai.transforms import LoadImage

    ours, theirs = saved(tmp_path / name), LoadImage(image_only=True)(tmp_path / name)
    np.testing.assert_array_equal(theirs.numpy(), ours.array)
    np.testing.assert_allclose(theirs.affine.numpy(), ours.affine, atol=1e-4)

"""What single formats do beyond the contract of all."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings

from tests.geometries import affines
from tfmed import geometry, io
from tfmed.study import Volume


def world_of_itk(path: Path, index: tuple[int, int, int]) -> np.ndarray:
    """Where SimpleITK says that a voxel lies, turned from LPS to RAS by hand."""
    x, y, z = SimpleITK.ReadImage(str(path)).TransformIndexToPhysicalPoint(index)
    return np.array([-x, -y, z])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(affine=affines())
@pytest.mark.parametrize("name", ["a.nii", "a.mha", "a.nrrd"])
def test_simpleitk_sees_every_voxel_at_the_same_place(name: str, affine: np.ndarray, tmp_path: Path) -> None:
    """NIfTI is parsed by nibabel here and by ITK there: two readers, one world."""
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    io.save(Volume(array, affine), tmp_path / name)
    other = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / name)))
    volume = io.load(tmp_path / name)
    for index in ((0, 0, 0), (2, 3, 4), (1, 0, 3)):
        assert other[index[::-1]] == volume.array[index] == array[index]
        there = world_of_itk(tmp_path / name, index)
        assert np.allclose(geometry.apply(volume.affine, index), there, atol=1e-3)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_scaling_and_byte_order_of_nifti(tmp_path: Path, ending: str, order: str) -> None:
    header = nibabel.Nifti1Header(endianness=order)
    header.set_data_dtype(np.int16)
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4), header)
    image.header.set_slope_inter(0.5, -3)
    image.dataobj_written = None
    path = tmp_path / f"a{ending}"
    image.to_filename(path)
    volume = io.load(path)
    assert volume.dtype == np.float32 and io.header(path).dtype == np.float32
    assert np.allclose(volume.array, np.asarray(nibabel.load(path).dataobj))


def test_scaled_voxels_are_those_that_the_slope_says(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4)).to_filename(path)
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([0.5, -3], "<f4").tobytes()
    path.write_bytes(content)
    assert np.allclose(io.load(path).array.ravel(), np.arange(24) * 0.5 - 3)


def test_nifti_2_and_long_axes(tmp_path: Path) -> None:
    nibabel.Nifti2Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.diag([1, 2, 3, 1])).to_filename(
        tmp_path / "a.nii"
    )
    assert io.load(tmp_path / "a.nii").spacing_mm == (1, 2, 3)
    io.save(Volume(np.ones((40000, 1, 2), np.uint8), np.eye(4)), tmp_path / "b.nii")
    assert io.load(tmp_path / "b.nii").shape == (40000, 1, 2)


def test_uncompressed_integers_are_mapped_not_read(tmp_path: Path) -> None:
    io.save(Volume(np.ones((4, 4, 4), np.int16), np.eye(4)), tmp_path / "a.nii")
    array = io.load(tmp_path / "a.nii").array
    assert isinstance(array if isinstance(array, np.memmap) else array.base, np.memmap)


def test_the_sform_goes_before_the_qform(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((2, 3, 4), np.int16), None)
    image.set_qform(np.diag([1.0, 1, 1, 1]), 1)
    image.set_sform(np.diag([-2.0, 2, 2, 1]), 2)
    image.to_filename(tmp_path / "a.nii")
    assert np.allclose(io.load(tmp_path / "a.nii").affine, np.diag([-2, 2, 2, 1]))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("byte", "codes"), [(0, "LAS"), (1, "LSA"), (2, "ASL"), (3, "LPS"), (4, "LIA"), (5, "AIL"), (77, "LAS")]
)
def test_analyze_orientations_trailing_axes_and_untrusted_origins(
    tmp_path: Path, order: str, byte: int, codes: str
) -> None:
    header = nibabel.spm99analyze.Spm99AnalyzeHeader(endianness=order)
    header.set_data_dtype(np.int16)
    header["origin"][:3] = (9, 9, 9)
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5, 1)
    nibabel.spm99analyze.Spm99AnalyzeImage(array, np.diag([-2, 3, 4, 1.0]), header).to_filename(
        tmp_path / "a.img"
    )
    content = bytearray((tmp_path / "a.hdr").read_bytes())
    content[252] = byte
    (tmp_path / "a.hdr").write_bytes(content)
    (tmp_path / "a.mat").unlink(missing_ok=True)
    for name in ("a.hdr", "a.img"):
        volume = io.load(tmp_path / name)
        assert np.array_equal(volume.array, array[..., 0])
        assert geometry.axis_codes(volume.affine) == codes and volume.spacing_mm == (2, 3, 4)
        assert np.allclose(geometry.apply(volume.affine, [1, 1.5, 2]), 0)


def test_a_nrrd_in_ras_space_with_a_bare_header(tmp_path: Path) -> None:
    array = np.arange(24, dtype=">i2").reshape(4, 3, 2)
    (tmp_path / "a.raw").write_bytes(array.tobytes())
    (tmp_path / "a.nhdr").write_text(
        "NRRD0004\ntype: short\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
        "space directions: (0.5,0,0) (0,0.5,0) (0,0,0.5)\nkinds: domain domain domain\nendian: big\n"
        "encoding: raw\nspace origin: (-1,2,3)\ndata file: a.raw\n"
    )
    volume = io.load(tmp_path / "a.nhdr")
    assert np.array_equal(volume.array, array.T)
    assert np.allclose(volume.affine, [[0.5, 0, 0, -1], [0, 0.5, 0, 2], [0, 0, 0.5, 3], [0, 0, 0, 1]])


def test_an_uncompressed_big_endian_mhd_with_raw_beside(tmp_path: Path) -> None:
    array = np.arange(24, dtype=">i2").reshape(4, 3, 2)
    (tmp_path / "a.raw").write_bytes(array.tobytes())
    (tmp_path / "a.mhd").write_text(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = True\n"
        "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 1 2 3\nElementSpacing = 1 1 2\nDimSize = 2 3 4\n"
        "ElementType = MET_SHORT\nElementDataFile = a.raw\n"
    )
    volume = io.load(tmp_path / "a.mhd")
    assert np.array_equal(volume.array, array.T)
    assert np.allclose(volume.affine, [[-1, 0, 0, -1], [0, -1, 0, -2], [0, 0, 2, 3], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("path", "ending"),
    [("a.nii", ".nii.gz"), ("A.NII.GZ", ".nii.gz"), ("a.mhd", ".mha"), ("a.mha", ".mha"), ("a.nhdr", ".nrrd"),
     ("a.nrrd", ".nrrd"), ("a.hdr", ".hdr"), ("a.img", ".hdr"), ("a.dcm", ".nii.gz"), ("series", ".nii.gz")],
)  # fmt: skip
def test_results_go_back_in_the_format_of_their_input(path: str, ending: str) -> None:
    assert io.ending_of(path) == ending

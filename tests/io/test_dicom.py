from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from tests.geometries import rotation
from tests.io.dicom_files import write_multiframe, write_series
from tfmed import geometry, io
from tfmed.errors import TfmedError
from tfmed.study import Volume


def oblique(dtype: str = "int16") -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = rotation((0.2, -0.1, 0.3)) * (0.9, 0.8, 3.3) * (-1, -1, 1)
    affine[:3, 3] = (80, 90, -60)
    return Volume(np.random.default_rng(0).integers(0, 200, (6, 5, 4)).astype(dtype), affine)


def assert_same(found: Volume, wanted: Volume) -> None:
    assert np.allclose(found.affine, wanted.affine, atol=1e-6) and found.dtype == wanted.dtype
    assert np.array_equal(found.array, wanted.array)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless]
)
def test_transfer_syntaxes(tmp_path: Path, syntax: str) -> None:
    paths = write_series(oblique("uint16"), tmp_path, syntax)
    assert_same(io.load(tmp_path), oblique("uint16"))
    assert_same(io.load(paths[2]), oblique("uint16"))


def packed(folder: Path, syntax: str, kind: str) -> Path:
    """A series whose 8-bit pixels are packed by Pillow."""
    array = np.random.default_rng(0).integers(0, 200, (16, 15, 3)).astype(np.uint8)
    for path in write_series(Volume(array, oblique().affine), folder):
        data, content = dcmread(path), BytesIO()
        Image.fromarray(data.pixel_array).save(content, kind)
        data.PixelData = encapsulate([content.getvalue()])
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
        data.file_meta.TransferSyntaxUID = syntax
        data.save_as(path)
    return folder


@pytest.mark.parametrize(
    ("syntax", "kind", "tolerance"), [(JPEG2000Lossless, "JPEG2000", 0), (JPEGBaseline8Bit, "JPEG", 40)]
)
def test_packed_pixels_that_a_plug_in_of_pydicom_reads(
    tmp_path: Path, syntax: str, kind: str, tolerance: int
) -> None:
    wanted = np.random.default_rng(0).integers(0, 200, (16, 15, 3))
    found = io.load(packed(tmp_path, syntax, kind)).array
    assert np.abs(found.astype(int) - wanted).max() <= tolerance


def test_a_plug_in_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match=r"JPEG-LS.*(pyjpegls - requires|can't be read)"):
        io.load(packed(tmp_path, JPEGLSLossless, "JPEG"))


def test_simpleitk_reads_the_same_series_at_the_same_places(tmp_path: Path) -> None:
    """ITK's own DICOM reader, given the files in order of place."""
    paths = write_series(oblique(), tmp_path)
    image = SimpleITK.ReadImage([str(path) for path in paths])
    volume = io.load(tmp_path)
    assert np.array_equal(SimpleITK.GetArrayFromImage(image).T, volume.array)
    for index in ((0, 0, 0), (5, 4, 3), (1, 3, 2)):
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        assert np.allclose(geometry.apply(volume.affine, index), (-x, -y, z), atol=1e-3)


def test_files_without_an_ending_and_others_beside(tmp_path: Path) -> None:
    for path in write_series(oblique(), tmp_path):
        path.rename(path.with_suffix(""))
    (tmp_path / "readme.txt").write_text("hello")
    assert_same(io.load(tmp_path), oblique())


def test_rescaling_slice_by_slice(tmp_path: Path) -> None:
    paths = write_series(oblique(), tmp_path, RescaleSlope="2", RescaleIntercept="-1024")
    data = dcmread(paths[1])
    data.RescaleSlope = "4"
    data.save_as(paths[1])
    found = io.load(tmp_path)
    assert found.dtype == np.float32
    assert np.array_equal(found.array[:, :, 0], oblique().array[:, :, 0] * 2.0 - 1024)
    assert np.array_equal(found.array[:, :, 1], oblique().array[:, :, 1] * 4.0 - 1024)


def test_multiframe_in_any_order_of_frames(tmp_path: Path) -> None:
    path = write_multiframe(oblique(), tmp_path / "enhanced.dcm", order=[2, 0, 3, 1])
    assert_same(io.load(path), oblique())


def test_a_missing_slice_names_the_file_behind_the_gap(tmp_path: Path) -> None:
    paths = write_series(oblique(), tmp_path)
    paths[2].unlink()
    with pytest.raises(
        TfmedError, match=rf"{paths[3].name} lies 6\.600 mm behind {paths[1].name}.*3\.300 mm"
    ):
        io.load(tmp_path)


def test_a_mixed_orientation_names_the_file(tmp_path: Path) -> None:
    paths = write_series(oblique(), tmp_path)
    data = dcmread(paths[2])
    data.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    data.save_as(paths[2])
    with pytest.raises(TfmedError, match=rf"{paths[2].name} lies otherwise|otherwise than {paths[2].name}"):
        io.load(tmp_path)


def test_two_series_in_a_folder_are_told_apart_by_a_file(tmp_path: Path) -> None:
    other = oblique().with_array(oblique().array + 1)
    write_series(oblique(), tmp_path)
    (tmp_path / "more").mkdir()
    for path in write_series(other, tmp_path / "more", SeriesDescription="t2"):
        path.rename(tmp_path / f"second {path.name}")
    with pytest.raises(TfmedError, match=r"holds 2 series; name one file .*t1 \(IM0000\.dcm\), t2"):
        io.load(tmp_path)
    assert_same(io.load(tmp_path / "second IM0000.dcm"), other)


def test_a_series_over_time_has_a_fourth_axis(tmp_path: Path) -> None:
    series = generate_uid()
    for number in range(2):
        volume = oblique().with_array(oblique().array + number)
        for path in write_series(volume, tmp_path / "part", series=series):
            data = dcmread(path)
            data.InstanceNumber = number * 100 + int(data.InstanceNumber)
            data.save_as(tmp_path / f"{number} {path.name}")
    with pytest.raises(TfmedError, match="holds 2 volumes"):
        io.load(tmp_path)
    assert_same(io.load(tmp_path, index=1), oblique().with_array(oblique().array + 1))
    (tmp_path / "1 IM0007.dcm").unlink()
    with pytest.raises(TfmedError, match="at others 2; slices are missing"):
        io.load(tmp_path, index=0)


def test_a_gantry_tilt_is_kept_as_shear(tmp_path: Path) -> None:
    tilted = oblique()
    affine = tilted.affine.copy()
    affine[:3, 2] += affine[:3, 1] * 0.5
    write_series(Volume(tilted.array, affine), tmp_path)
    assert np.allclose(io.load(tmp_path).affine, affine, atol=1e-6)


def test_pixels_that_no_decoder_reads_name_the_transfer_syntax(tmp_path: Path) -> None:
    paths = write_series(oblique("uint16"), tmp_path, RLELossless)
    data = dcmread(paths[0])
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"
    data.save_as(paths[0])
    with pytest.raises(TfmedError, match="JPEG 2000"):
        io.load(tmp_path)

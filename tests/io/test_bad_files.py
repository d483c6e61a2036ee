"""Files that can't be read as a scalar volume: one clear sentence each."""

import gzip
import struct
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from tfmed import io
from tfmed.errors import TfmedError
from tfmed.study import LabelMap, Volume

AFFINE = np.diag([1.0, 2, 3, 1])


def nifti(path: Path, array: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(array, AFFINE, dtype=array.dtype), path)
    return path


def refused(path: Path, message: str) -> None:
    with pytest.raises(TfmedError, match=message) as caught:
        io.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def patched(path: Path, offset: int, layout: str, *values: float) -> Path:
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, offset, *values)
    path.write_bytes(content)
    return path


def edited(path: Path, old: str, new: str) -> Path:
    content = path.read_bytes()
    assert old.encode() in content
    path.write_bytes(content.replace(old.encode(), new.encode()))
    return path


def saved(path: Path, array: np.ndarray | None = None) -> Path:
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5) if array is None else array
    io.save(Volume(array, AFFINE), path)
    return path


def test_missing_empty_and_unknown_files(tmp_path: Path) -> None:
    refused(tmp_path / "no.nii", "doesn't exist")
    (tmp_path / "empty.nii").touch()
    refused(tmp_path / "empty.nii", "is an empty file")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff" + bytes(200))
    refused(tmp_path / "photo.jpg", r"no ending of a known image format. Known: .*\.nii")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "folder without DICOM")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".hdr", ".mha", ".mhd", ".nrrd", ".nhdr", ".dcm"])
def test_a_file_of_another_type_with_this_ending(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    path.write_bytes(b"<html>Log in to download</html>" * 40)
    refused(path, "x")


def test_truncated_gzip(tmp_path: Path) -> None:
    path = nifti(
        tmp_path / "a.nii.gz", np.random.default_rng(0).integers(0, 99, (20, 20, 20)).astype(np.int16)
    )
    path.write_bytes(path.read_bytes()[:-2000])
    refused(path, "ended before the end")


def test_a_flipped_byte_in_compressed_voxels_is_noticed(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 99, (20, 20, 20)).astype(np.int16)
    for path in (nifti(tmp_path / "a.nii.gz", array), saved(tmp_path / "a.mha", array)):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0x55
        path.write_bytes(content)
        with pytest.raises(TfmedError, match=path.name):
            io.load(path)


def test_a_header_that_claims_a_million_million_voxels(tmp_path: Path) -> None:
    path = patched(nifti(tmp_path / "a.nii", np.zeros((3, 4, 5), np.int16)), 42, "<3h", 10000, 10000, 10000)
    refused(path, r"claims 2e\+12 bytes for voxels \(10000, 10000, 10000\)")
    packed = tmp_path / "b.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    refused(packed, "can't hold them")
    refused(
        edited(saved(tmp_path / "a.mha"), "DimSize = 3 4 5", "DimSize = 10000 10000 10000"), r"claims 2e\+12"
    )
    refused(edited(saved(tmp_path / "a.nrrd"), "sizes: 3 4 5", "sizes: 10000 10000 10000"), r"claims 2e\+12")


def test_sizes_other_than_those_of_the_compressed_voxels_are_noticed(tmp_path: Path) -> None:
    larger = "claims 144 bytes of voxels, but a.{} unpacks to 120"
    refused(edited(saved(tmp_path / "a.mha"), "DimSize = 3 4 5", "DimSize = 3 4 6"), larger.format("mha"))
    refused(edited(saved(tmp_path / "a.nrrd"), "sizes: 3 4 5", "sizes: 3 4 6"), larger.format("nrrd"))
    smaller = "claims 96 bytes of voxels, but a.{} unpacks to more"
    refused(edited(saved(tmp_path / "a.mha"), "DimSize = 3 4 5", "DimSize = 3 4 4"), smaller.format("mha"))
    refused(edited(saved(tmp_path / "a.nrrd"), "sizes: 3 4 5", "sizes: 3 4 4"), smaller.format("nrrd"))


@pytest.mark.parametrize(("ending", "data"), [(".mhd", ".zraw"), (".nhdr", ".raw.gz")])
def test_compressed_voxels_that_end_too_early_are_noticed(tmp_path: Path, ending: str, data: str) -> None:
    header, packed = saved(tmp_path / f"a{ending}"), tmp_path / f"a{data}"
    packed.write_bytes(packed.read_bytes()[:-4])
    refused(header, "is cut short")


def test_skipping_within_packed_voxels_is_refused(tmp_path: Path) -> None:
    path = edited(saved(tmp_path / "a.nrrd"), "encoding: gzip", "byte skip: 4\nencoding: gzip")
    refused(path, "skips a part of its packed voxels")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr", ".hdr"])
def test_bad_voxels_are_counted_and_taken_as_background_and_refused_for_labels(
    tmp_path: Path, ending: str
) -> None:
    array = np.full((3, 4, 5), -10, np.float32)
    array[0, 0] = (np.nan, np.inf, -np.inf, 1, 1)
    path = saved(tmp_path / f"a{ending}", array)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.warns(
            UserWarning, match=rf"a\{ending}: 3 of 60 voxels are NaN or infinite; taken as -10"
        ):
            volume = io.load(path)
    assert volume.array[0, 0].tolist() == [-10, -10, -10, 1, 1]
    with pytest.raises(TfmedError, match="3 of 60 voxels are NaN or infinite, which a label map can't have"):
        io.load_labels(path)


def test_a_border_of_nan_is_taken_as_zero(tmp_path: Path) -> None:
    array = np.full((3, 3, 3), np.nan, np.float32)
    array[1, 1, 1] = 7
    with pytest.warns(UserWarning, match="26 of 27 voxels are NaN or infinite; taken as 0"):
        volume = io.load(saved(tmp_path / "a.nii", array))
    assert volume.array[1, 1, 1] == 7 and volume.array.sum() == 7


def test_labels_of_fractions_are_refused_and_of_whole_floats_taken(tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match="whole numbers only"):
        io.load_labels(saved(tmp_path / "a.nii", np.full((2, 2, 2), 0.5)))
    whole = io.load_labels(saved(tmp_path / "b.nii", np.full((2, 2, 2), 4.0)))
    assert isinstance(whole, LabelMap) and whole.dtype == np.uint8 and (whole.array == 4).all()
    negative = io.load_labels(saved(tmp_path / "c.nii", np.full((2, 2, 2), -4.0)))
    assert (negative.array == -4).all()


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan")])
def test_zero_or_negative_spacing(tmp_path: Path, step: float) -> None:
    path = nifti(tmp_path / "a.nii", np.zeros((3, 4, 5), np.int16))
    refused(patched(patched(path, 80, "<f", step), 252, "<2h", 1, 0), "spacing of")
    analyze = tmp_path / "b.hdr"
    nibabel.save(nibabel.AnalyzeImage(np.zeros((3, 4, 5), np.int16), None), analyze)
    refused(patched(analyze, 80, "<f", step), "spacing of")
    refused(
        edited(saved(tmp_path / "a.mha"), "ElementSpacing = 1 2 3", f"ElementSpacing = {step} 2 3"), "above 0"
    )


def test_singular_affines(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", np.zeros((3, 4, 5), np.int16))
    refused(patched(path, 280, "<4f", 0, 0, 0, 0), "singular")
    refused(edited(saved(tmp_path / "a.nrrd"), "(0,-2,0)", "(-1,0,0)"), "a.nrrd")
    refused(
        edited(
            saved(tmp_path / "a.mha"),
            "TransformMatrix = -1 0 0 0 -1 0 0 0 1",
            "TransformMatrix = -1 0 0 -1 0 0 0 0 1",
        ),
        "a.mha",
    )


def analyze_of_type(path: Path, code: int, bits: int) -> Path:
    """An Analyze pair of 3x4x5 voxels of a data type that nibabel doesn't write."""
    header = nibabel.AnalyzeHeader()
    header["dim"][:5], header["pixdim"][1:4] = (3, 3, 4, 5, 1), 1
    header["datatype"], header["bitpix"] = code, bits
    path.write_bytes(header.binaryblock)
    path.with_suffix(".img").write_bytes(bytes(60 * bits // 8))
    return path


def test_colours_and_complex_numbers(tmp_path: Path) -> None:
    colours = np.zeros((3, 4, 5), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    refused(nifti(tmp_path / "a.nii", colours), "colours or vectors, a scalar image is needed")
    refused(analyze_of_type(tmp_path / "a.hdr", 128, 24), "colours or vectors, a scalar image is needed")
    refused(nifti(tmp_path / "b.nii", np.zeros((3, 4, 5), np.complex64)), "complex")
    refused(analyze_of_type(tmp_path / "b.hdr", 32, 64), "complex")
    vectors = SimpleITK.GetImageFromArray(np.zeros((5, 4, 3, 3), np.uint8), isVector=True)
    numbers = SimpleITK.GetImageFromArray(np.zeros((5, 4, 3), np.complex64))
    for ending in (".mha", ".mhd", ".nrrd", ".nhdr"):
        SimpleITK.WriteImage(vectors, tmp_path / f"c{ending}")
        refused(tmp_path / f"c{ending}", "colours or vectors")
        SimpleITK.WriteImage(numbers, tmp_path / f"d{ending}")
        # MetaImage has no complex type: two values a voxel are all that it can say.
        refused(tmp_path / f"d{ending}", "vectors" if ending.startswith(".m") else "complex")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".hdr", ".mha", ".mhd", ".nrrd", ".nhdr"])
def test_four_axes_need_an_index(tmp_path: Path, ending: str, packed: bool) -> None:
    array = np.arange(3 * 4 * 5 * 2, dtype=np.int16).reshape(3, 4, 5, 2)
    path = tmp_path / f"a{ending}"
    if ending.startswith((".n", ".h")) and not ending.endswith("rd") and ending != ".nhdr":
        kind = nibabel.AnalyzeImage if ending == ".hdr" else nibabel.Nifti1Image
        nibabel.save(kind(array, AFFINE, dtype=array.dtype), path)
    else:
        series = [SimpleITK.GetImageFromArray(array[..., n].T.copy()) for n in range(2)]
        SimpleITK.WriteImage(SimpleITK.JoinSeries(series), path, packed)
    assert io.header(path).shape == (3, 4, 5, 2)
    refused(path, r"holds 2 volumes .*name one by index=0 to 1")
    for index in (0, 1):
        assert np.array_equal(io.load(path, index=index).array, array[..., index])
    with pytest.raises(TfmedError, match="index=2"):
        io.load(path, index=2)


def test_a_flipped_byte_in_the_other_volume_of_a_packed_file_is_noticed(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 99, (2, 20, 20, 20)).astype(np.int16)
    series = SimpleITK.JoinSeries([SimpleITK.GetImageFromArray(volume) for volume in array])
    SimpleITK.WriteImage(series, tmp_path / "a.mha", True)
    content = bytearray((tmp_path / "a.mha").read_bytes())
    content[-3000] ^= 0x55
    (tmp_path / "a.mha").write_bytes(content)
    with pytest.raises(TfmedError, match=r"a\.mha"):
        io.load(tmp_path / "a.mha", index=0)


def test_one_volume_along_a_fourth_axis_needs_no_index_and_a_fifth_axis_is_refused(tmp_path: Path) -> None:
    single = nifti(tmp_path / "one.nii", np.zeros((3, 4, 5, 1), np.int16))
    assert io.load(single).shape == (3, 4, 5)
    with pytest.raises(TfmedError, match="holds one volume"):
        io.load(single, index=3)
    refused(nifti(tmp_path / "five.nii", np.zeros((2, 2, 2, 2, 2), np.int16)), "5 axes")
    for name in ("five.mha", "five.nrrd"):
        SimpleITK.WriteImage(
            SimpleITK.GetImageFromArray(np.zeros((2, 2, 2, 2, 2), np.int16)), tmp_path / name
        )
        refused(tmp_path / name, "5 axes")


def test_packings_that_cannot_be_unpacked_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nhdr")
    refused(
        edited(path, "encoding: gzip", "encoding: bzip2"), r"packs its voxels as 'bzip2'.*Known: raw, hex"
    )


def test_halves_of_pairs_and_files_outside(tmp_path: Path) -> None:
    for name, other in (("a.hdr", "a.img"), ("b.mhd", "b.zraw"), ("c.nhdr", "c.raw.gz")):
        (saved(tmp_path / name).parent / other).unlink()
        refused(tmp_path / name, other.replace(".", r"\."))
    (tmp_path / "outside.raw.gz").write_bytes(b"x" * 99)
    inner = tmp_path / "inner"
    inner.mkdir()
    for name, data in (("d.nhdr", "d.raw.gz"), ("d.mhd", "d.zraw")):
        for elsewhere in ("../outside.raw.gz", str(tmp_path / "outside.raw.gz")):
            refused(edited(saved(inner / name), data, elsewhere), "outside its folder")
    (inner / "link.raw.gz").symlink_to(tmp_path / "outside.raw.gz")
    refused(edited(saved(inner / "e.nhdr"), "e.raw.gz", "link.raw.gz"), "outside its folder")


def test_a_failed_save_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match=r"a\.hdr can't hold this grid"):
        io.save(Volume(np.zeros((3, 4, 5), np.int16), AFFINE), tmp_path / "a.hdr", format="analyze")
    with pytest.raises(TfmedError, match="written"):
        io.save(Volume(np.zeros((3, 4, 5), np.float16), AFFINE), tmp_path / "a.nii")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TfmedError, match="folder doesn't exist"):
        io.save(Volume(np.zeros((3, 4, 5), np.int16), AFFINE), tmp_path / "no" / "a.nii")
    with pytest.raises(TfmedError, match=r"format='dicom'\. Known: analyze, metaimage, nifti, nrrd"):
        io.save(Volume(np.zeros((3, 4, 5), np.int16), AFFINE), tmp_path / "a.dcm", format="dicom")
    with pytest.raises(TfmedError, match="no ending of a known image format"):
        io.save(Volume(np.zeros((3, 4, 5), np.int16), AFFINE), tmp_path / "a.tiff")


def test_saving_over_a_file_replaces_it(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii")
    saved(path, np.full((2, 2, 2), 7, np.int16))
    assert (io.load(path).array == 7).all() and len(list(tmp_path.iterdir())) == 1

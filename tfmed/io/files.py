"""Load and save by path: what is common to all formats."""

import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np

from tfmed.errors import TfmedError
from tfmed.geometry import check_affine
from tfmed.intensity import background
from tfmed.io.formats import Header, ending_in, format_to_read, format_to_write, formats
from tfmed.study import LabelMap, Volume


def header(path: str | Path) -> Header:
    """Shape, affine and dtype of a file; no voxel is read. TfmedError as for ``load``."""
    path = _existing(path)
    with _one_sentence(path):
        found = format_to_read(path).header(path)
        _check_header(found, path)
    return found


def load(path: str | Path, index: int | None = None) -> Volume:
    """The volume in a file: array [x, y, z] in the file's own order and dtype, affine to RAS+ mm.

    ``index`` picks one volume of a file with a fourth axis, and is needed there. Intensities are scaled as
    the file says (float32). NaN and infinite voxels get the background's value, the middle one of the finite
    voxels of the border or 0, with a warning that counts them. Voxels of uncompressed files of integers
    without scaling are mapped, and read when they are first used.

    TfmedError for whatever isn't a readable scalar volume, in one sentence that names the file.
    """
    path = _existing(path)
    with _one_sentence(path):
        entry = format_to_read(path)
        found = entry.header(path)
        _check_header(found, path)
        array = _three_axes(entry.read(path, _checked_index(found, path, index)))
    bad = _count_bad(array)
    if bad:
        value = background(array)
        warnings.warn(
            f"{path}: {bad} of {array.size} voxels are NaN or infinite; taken as {value:g}", stacklevel=2
        )
        array = np.nan_to_num(array, nan=value, posinf=value, neginf=value)
    return Volume(array, found.affine)


def load_labels(path: str | Path, edition: str | None = None, index: int | None = None) -> LabelMap:
    """A file as a label map: whole numbers in the smallest integer type of at least 8 bits that holds them.

    Integer files keep their dtype. TfmedError where a voxel is not a whole number, NaN or infinite.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            volume = load(path, index)
        except UserWarning as warning:
            raise TfmedError(f"{str(warning).rpartition(';')[0]}, which a label map can't have") from None
    array = volume.array
    if array.dtype.kind not in "iub":
        if not np.array_equal(array, np.rint(array)):
            raise TfmedError(f"{path} holds fractions, a label map holds whole numbers only")
        low, high = array.min(initial=0), array.max(initial=0)
        array = array.astype(np.result_type(np.min_scalar_type(int(low)), np.min_scalar_type(int(high))))
    return LabelMap(array, volume.affine, edition)


def save(volume: Volume, path: str | Path, format: str | None = None) -> None:
    """Write a volume in the format of the path's ending (or ``format``, where formats share one).

    Files are written into a folder beside and then renamed, so nothing half-written is left. TfmedError where
    the format cannot hold the dtype or, like a sheared grid in MetaImage, the affine.
    """
    path = Path(path)
    entry = formats().get(format) if format else format_to_write(path)
    if entry is None or entry.write is None:
        writable = ", ".join(name for name, entry in formats().items() if entry.write)
        raise TfmedError(f"{path} can't be written. Received: format={format!r}. Known: {writable}")
    if not path.parent.is_dir():
        raise TfmedError(f"{path} can't be written: its folder doesn't exist")
    array = volume.array.view(np.uint8) if volume.dtype == np.bool_ else volume.array
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".tfmed-") as beside,
        _one_sentence(path, "written"),
    ):
        entry.write(array, volume.affine, Path(beside) / path.name)
        written = sorted(Path(beside).iterdir(), key=lambda file: file.name == path.name)
        for file in written:
            shutil.move(file, path.parent / file.name)


def ending_of(path: str | Path) -> str:
    """The ending under which a label map goes back beside this input: ".nii.gz" for NIfTI, ".mha" for
    MetaImage...

    A single file where the format allows one; NIfTI for formats that are only read (a DICOM series, a
    folder).
    """
    path = Path(path)
    ending = ending_in(path)
    if path.is_dir() or ending is None:
        return ".nii.gz"
    names = {
        ".hdr": ".hdr",
        ".img": ".hdr",
        ".mha": ".mha",
        ".mhd": ".mha",
        ".nrrd": ".nrrd",
        ".nhdr": ".nrrd",
    }
    return names.get(ending, ".nii.gz")


class _one_sentence:
    """Whatever a parser raises becomes one TfmedError that names the file."""

    def __init__(self, path: Path, done: str = "read") -> None:
        self.path, self.done = path, done

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if error is None or not isinstance(error, Exception) or isinstance(error, TfmedError):
            return
        reason = " ".join(str(error).split()) or type(error).__name__
        raise TfmedError(f"{self.path} can't be {self.done}: {reason}") from error


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.exists():
        raise TfmedError(f"{path} doesn't exist")
    if path.is_file() and path.stat().st_size == 0:
        raise TfmedError(f"{path} is an empty file")
    return path


def _check_header(found: Header, path: Path) -> None:
    if found.dtype.kind == "c":
        raise TfmedError(f"{path} holds complex numbers, a scalar image is needed (take the magnitude first)")
    if found.dtype.names or found.dtype.kind not in "iuf":
        raise TfmedError(f"{path} holds colours or vectors, a scalar image is needed")
    if not len(found.shape) >= 2 or min(found.shape) < 1:
        raise TfmedError(f"{path} claims axes of lengths {found.shape}, a volume has three of at least 1")
    check_affine(found.affine)


def _checked_index(found: Header, path: Path, index: int | None) -> int | None:
    if len(found.shape) > 4:
        raise TfmedError(f"{path} has {len(found.shape)} axes {found.shape}, at most four can be read")
    if len(found.shape) < 4:
        if index not in (None, 0):
            raise TfmedError(f"{path} holds one volume. Received: index={index}")
        return None
    if index is None or not 0 <= index < found.shape[3]:
        raise TfmedError(
            f"{path} holds {found.shape[3]} volumes {found.shape}, name one by index=0 to "
            f"{found.shape[3] - 1}, or by {path.name}#0 where files are named. Received: index={index}"
        )
    return index


def _three_axes(array: np.ndarray) -> np.ndarray:
    return array.reshape(array.shape + (1,) * (3 - array.ndim)) if array.ndim < 3 else array


def _count_bad(array: np.ndarray) -> int:
    with np.errstate(invalid="ignore"):  # infinities of both signs
        if array.dtype.kind != "f" or np.isfinite(array.sum(dtype=np.float64)):
            return 0
    return int(array.size - np.count_nonzero(np.isfinite(array)))

"""What the formats that SimpleITK parses have in common.

SimpleITK's arrays are [z, y, x] and its world is LPS (x to the left, y to the back). Both are turned here,
and nowhere else, into [x, y, z] and RAS+.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tfmed import geometry
from tfmed.errors import TfmedError
from tfmed.io.formats import Header

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Cosines that ITK rebuilds from text differ from a rotation by about this much at most.
SQUARE_TOLERANCE = 1e-5


def header(path: Path, image_io: str) -> Header:
    """What SimpleITK's parser ``image_io`` says of a file, no voxel read."""
    reader = _reader(path, image_io)
    dimension = reader.GetDimension()
    shape = tuple(int(n) for n in reader.GetSize())
    affine = _affine(reader.GetSpacing(), reader.GetOrigin(), reader.GetDirection(), dimension)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return Header(shape, affine, _dtype(reader))


def voxels(path: Path, image_io: str, index: int | None) -> np.ndarray:
    """The voxels [x, y, z] of one volume."""
    import SimpleITK

    reader = _reader(path, image_io)
    size = list(reader.GetSize())
    if len(size) > 3:
        reader.SetExtractIndex([0, 0, 0, index or 0] + [0] * (len(size) - 4))
        reader.SetExtractSize(size[:3] + [0] * (len(size) - 3))
    return SimpleITK.GetArrayFromImage(reader.Execute()).T


def write(array: np.ndarray, affine: np.ndarray, path: Path, image_io: str) -> None:
    """Write [x, y, z] under a rigid affine; TfmedError for one with shear, which these formats don't hold."""
    import SimpleITK

    spacing = np.array(geometry.spacing_mm(affine))
    lps = LPS_TO_RAS @ affine
    direction = lps[:3, :3] / spacing
    if np.abs(direction.T @ direction - np.eye(3)).max() > SQUARE_TOLERANCE:
        raise TfmedError(f"{path.name} can't hold a sheared grid (axes not at right angles); NIfTI can")
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection(direction.ravel().tolist())
    writer = SimpleITK.ImageFileWriter()
    writer.SetImageIO(image_io)
    writer.SetFileName(str(path))
    writer.UseCompressionOn()
    writer.Execute(image)


def _affine(spacing: tuple, origin: tuple, direction: tuple, dimension: int) -> np.ndarray:
    used = min(dimension, 3)
    lps = np.eye(4)
    lps[:used, :used] = np.reshape(direction, (dimension, dimension))[:used, :used] * np.array(spacing)[:used]
    lps[:used, 3] = origin[:used]
    return LPS_TO_RAS @ lps


def _reader(path: Path, image_io: str) -> Any:
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO(image_io)
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise TfmedError(f"{path} can't be read as {image_io[:-2]}: {_last_line(error)}") from None
    return reader


def _dtype(reader: Any) -> np.dtype:
    import SimpleITK

    if reader.GetNumberOfComponents() > 1:
        pixel = (
            np.dtype(np.complex64)
            if "complex" in SimpleITK.GetPixelIDValueAsString(reader.GetPixelID())
            else None
        )
        return pixel or np.dtype([("components", "u1", (reader.GetNumberOfComponents(),))])
    kinds = {
        SimpleITK.sitkUInt8: np.uint8,
        SimpleITK.sitkInt8: np.int8,
        SimpleITK.sitkUInt16: np.uint16,
        SimpleITK.sitkInt16: np.int16,
        SimpleITK.sitkUInt32: np.uint32,
        SimpleITK.sitkInt32: np.int32,
        SimpleITK.sitkUInt64: np.uint64,
        SimpleITK.sitkInt64: np.int64,
        SimpleITK.sitkFloat32: np.float32,
        SimpleITK.sitkFloat64: np.float64,
    }
    return np.dtype(kinds[reader.GetPixelID()])


def _last_line(error: Exception) -> str:
    """The sentence of an ITK exception: its last line that says anything."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__

"""What the formats that SimpleITK parses have in common.

SimpleITK's arrays are [z, y, x] and its world is LPS (x to the left, y to the back). Both are turned here,
and nowhere else, into [x, y, z] and RAS+.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tfmed import geometry
from tfmed.errors import TfmedError
from tfmed.io.claims import Claim
from tfmed.io.formats import Header

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def header(claim: Claim, image_io: str) -> Header:
    """What SimpleITK's parser ``image_io`` says of a file that makes this claim; no voxel is read."""
    path = claim.path
    reader = _reader(path, image_io)
    shape = tuple(int(n) for n in reader.GetSize())
    if math.prod(shape) * reader.GetNumberOfComponents() != claim.values:
        raise TfmedError(
            f"{path} contradicts itself: it claims {claim.values} values but axes of lengths {shape}"
        )
    affine = _affine(reader.GetSpacing(), reader.GetOrigin(), reader.GetDirection(), reader.GetDimension())
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return Header(shape, affine, _dtype(reader))


def read(claim: Claim, image_io: str, index: int | None) -> np.ndarray:
    """The voxels [x, y, z] of one volume.

    Packed ones are unpacked here: the parser takes the header at its word, allocates what that claims, and
    leaves whatever is in memory where voxels are missing.
    """
    if not claim.packed:
        return _voxels(claim.path, image_io, index)
    found = header(claim, image_io)
    stored = found.dtype.newbyteorder(">" if claim.big_endian else "<")
    array = np.frombuffer(claim.unpacked(), stored).reshape(found.shape, order="F")
    return (array if index is None else array[..., index]).astype(found.dtype, copy=False)


def _voxels(path: Path, image_io: str, index: int | None) -> np.ndarray:
    """The voxels [x, y, z] of one volume; no other is read."""
    import SimpleITK

    reader = _reader(path, image_io)
    size = list(reader.GetSize())
    if len(size) > 3:
        reader.SetExtractIndex([0, 0, 0, index or 0] + [0] * (len(size) - 4))
        reader.SetExtractSize(size[:3] + [0] * (len(size) - 3))
    with _told(path, image_io):
        image = reader.Execute()
    return SimpleITK.GetArrayFromImage(image).T


def write(array: np.ndarray, affine: np.ndarray, path: Path, image_io: str) -> None:
    """Write [x, y, z] compressed; directions are written as they are, so a sheared grid stays sheared."""
    import SimpleITK

    spacing = np.array(geometry.spacing_mm(affine))
    lps = LPS_TO_RAS @ affine
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
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
    with _told(path, image_io):
        reader.ReadImageInformation()
    return reader


def _dtype(reader: Any) -> np.dtype:
    """Of the array that is given, from SimpleITK's words for it: "16-bit signed integer", "32-bit float"."""
    import SimpleITK

    words = SimpleITK.GetPixelIDValueAsString(reader.GetPixelID())
    if words.startswith("complex"):
        return np.dtype(np.complex64)
    if not words[0].isdigit():
        return np.dtype([("components", "u1", (reader.GetNumberOfComponents(),))])
    bits, kind = words.replace("-bit", "").split()[:2]
    return np.dtype({"signed": "int", "unsigned": "uint", "float": "float"}[kind] + bits)


@contextmanager
def _told(path: Path, image_io: str) -> Iterator[None]:
    """ITK's exceptions as one sentence: the last line that says anything."""
    try:
        yield
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[-1].replace(str(path), path.name) if lines else "no reason given"
        raise TfmedError(f"{path} can't be read as {image_io.removesuffix('IO')}: {reason}") from None

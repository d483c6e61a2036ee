"""MetaImage: ``.mha``, or ``.mhd`` with its data beside; parsed by SimpleITK."""

from pathlib import Path

import numpy as np

from tfmed.io import itk_files
from tfmed.io.formats import Format, Header


def header(path: Path) -> Header:
    return itk_files.header(path, "MetaImageIO")


def read(path: Path, index: int | None) -> np.ndarray:
    return itk_files.voxels(path, "MetaImageIO", index)


def write(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """Compressed; the file next to an ``.mhd`` is a ``.zraw``."""
    itk_files.write(array, affine, path, "MetaImageIO")


FORMATS = (Format("metaimage", (".mha", ".mhd"), header, read, write),)

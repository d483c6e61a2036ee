"""Small trees in the exact layouts of the datasets."""

from pathlib import Path

import numpy as np

from tfmed import io
from tfmed.study import Volume

LPS_AT_239 = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])


def touch(root: Path, *paths: str) -> Path:
    """Files of one byte: enough to be found, as a scan reads no voxel."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return root


def image(
    path: Path, shape: tuple[int, int, int] = (6, 7, 5), affine: np.ndarray = LPS_AT_239, seed: int = 0
) -> Path:
    """A readable image of random int16 voxels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.random.default_rng(seed).integers(0, 5, shape).astype(np.int16)
    io.save(Volume(array, affine), path)
    return path

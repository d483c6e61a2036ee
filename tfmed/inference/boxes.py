"""Boxes of masks in volumes."""

import numpy as np

Box = tuple[slice, slice, slice]

# Voxels of background that the network sees around a head.
HEAD_MARGIN = 2


def mask_box(mask: np.ndarray, margin: int = 0) -> Box:
    """Slices of the smallest box that holds all of bool [X, Y, Z], plus a margin in voxels.

    Of an empty mask the whole array.
    """
    sides = []
    for axis, length in enumerate(mask.shape):
        filled = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        low, high = (int(filled[0]), int(filled[-1]) + 1) if filled.size else (0, length)
        sides.append(slice(max(low - margin, 0), min(high + margin, length)))
    x, y, z = sides
    return x, y, z

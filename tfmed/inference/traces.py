"""Takes traces of a region out of a lesion: parts too small to be believed, which give it another name."""

import numpy as np

from tfmed.inference.rules import Paint, Rules


def without_traces(
    labels: np.ndarray, lesions: np.ndarray, rules: Rules, voxel_mm3: float = 1.0
) -> np.ndarray:
    """`labels` where regions below `rules.min_region_mm3` became what is painted around them.

    A low-grade glioma does not enhance; a few voxels that seem to would make another tumour of it.

    Args:
        labels: [X, Y, Z], values of `rules.edition`.
        lesions: int [X, Y, Z], 0 outside, else 1..; a region's volume is counted in each lesion by itself.
        rules: of the card.
        voxel_mm3: volume of a voxel.
    """
    result = labels.copy()
    for outer in rules.paints():
        _clear(result, lesions, outer, rules, voxel_mm3)
    return result


def _clear(labels: np.ndarray, lesions: np.ndarray, outer: Paint, rules: Rules, voxel_mm3: float) -> None:
    for inner in outer.children:
        least = rules.min_region_mm3.get(inner.region.name, 0.0)
        held = np.isin(labels, list(inner.region.values[rules.edition])) & (lesions > 0)
        volume = np.bincount(lesions[held], minlength=int(lesions.max(initial=0)) + 1) * voxel_mm3
        labels[held & (volume < least)[lesions]] = outer.value
        _clear(labels, lesions, inner, rules, voxel_mm3)

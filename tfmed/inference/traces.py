"""Takes traces of a region out of a lesion: parts too small or too faint to be believed, which rename it."""

import numpy as np

from tfmed.inference.rules import Paint, Rules


def without_traces(
    labels: np.ndarray, certainty: np.ndarray, lesions: np.ndarray, rules: Rules, voxel_mm3: float = 1.0
) -> np.ndarray:
    """`labels` where regions below `rules.min_region_mm3` became what is painted around them.

    A low-grade glioma does not enhance; a few voxels that seem to would make another tumour of it. How many
    are few depends on how sure they are: what is not there lies just above the threshold, at times over a
    whole ml, and a small bright spot well above it. So each voxel counts by its certainty.

    Args:
        labels: [X, Y, Z], values of `rules.edition`.
        certainty: uint8 [X, Y, Z], of each label, 255 for a probability of 1, see `StudyPredictor`.
        lesions: int [X, Y, Z], 0 outside, else 1..; a region's volume is counted in each lesion by itself.
        rules: of the card.
        voxel_mm3: volume of a voxel.
    """
    result = labels.copy()
    for outer in rules.paints():
        _clear(result, certainty * np.float32(voxel_mm3 / 255), lesions, outer, rules)
    return result


def _clear(labels: np.ndarray, sure_mm3: np.ndarray, lesions: np.ndarray, outer: Paint, rules: Rules) -> None:
    for inner in outer.children:
        least = rules.min_region_mm3.get(inner.region.name, 0.0)
        held = np.isin(labels, list(inner.region.values[rules.edition])) & (lesions > 0)
        volume = np.bincount(lesions[held], sure_mm3[held], minlength=int(lesions.max(initial=0)) + 1)
        labels[held & (volume < least)[lesions]] = outer.value
        _clear(labels, sure_mm3, lesions, inner, rules)

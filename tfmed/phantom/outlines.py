"""Outlines that no model of growth made: blobs drawn by chance, and real lesions cut to a volume.

A network that has only seen what one model of growth makes takes its shapes for a rule.
"""

import numpy as np

from tfmed.phantom.fields import noise

# How far an ellipsoid's axes may differ (sd of their logarithms), and how deep its lobes are, in radii: large
# lobes, then small ones, each as far apart as so many radii.
AXES_SD = 0.35
LOBES = ((0.8, 0.6), (0.35, 0.35))


def drawn(room: np.ndarray, seeds: np.ndarray, voxels: float, rng: np.random.Generator) -> np.ndarray:
    """Lobed ellipsoids around ``seeds`` (index [n,3]), the first one the largest; boolean [x,y,z].

    So many ``voxels`` of the boolean ``room`` as are asked for, or all of it.
    """
    radius = max((voxels * 0.24) ** (1 / 3), 1.0)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    stretch = turn * np.exp(rng.normal(0, AXES_SD, (3, 1)))
    sizes = np.append(1.0, rng.uniform(0.4, 1, len(seeds) - 1))
    places = np.argwhere(room)
    offsets = (places - seeds[:, None]) @ stretch.T
    away = (np.linalg.norm(offsets, axis=2) / sizes[:, None]).min(0)
    closeness = np.zeros(room.shape, np.float32)
    closeness[room] = -away
    for step, depth in LOBES:
        closeness += radius * rng.uniform(0, depth) * noise(room.shape, max(step * radius, 1.0), rng)
    return _most(closeness, room, voxels)


def trimmed(lesion: np.ndarray, voxels: float, rng: np.random.Generator) -> np.ndarray:
    """The innermost ``voxels`` of a boolean ``lesion`` [x,y,z], raggedly; all of it if it has no more."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(lesion).astype(np.float32)
    return _most(depth + noise(lesion.shape, 5, rng), lesion, voxels)


def inner_places(outline: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` of the deeper half of an outline's voxels (there is at least one), index [n,3]."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(outline)
    places = np.argwhere(outline & (depth >= np.median(depth[outline])))
    return places[rng.integers(len(places), size=n)]


def _most(score: np.ndarray, room: np.ndarray, voxels: float) -> np.ndarray:
    """The voxels of ``room`` with the highest scores; all of them if they are fewer than asked for."""
    scores = score[room]
    n = max(int(voxels), 1)
    if n >= scores.size:
        return room.copy()
    return room & (score >= np.partition(scores, -n)[-n])

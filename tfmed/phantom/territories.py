"""Vascular territories of a head, computed from its anatomy: what each cerebral artery feeds."""

import numpy as np

from tfmed.phantom.anatomy import Anatomy
from tfmed.phantom.tissues import INFRATENTORIAL, Tissue, member

DEEP = ("lenticulostriate", "thalamic")
ARTERIES = ("none", "ACA", "MCA superior", "MCA inferior", "PCA", *DEEP, "cerebellar")
# Where branches end, in halves of the brain's extent from its centre: lateral, forwards, up.
BRANCHES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "ACA": ((0.1, 0.8, 0.2), (0.12, 0.45, 0.6), (0.12, 0.0, 0.9), (0.15, 0.75, -0.15)),
    "MCA superior": ((0.8, 0.2, 0.2), (0.6, 0.55, 0.15), (0.65, 0.05, 0.6), (0.85, 0.0, 0.1)),
    "MCA inferior": ((0.8, -0.4, 0.05), (0.75, 0.15, -0.3), (0.6, -0.5, 0.45), (0.8, -0.15, -0.15)),
    "PCA": ((0.25, -0.95, 0.0), (0.15, -0.7, 0.2), (0.4, -0.5, -0.4), (0.35, -0.8, -0.2)),
    "lenticulostriate": ((0.32, 0.1, -0.02), (0.28, 0.0, 0.12)),
    "thalamic": ((0.15, -0.15, 0.0),),
}
# Where the branches of a territory come from.
ROOTS = {
    "ACA": (0.1, 0.25, 0.1),
    "MCA superior": (0.35, 0.1, 0.0),
    "MCA inferior": (0.35, 0.0, 0.0),
    "PCA": (0.15, -0.3, -0.1),
    "cerebellar": (0.1, -0.45, -0.5),
}


def normalised(head: Anatomy, head_mm: np.ndarray) -> np.ndarray:
    """Positions [3, ...] in mm as halves of the brain's extent from the middle of its box, float32."""
    shape = (3, *[1] * (head_mm.ndim - 1))
    middle, half = head.box_mm.mean(1).reshape(shape), np.ptp(head.box_mm, axis=1).reshape(shape) / 2
    result = (head_mm - middle) / half
    # The midline is at 0 of the head's frame, wherever the middle of its box is.
    result[0] = head_mm[0] / half[0, 0, 0, 0]
    return result.astype(np.float32)


def territories(codes: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Index into ``ARTERIES`` of each voxel, uint8 [x,y,z]; both sides alike, 0 outside tissue.

    codes [x,y,z]: tissues; place [3,x,y,z]: ``normalised``. Supratentorial tissue belongs to the artery of
    the nearest branch, the deep branches reaching less far; all that is infratentorial is one territory.
    """
    lateral = np.abs(place[0])
    nearest = np.full(codes.shape, np.inf, np.float32)
    owner = np.zeros(codes.shape, np.uint8)
    for name, ends in BRANCHES.items():
        reach = 1.7 if name in DEEP else 1.0
        for x, y, z in ends:
            squared = reach * ((lateral - x) ** 2 + (place[1] - y) ** 2 + (place[2] - z) ** 2)
            closer = squared < nearest
            nearest[closer] = squared[closer]
            owner[closer] = ARTERIES.index(name)
    owner[member(codes, INFRATENTORIAL)] = ARTERIES.index("cerebellar")
    owner[(codes < Tissue.CORTEX) | (codes > Tissue.AMYGDALA)] = 0
    return owner

"""What lies around a brain: skull, scalp, eyes and face, for atlases that hold the brain alone."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from tfmed.phantom.anatomy import Anatomy
from tfmed.phantom.fields import noise
from tfmed.phantom.surroundings import hull
from tfmed.phantom.tissues import Tissue, member

HEAD = (Tissue.SKULL, Tissue.SOFT, Tissue.FAT, Tissue.EYE)
# Outwards from the brain's hull: what comes, and to how many mm.
LAYERS = (
    (Tissue.CSF, 2.5),
    (Tissue.SKULL, 4.5),
    (Tissue.FAT, 6.0),
    (Tissue.SKULL, 8.5),
    (Tissue.FAT, 12.0),
    (Tissue.SOFT, 14.5),
)


@lru_cache(maxsize=4)
def whole_head(head: Anatomy) -> Anatomy:
    """The head itself where its labels go on beyond the brain, else with layers of formulas around it."""
    if member(head.codes, HEAD).sum() > 100_000:
        return head
    pad = 24
    codes = np.pad(head.codes, pad)
    place = np.stack(
        np.meshgrid(*[np.arange(n, dtype=np.float32) for n in codes.shape], indexing="ij", sparse=False)
    )
    place -= (head.centre + pad).astype(np.float32).reshape(3, 1, 1, 1)
    outwards = _outwards(codes)
    rng = np.random.default_rng(0x5E)
    thickness = outwards * np.exp(0.12 * noise(codes.shape, 30, rng)) + 0.4 * noise(codes.shape, 12, rng)
    open_space = (codes == Tissue.OUTSIDE) | ((codes == Tissue.CSF) & (outwards > 0))
    face = _face(place, head)
    codes[open_space & face] = Tissue.SOFT
    inner = 0.0
    for tissue, outer in LAYERS:
        codes[open_space & (thickness > inner) & (thickness <= outer)] = tissue
        inner = outer
    _add_eyes(codes, place, head, open_space & (outwards > 4))
    return replace(head, codes=codes, centre=head.centre + pad)


def _outwards(codes: np.ndarray) -> np.ndarray:
    """Distance in mm from the brain's hull, 0 inside, float32 [x,y,z]."""
    from scipy import ndimage

    return ndimage.distance_transform_edt(~hull(codes, 1.0)).astype(np.float32)


def _face(place: np.ndarray, head: Anatomy) -> np.ndarray:
    """The lower front of the head, where there is flesh and bone instead of brain."""
    front, low = head.box_mm[1, 1], head.box_mm[2, 0]
    x, y, z = place
    egg = (x / 66) ** 2 + ((y - 0.3 * front) / (0.85 * front)) ** 2 + ((z - 0.75 * low) / 62) ** 2
    neck = (x / 52) ** 2 + ((y + 0.1 * front) / 58) ** 2
    return ((egg < 1) & (z < 0.1 * low)) | ((neck < 1) & (z < 0.7 * low))


def _add_eyes(codes: np.ndarray, place: np.ndarray, head: Anatomy, free: np.ndarray) -> None:
    front, low = head.box_mm[1, 1], head.box_mm[2, 0]
    distance = np.sqrt(
        (np.abs(place[0]) - 32) ** 2 + (place[1] - 0.86 * front) ** 2 + (place[2] - 0.46 * low) ** 2
    )
    codes[free & (distance < 18)] = Tissue.FAT
    codes[free & (distance < 12)] = Tissue.EYE

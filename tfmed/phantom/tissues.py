"""The tissue codes that every anatomy is told in, and how FreeSurfer numbers map to them."""

from enum import IntEnum

import numpy as np


class Tissue(IntEnum):
    """What a voxel of healthy anatomy is made of; a voxel of a latent volume mixes two of these."""

    OUTSIDE = 0
    CSF = 1
    VENTRICLE = 2
    CORTEX = 3
    WHITE = 4
    CEREBELLAR_CORTEX = 5
    CEREBELLAR_WHITE = 6
    THALAMUS = 7
    CAUDATE = 8
    PUTAMEN = 9
    PALLIDUM = 10
    BRAIN_STEM = 11
    VENTRAL_DC = 12
    HIPPOCAMPUS = 13
    AMYGDALA = 14
    CHOROID = 15
    VESSEL = 16
    DURA = 17
    SKULL = 18
    SOFT = 19
    FAT = 20
    EYE = 21


N_TISSUES = len(Tissue)

WHITE = (Tissue.WHITE, Tissue.CEREBELLAR_WHITE, Tissue.BRAIN_STEM, Tissue.VENTRAL_DC)
GREY = (
    Tissue.CORTEX,
    Tissue.CEREBELLAR_CORTEX,
    Tissue.THALAMUS,
    Tissue.CAUDATE,
    Tissue.PUTAMEN,
    Tissue.PALLIDUM,
    Tissue.HIPPOCAMPUS,
    Tissue.AMYGDALA,
)
FLUID = (Tissue.CSF, Tissue.VENTRICLE)
INFRATENTORIAL = (Tissue.CEREBELLAR_CORTEX, Tissue.CEREBELLAR_WHITE, Tissue.BRAIN_STEM)

FREESURFER = {
    Tissue.WHITE: (2, 41, 25, 57, 77, 251, 252, 253, 254, 255),
    Tissue.CORTEX: (3, 42),
    Tissue.VENTRICLE: (4, 43, 5, 44, 14, 15, 72),
    Tissue.CEREBELLAR_WHITE: (7, 46),
    Tissue.CEREBELLAR_CORTEX: (8, 47),
    Tissue.THALAMUS: (10, 49),
    Tissue.CAUDATE: (11, 50, 26, 58),
    Tissue.PUTAMEN: (12, 51),
    Tissue.PALLIDUM: (13, 52),
    Tissue.BRAIN_STEM: (16, 85),
    Tissue.HIPPOCAMPUS: (17, 53),
    Tissue.AMYGDALA: (18, 54),
    Tissue.CSF: (24,),
    Tissue.VENTRAL_DC: (28, 60),
    Tissue.VESSEL: (30, 62),
    Tissue.CHOROID: (31, 63, 136, 163),
    Tissue.SKULL: (511, 514, 515),
    Tissue.SOFT: (137, 164, 502, 507, 508, 512, 530),
    Tissue.FAT: (509, 516),
    Tissue.EYE: (506,),
}


def table(groups: dict[tuple[Tissue, ...], float], default: float = 0.0) -> np.ndarray:
    """A float32 lookup table over tissue codes, shape [N_TISSUES]."""
    values = np.full(N_TISSUES, default, np.float32)
    for members, value in groups.items():
        values[list(members)] = value
    return values


def member(codes: np.ndarray, members: tuple[Tissue, ...]) -> np.ndarray:
    """Boolean array of the voxels of ``codes`` whose tissue is one of ``members``."""
    return table({members: 1.0}).astype(bool)[codes]


def from_freesurfer(labels: np.ndarray) -> np.ndarray:
    """FreeSurfer-numbered labels (any shape) to tissue codes (uint8); unknown numbers are OUTSIDE."""
    lookup = np.zeros(max(2048, int(labels.max()) + 1), np.uint8)
    for tissue, numbers in FREESURFER.items():
        lookup[list(numbers)] = tissue
    return lookup[labels.astype(np.int32)]

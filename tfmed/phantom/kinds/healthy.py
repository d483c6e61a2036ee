"""Healthy heads, and the tissue segmentation that OASIS-1 brings of its sessions."""

from typing import Any

import numpy as np

from tfmed.phantom.channels import dominant
from tfmed.phantom.kinds.base import Kind, Pathology
from tfmed.phantom.tissues import FLUID, GREY, WHITE, Tissue, table

SEGMENTS = {
    (*FLUID, Tissue.CHOROID): 1.0,
    GREY: 2.0,
    (*WHITE, Tissue.PALLIDUM): 3.0,
}


def oasis1(channels: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """1 cerebrospinal fluid, 2 grey matter, 3 white matter: what makes up most of each voxel, uint8 [...]."""
    return table(SEGMENTS).astype(np.uint8)[dominant(channels)]


def unlabelled(channels: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """All 0: a healthy head in the labels of a disease."""
    return np.zeros(channels.shape[1:], np.uint8)


KIND = Kind(
    Pathology,
    {name: unlabelled for name in ("brats2015", "brats2018", "brats2023")} | {"oasis1": oasis1},
    modalities=("flair", "t1", "t1c", "t2"),
)

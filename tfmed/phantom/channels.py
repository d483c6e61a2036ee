"""What a latent voxel is made of: the order of the channels of a latent volume."""

import numpy as np

CHANNELS = ("first", "second", "share", "depth", "spots", "lesion_a", "lesion_b", "lesion_c", "lesion_d")
DEPTH, SPOTS, LESION = 3, 4, 5


def dominant(channels: np.ndarray) -> np.ndarray:
    """The tissue that makes up at least half of each voxel, uint8 [...], of uint8 channels [9, ...]."""
    return np.where(channels[2] >= 128, channels[0], channels[1])

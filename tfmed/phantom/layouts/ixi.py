"""IXI: healthy subjects, a folder a modality; T2 and PD lie on another grid than T1."""

from pathlib import Path

import numpy as np

from tfmed.phantom.layouts.base import Files, Layout, number
from tfmed.study import LabelMap, Study, Volume

SITES = ("Guys", "HH", "IOP")
STEPS = (0.9375, 0.9375, 1.25)


def ixi(study: Study, labels: LabelMap | None, root: Path) -> Files:
    serial = number(study)
    case = f"IXI{serial + 1:03d}-{SITES[serial % 3]}-{(serial * 7919 + 828) % 10000:04d}"
    files = {
        root / f"IXI-{name}" / f"{case}-{name}.nii.gz": volume if name == "T1" else _dual(volume)
        for name, volume in ((modality.upper(), image) for modality, image in study.images.items())
    }
    return Files(root / "phantoms" / case, files)


def _dual(volume: Volume) -> Volume:
    """The volume on the grid of the dual-echo scan, which covers the same box in other steps."""
    steps = np.array(STEPS) * volume.spacing_mm
    shape = tuple((np.array(volume.shape) * volume.spacing_mm / steps).astype(int).tolist())
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * steps
    moved = volume.resampled(shape, affine)
    return moved.with_array(np.rint(moved.array).astype(np.int16))


LAYOUT = Layout(("healthy",), ixi, ("t1", "t2", "pd"), None, shape=(224, 256, 224), skull=True)

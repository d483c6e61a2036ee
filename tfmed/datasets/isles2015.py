"""ISLES 2015: SISS (sub-acute stroke lesions) and SPES (acute stroke, perfusion), one folder a file."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath

from tfmed.datasets.layout import Layout, Part

FILE = re.compile(r"vsd\.brain(_\d+more)?\.xx\.o\.(mr_(?P<image>\w+)|ot)\.\d+\.nii(\.gz)?", re.I)
SISS = ("flair", "t1", "t2", "dwi")
SPES = ("t1c", "t2", "dwi", "cbf", "cbv", "tmax", "ttp")


def part(path: PurePosixPath, modalities: tuple[str, ...]) -> Part | None:
    """SISS2015_Training/1/VSD.Brain.XX.O.MR_DWI.70613/VSD.Brain.XX.O.MR_DWI.70613.nii"""
    found = FILE.fullmatch(path.name)
    role = (found["image"] or "labels").lower() if found else None
    if role is None or role not in (*modalities, "labels"):
        return None
    folders = [name for name in path.parts[:-1] if not name.lower().startswith("vsd.")]
    # Training and test sets both count from 1, so the folder above is part of the patient's name.
    patient = "/".join(folders[-2:])
    return Part("/".join(folders), role, folders[-1], patient, diagnosis="stroke")


def _part(modalities: tuple[str, ...]) -> Callable[[PurePosixPath], Part | None]:
    return partial(part, modalities=modalities)


LAYOUTS = (
    Layout("isles2015_siss", "ISLES 2015 SISS", _part(SISS), SISS, edition="isles2015_siss"),
    Layout("isles2015_spes", "ISLES 2015 SPES", _part(SPES), SPES, edition="isles2015_spes"),
)

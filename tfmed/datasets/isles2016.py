"""ISLES 2016 and 2017: acute diffusion and perfusion maps, labels from the follow-up; one folder a file."""

import re
from pathlib import PurePosixPath

from tfmed.datasets.layout import Layout, Part

MODALITIES = ("adc", "mtt", "rcbf", "rcbv", "tmax", "ttp")
FILE = re.compile(
    rf"(vsd|smir)\.brain(_\d+more)?\.xx\.o\.(mr_(?P<image>4dpwi|{'|'.join(MODALITIES)})|ot)\.\d+\.nii(\.gz)?",
    re.I,
)


def part(path: PurePosixPath) -> Part | str | None:
    """training_1/SMIR.Brain.XX.O.MR_rCBF.128020/SMIR.Brain.XX.O.MR_rCBF.128020.nii"""
    found = FILE.fullmatch(path.name)
    if not found:
        return None
    role = (found["image"] or "labels").lower()
    if role == "4dpwi":
        return "a perfusion series over time; the maps made from it are read"
    folders = [name for name in path.parts[:-1] if not name.lower().startswith(("vsd.", "smir."))]
    return Part("/".join(folders), role, folders[-1], folders[-1], diagnosis="stroke")


LAYOUTS = (Layout("isles2016", "ISLES 2016 and 2017", part, MODALITIES, edition="isles2016"),)

"""IXI: healthy subjects, one folder a modality; the modalities of a subject are not on one grid."""

import re
from pathlib import PurePosixPath

from tfmed.datasets.layout import COMPANION, Layout, Part

FILE = re.compile(
    r"(?P<case>(?P<patient>IXI\d+)-(Guys|HH|IOP)-\d+)-(?P<role>T1|T2|PD|MRA|DTI-\d+)\.nii(\.gz)?", re.I
)
TABLE = re.compile(r"IXI\.xlsx?|.*bv(al|ec)s?\.txt", re.I)


def part(path: PurePosixPath) -> Part | str | None:
    """IXI-T1/IXI002-Guys-0828-T1.nii.gz"""
    found = FILE.fullmatch(path.name)
    if not found:
        return COMPANION if TABLE.fullmatch(path.name) else None
    role = found["role"].lower()
    if role.startswith("dti"):
        return "one direction of a diffusion series"
    case = found["case"]
    return Part(case.lower(), role, case, found["patient"].upper(), diagnosis="healthy")


LAYOUTS = (Layout("ixi", "IXI", part, ("t1", "t2", "pd", "mra")),)

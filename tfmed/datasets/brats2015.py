"""BRATS 2015: MetaImage files named VSD.Brain..., one folder a file or all files of a case in one folder."""

import re
from pathlib import PurePosixPath

from tfmed.datasets.layout import Layout, Part

FILE = re.compile(
    r"vsd\.brain(?P<more>_\d+more)?\.xx\.(o|xx)\.(mr_(?P<image>flair|t1c|t1|t2)|ot)\.\d+\.mha", re.I
)
PATIENT = re.compile(r"(?P<patient>.+_pat\d+)_(?P<timepoint>\d+)", re.I)


def part(path: PurePosixPath) -> Part | None:
    """.../HGG/brats_2013_pat0001_1/VSD.Brain.XX.O.MR_T1c.54514/VSD.Brain.XX.O.MR_T1c.54514.mha"""
    found = FILE.fullmatch(path.name)
    if not found:
        return None
    folders = [name for name in path.parts[:-1] if not name.lower().startswith("vsd.")]
    case = folders[-1]
    person = PATIENT.fullmatch(case)
    patient = person["patient"] if person else case
    grade = next((name.upper() for name in folders if name.upper() in ("HGG", "LGG")), None)
    return Part(
        group="/".join(folders),
        role=found["image"].lower() if found["image"] else "labels",
        id=case,
        # HGG and LGG number their patients apart: brats_2013_pat0001 is one person here, another there.
        patient=f"{grade}/{patient}" if grade else patient,
        timepoint=person["timepoint"] if person else None,
        diagnosis=grade,
        rank=0 if found["more"] else 1,
    )


LAYOUTS = (
    Layout("brats2015", "BRATS 2015", part, ("flair", "t1", "t1c", "t2"), edition="brats2015", one_grid=True),
)

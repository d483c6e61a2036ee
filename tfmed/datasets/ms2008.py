"""MS lesion challenge 2008: NRRD with detached headers; lesions by one or two raters."""

import re
from pathlib import PurePosixPath

from tfmed.datasets.layout import COMPANION, Layout, Part

FILE = re.compile(
    r"(?P<case>(CHB|UNC)_(train|test\d?)_Case\d+)_(?P<role>FLAIR|T1|T2|lesion(?P<other>_by\w+)?)\.(?P<ending>.+)",
    re.I,
)


def part(path: PurePosixPath) -> Part | str | None:
    """UNC_train_Case01/UNC_train_Case01_FLAIR.nhdr, UNC_train_lesion_byCHB/UNC_train_Case01_lesion_byCHB.nhdr

    Where both raters drew lesions, those of the case's own folder are its labels.
    """
    found = FILE.fullmatch(path.name)
    if not found:
        return None
    ending = found["ending"].lower()
    if ending not in ("nhdr", "nrrd"):
        return COMPANION if ending in ("raw", "raw.gz") else None
    role = "labels" if found["role"].lower().startswith("lesion") else found["role"].lower()
    case = found["case"]
    return Part(case.lower(), role, case, case, diagnosis="ms", rank=1 if found["other"] else 0)


LAYOUTS = (Layout("ms2008", "MS lesion challenge 2008", part, ("flair", "t1", "t2"), edition="ms2008"),)

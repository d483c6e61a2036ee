"""BraTS 2017 to 2021: NIfTI files named after their case, labels 1, 2 and 4."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from tfmed.datasets.case import Case
from tfmed.datasets.layout import COMPANION, Finished, Layout, Part, home, tables

CASE = r"(?P<case>brats(?:17|18|19|20|2021)_[^/]+?)"
FILE = re.compile(CASE + r"_(?P<role>flair|t1ce|t1|t2|seg)\.nii(\.gz)?", re.I)
IMAGE = re.compile(r".+\.nii(\.gz)?", re.I)
# The labels of BraTS20_Training_355 bear the name that they had at their source.
STRAY_LABELS = re.compile(r"w39_1998\.09\.19_segm\.nii(\.gz)?", re.I)
TIMEPOINT = re.compile(r"(?P<patient>brats1[789]_.+_.+)_(?P<timepoint>\d+)", re.I)
MAPPING = re.compile(r".*name_mapping.*\.csv", re.I)
ROLES = {"t1ce": "t1c", "seg": "labels"}


def part(path: PurePosixPath) -> Part | str | None:
    """HGG/Brats18_TCIA01_131_1/Brats18_TCIA01_131_1_t1ce.nii.gz, or without the grade's folder.

    Some copies have a folder of the file's name, in which the file may bear any.
    """
    folder = path.parent
    found = FILE.fullmatch(path.name) or (IMAGE.fullmatch(path.name) and FILE.fullmatch(folder.name))
    if found:
        case, role = found["case"], found["role"].lower()
    elif STRAY_LABELS.fullmatch(path.name) and re.fullmatch(CASE, folder.name, re.I):
        case, role = folder.name, "seg"
    else:
        return COMPANION if MAPPING.fullmatch(path.name) else None
    person = TIMEPOINT.fullmatch(case)
    return Part(
        group=str(home(path, case)),
        role=ROLES.get(role, role),
        id=case,
        patient=person["patient"] if person else case,
        timepoint=person["timepoint"] if person else None,
        diagnosis=next((name.upper() for name in folder.parts if name.upper() in ("HGG", "LGG")), None),
    )


def graded(root: Path, cases: list[Case]) -> Finished:
    """The grade of each case from name_mapping.csv, where folders don't tell it (2020)."""
    table: dict[str, str] = {}
    for _, text in tables(root, MAPPING):
        for row in csv.DictReader(io.StringIO(text)):
            name = next((row[key] for key in row if key and key.lower().startswith("brats_2020")), None)
            grade = next((row[key] for key in row if key and key.lower() == "grade"), None)
            if name and grade:
                table[name.strip().lower()] = grade.strip().upper()
    return [replace(case, diagnosis=case.diagnosis or table.get(case.id.lower())) for case in cases], []


LAYOUTS = (
    Layout(
        "brats2018",
        "BraTS 2017 to 2021",
        part,
        ("flair", "t1", "t1c", "t2"),
        edition="brats2018",
        one_grid=True,
        finish=graded,
    ),
)

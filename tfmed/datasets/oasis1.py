"""OASIS-1: cross-sectional T1 in Analyze 7.5, with or without Alzheimer's disease by the clinical dementia
rating.

Of a session's files the one processed furthest is its T1: in atlas space and stripped, in atlas space,
averaged, the first raw scan. The tissue segmentation (1 CSF, 2 grey, 3 white matter) is on the grid of the
two in atlas space and taken as labels beside these alone.
"""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from tfmed.datasets.case import Case
from tfmed.datasets.layout import COMPANION, Finished, Layout, Part, Skipped, tables

SESSION = r"(?P<case>(?P<patient>OAS1_\d{4})_(?P<timepoint>MR\d))"
HEADER = re.compile(SESSION + r"_(?P<kind>.+)\.hdr", re.I)
OTHER = re.compile(SESSION + r"(_.+\.(img|gif|ifh|img\.rec)|\.(txt|xml))", re.I)
KINDS = (r".*_t88_masked_gfc", r".*_t88_gfc", r".*_sbj_111", r"mpr-\d+_anon")
LABELS = re.compile(r".*_fseg", re.I)
TABLE, NOTES = re.compile(r".*\.csv", re.I), re.compile(SESSION + r"\.txt", re.I)


def part(path: PurePosixPath) -> Part | str | None:
    """disc1/OAS1_0001_MR1/PROCESSED/MPRAGE/T88_111/OAS1_0001_MR1_mpr_n4_anon_111_t88_masked_gfc.hdr"""
    found = HEADER.fullmatch(path.name)
    if not found:
        known = OTHER.fullmatch(path.name) or path.name.lower().startswith("oasis_cross-sectional")
        return COMPANION if known else None
    ranks = [rank for rank, kind in enumerate(KINDS) if re.fullmatch(kind, found["kind"], re.I)]
    if LABELS.fullmatch(found["kind"]):
        role, rank = "labels", 0
    elif ranks:
        role, rank = "t1", ranks[0]
    else:
        return None
    case = found["case"].upper()
    return Part(case, role, case, found["patient"].upper(), found["timepoint"].upper(), rank=rank)


def diagnosed(root: Path, cases: list[Case]) -> Finished:
    """Cases by their rating, "healthy" (0) or "alzheimer" (above 0); those with a blank one are left out."""
    ratings = _ratings(root)
    finished, skipped = [], []
    for case in cases:
        rating = ratings.get(case.id)
        if rating == "":
            skipped += [
                Skipped(path, "its CDR is blank, so the diagnosis is unknown")
                for path in case.modalities.values()
            ]
            continue
        atlas = "_t88_" in case.modalities["t1"].name.lower()
        diagnosis = None if rating is None else "alzheimer" if float(rating) > 0 else "healthy"
        labels = case.labels if atlas else None
        finished.append(
            replace(case, diagnosis=diagnosis, labels=labels, edition=case.edition if labels else None)
        )
    return finished, skipped


def _ratings(root: Path) -> dict[str, str]:
    """The clinical dementia rating by session, as text: each session's own file goes before tables."""
    found: dict[str, str] = {}
    for _, text in tables(root, TABLE):
        for row in csv.DictReader(io.StringIO(text)):
            if row.get("ID") and "CDR" in row:
                found[row["ID"].strip().upper()] = _number(row["CDR"])
    for path, text in tables(root, NOTES):
        rating = re.search(r"^\s*CDR:[ \t]*(\S*)", text, re.M | re.I)
        if rating:
            name = path.stem.upper()
            found[name] = _number(rating[1]) or found.get(name, "")
    return found


def _number(text: str | None) -> str:
    """The rating as a number's text; blank for whatever is none."""
    text = (text or "").strip()
    return text if re.fullmatch(r"\d+(\.\d*)?", text) else ""


LAYOUTS = (Layout("oasis1", "OASIS-1", part, ("t1",), edition="oasis1", finish=diagnosed),)

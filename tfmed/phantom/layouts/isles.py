"""ISLES 2015: SISS, sub-acute strokes, and SPES, acute strokes with perfusion maps."""

from functools import partial
from pathlib import Path

from tfmed.phantom.layouts.base import Files, Layout, number
from tfmed.study import LabelMap, Study, Volume

SPELLED = {
    "flair": "Flair", "t1": "T1", "t1c": "T1c", "t2": "T2", "dwi": "DWI", "cbf": "CBF", "cbv": "CBV",
    "tmax": "Tmax", "ttp": "TTP",
}  # fmt: skip


def isles2015(study: Study, labels: LabelMap | None, root: Path, part: str) -> Files:
    serial = number(study)
    folder = root / f"{part}2015_Training" / str(serial + 1)
    files: dict[Path, Volume] = {}
    for i, (name, volume) in enumerate(study.images.items()):
        stem = f"VSD.Brain.XX.O.MR_{SPELLED[name]}.{70000 + serial * 10 + i}"
        files[folder / stem / f"{stem}.nii"] = volume
    if labels is not None:
        stem = f"VSD.Brain.XX.O.OT.{70000 + serial * 10 + 9}"
        files[folder / stem / f"{stem}.nii"] = labels
    return Files(folder, files)


LAYOUTS = {
    "isles2015": Layout(
        ("stroke",), partial(isles2015, part="SISS"), ("flair", "t1", "t2", "dwi"), "isles2015_siss",
        shape=(230, 230, 154),
    ),
    "isles2015_spes": Layout(
        ("stroke",), partial(isles2015, part="SPES"), ("t1c", "t2", "dwi", "cbf", "cbv", "tmax", "ttp"),
        "isles2015_spes", shape=(192, 220, 142), spacing_mm=2.0,
    ),
}  # fmt: skip

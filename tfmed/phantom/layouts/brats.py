"""BRATS 2015 (MetaImage), BraTS 2018, 2023 and 2024 (NIfTI)."""

from functools import partial
from pathlib import Path

from tfmed.phantom.layouts.base import Files, Layout, number
from tfmed.study import LabelMap, Study, Volume

MODALITIES = ("flair", "t1", "t1c", "t2")
# The folders in which BraTS 2023 and 2024 come; readers tell the years apart by them.
FOLDERS = {
    "2023": "ASNR-MICCAI-BraTS2023-GLI-Challenge-TrainingData",
    "2024": "BraTS2024-BraTS-GLI-TrainingData",
}


def brats2015(study: Study, labels: LabelMap | None, root: Path) -> Files:
    serial = number(study)
    folder = root / "BRATS2015_Training" / str(study.diagnosis) / f"brats_tcia_pat{serial + 1:04d}_0001"
    spelled = {"flair": "MR_Flair", "t1": "MR_T1", "t1c": "MR_T1c", "t2": "MR_T2"}
    files: dict[Path, Volume] = {}
    for i, (name, volume) in enumerate(study.images.items()):
        stem = f"VSD.Brain.XX.O.{spelled[name]}.{40000 + serial * 10 + i}"
        files[folder / stem / f"{stem}.mha"] = volume
    if labels is not None:
        stem = f"VSD.Brain_3more.XX.O.OT.{40000 + serial * 10 + 9}"
        files[folder / stem / f"{stem}.mha"] = labels
    return Files(folder, files)


def brats2018(study: Study, labels: LabelMap | None, root: Path) -> Files:
    case = f"Brats18_PHA_{number(study) + 1:04d}_1"
    folder = root / str(study.diagnosis) / case
    spelled = {"t1c": "t1ce"}
    files = {folder / f"{case}_{spelled.get(n, n)}.nii.gz": v for n, v in study.images.items()}
    if labels is not None:
        files[folder / f"{case}_seg.nii.gz"] = labels
    return Files(folder, files)


def brats2023(study: Study, labels: LabelMap | None, root: Path, year: str) -> Files:
    case = f"BraTS-GLI-{number(study):05d}-{'000' if year == '2023' else '100'}"
    folder = root / FOLDERS[year] / case
    spelled = {"flair": "t2f", "t1": "t1n", "t1c": "t1c", "t2": "t2w"}
    files = {folder / f"{case}-{spelled[n]}.nii.gz": v for n, v in study.images.items()}
    if labels is not None:
        files[folder / f"{case}-seg.nii.gz"] = labels
    return Files(folder, files)


LAYOUTS = {
    "brats2015": Layout(("glioma",), brats2015, MODALITIES, "brats2015"),
    "brats2018": Layout(("glioma",), brats2018, MODALITIES, "brats2018"),
    "brats2023": Layout(("glioma",), partial(brats2023, year="2023"), MODALITIES, "brats2023"),
    "brats2024": Layout(
        ("glioma",), partial(brats2023, year="2024"), MODALITIES, "brats2024", shape=(182, 218, 182)
    ),
}

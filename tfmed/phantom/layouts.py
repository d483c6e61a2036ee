"""Phantoms on disk, in the very layouts of the datasets that they stand in for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfmed.errors import TfmedError
from tfmed.phantom.studies import GLIOMA_MODALITIES, volumes_ml
from tfmed.study import LabelMap, Study, Volume


def write(study: Study, root: str | Path, layout: str = "brats2015") -> Path:
    """Writes a study under ``root`` in a dataset's layout; returns the case's folder.

    ``LAYOUTS`` names the layouts. Beside the images lies ``phantom.json``: seed, anatomy, grade and the
    volumes of the labels in ml.
    """
    from tfmed import io

    folder, files = plan(study, Path(root), layout)
    for path, volume in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        io.save(volume, path)
    sidecar: dict[str, Any] = {"case": study.case_id, "diagnosis": study.diagnosis, "layout": layout}
    sidecar |= {"provenance": study.provenance, "volumes_ml": volumes_ml(study)}
    (folder / "phantom.json").write_text(json.dumps(sidecar, indent=1) + "\n")
    return folder


def plan(study: Study, root: Path, layout: str) -> tuple[Path, dict[Path, Volume]]:
    """The case's folder and what goes into which file, without writing anything."""
    if layout not in LAYOUTS:
        raise TfmedError(f"No such layout. Received: layout={layout!r}. Known: {', '.join(LAYOUTS)}.")
    foreign = [name for name in study.modalities if name not in GLIOMA_MODALITIES]
    if foreign:
        raise TfmedError(f"Layout {layout} has no {foreign[0]}. Received: modalities={study.modalities}.")
    return LAYOUTS[layout](study, root)


def _number(study: Study) -> int:
    return int(study.provenance.get("seed", 0))


def _brats2015(study: Study, root: Path) -> tuple[Path, dict[Path, Volume]]:
    number = _number(study)
    grade = study.diagnosis if study.diagnosis in ("HGG", "LGG") else "healthy"
    folder = root / "BRATS2015_Training" / grade / f"brats_tcia_pat{number + 1:04d}_0001"
    spelled = {"flair": "MR_Flair", "t1": "MR_T1", "t1c": "MR_T1c", "t2": "MR_T2"}
    files: dict[Path, Volume] = {}
    for i, (name, volume) in enumerate(study.images.items()):
        stem = f"VSD.Brain.XX.O.{spelled[name]}.{40000 + number * 10 + i}"
        files[folder / stem / f"{stem}.mha"] = volume
    if study.labels is not None:
        stem = f"VSD.Brain_3more.XX.O.OT.{40000 + number * 10 + 9}"
        files[folder / stem / f"{stem}.mha"] = study.labels
    return folder, files


def _with_values(labels: LabelMap, mapping: dict[int, int], edition: str) -> LabelMap:
    import numpy as np

    lookup = np.arange(256, dtype=np.uint8)
    for value, other in mapping.items():
        lookup[value] = other
    return LabelMap(lookup[labels.array], labels.affine, edition)


def _brats2018(study: Study, root: Path) -> tuple[Path, dict[Path, Volume]]:
    grade = study.diagnosis if study.diagnosis in ("HGG", "LGG") else "healthy"
    case = f"Brats18_PHA_{_number(study) + 1:04d}_1"
    folder = root / grade / case
    spelled = {"t1c": "t1ce"}
    files = {folder / f"{case}_{spelled.get(n, n)}.nii.gz": v for n, v in study.images.items()}
    if study.labels is not None:
        files[folder / f"{case}_seg.nii.gz"] = _with_values(study.labels, {3: 1}, "brats2018")
    return folder, files


def _brats2023(study: Study, root: Path) -> tuple[Path, dict[Path, Volume]]:
    case = f"BraTS-GLI-{_number(study):05d}-000"
    folder = root / "ASNR-MICCAI-BraTS2023-GLI-Challenge-TrainingData" / case
    spelled = {"flair": "t2f", "t1": "t1n", "t1c": "t1c", "t2": "t2w"}
    files = {folder / f"{case}-{spelled[n]}.nii.gz": v for n, v in study.images.items()}
    if study.labels is not None:
        files[folder / f"{case}-seg.nii.gz"] = _with_values(study.labels, {3: 1, 4: 3}, "brats2023")
    return folder, files


LAYOUTS: dict[str, Callable[[Study, Path], tuple[Path, dict[Path, Volume]]]] = {
    "brats2015": _brats2015,
    "brats2018": _brats2018,
    "brats2023": _brats2023,
}

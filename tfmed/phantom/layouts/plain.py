"""A folder of folders with a ``tfmed.toml`` that says what lies there: any kind, any modalities."""

import json
import tomllib
from pathlib import Path

from tfmed.errors import TfmedError
from tfmed.phantom.contrast import MODALITIES
from tfmed.phantom.layouts.base import Files, Layout
from tfmed.study import LabelMap, Study, Volume


def plain(study: Study, labels: LabelMap | None, root: Path) -> Files:
    folder = root / str(study.diagnosis) / study.case_id
    files: dict[Path, Volume] = {folder / f"{name}.nii.gz": v for name, v in study.images.items()}
    edition = None
    if labels is not None:
        edition = labels.edition
        files[folder / "labels.nii.gz"] = labels
    file = root / "tfmed.toml"
    _check(file, edition)
    return Files(folder, files, {file: _settings(edition)})


def _settings(edition: str | None) -> str:
    roles = (*MODALITIES, "labels")
    patterns = "\n".join(f'{role} = "{{diagnosis}}/{{case}}/{role}.nii.gz"' for role in roles)
    head = f'name = "phantoms"\nedition = {json.dumps(edition or "none")}\none_grid = true\n'
    return f"{head}\n[files]\n{patterns}\n"


def _check(file: Path, edition: str | None) -> None:
    found = tomllib.loads(file.read_text()).get("edition") if file.is_file() else edition
    if found != edition:
        raise TfmedError(
            f"{file} says that labels are {found}, those to be written are {edition}; use another folder."
        )


LAYOUT = Layout(("glioma", "stroke", "ms", "alzheimer", "healthy"), plain, None, None)

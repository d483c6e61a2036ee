"""Phantoms on disk, in the very layouts of the datasets that they stand in for."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.phantom.layouts import brats, isles, ixi, ms2008, oasis1, plain
from tfmed.phantom.layouts.base import Files, Layout
from tfmed.phantom.studies import volumes_ml
from tfmed.study import LabelMap, Study

__all__ = ["LAYOUTS", "Layout", "default", "plan", "settings", "write"]

LAYOUTS: dict[str, Layout] = brats.LAYOUTS | isles.LAYOUTS | {
    "ms2008": ms2008.LAYOUT,
    "oasis1": oasis1.LAYOUT,
    "ixi": ixi.LAYOUT,
    "plain": plain.LAYOUT,
}  # fmt: skip
# What the values of one edition are in another.
CONVERSIONS = {
    ("brats2015", "brats2018"): {3: 1},
    ("brats2015", "brats2023"): {3: 1, 4: 3},
    ("brats2015", "brats2024"): {3: 1, 4: 3},
}


def default(kind: str) -> str:
    """The first layout that holds phantoms of a kind."""
    return next(name for name, layout in LAYOUTS.items() if kind in layout.kinds)


def settings(kind: str, name: str) -> dict[str, Any]:
    """The arguments of ``make`` by which phantoms of a kind are like a layout's scans."""
    layout = _layout(name, kind)
    given = {"modalities": layout.modalities, "edition": layout.edition, "shape": layout.shape}
    return {key: value for key, value in given.items() if value is not None} | {
        "spacing_mm": layout.spacing_mm,
        "skull": layout.skull,
    }


def write(study: Study, root: str | Path, layout: str | None = None) -> Path:
    """Writes a study under ``root`` in a dataset's layout; returns the folder of its ``phantom.json``.

    ``LAYOUTS`` names the layouts; by default the first for the study's kind. ``phantom.json`` tells seed,
    anatomy, lesions and the volumes of the labels in ml. TfmedError where the layout has no place for it.
    """
    from tfmed import io

    layout = layout or default(study.provenance["kind"])
    files = plan(study, Path(root), layout)
    for path, volume in files.volumes.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        (files.save or io.save)(volume, path)
    for path, text in files.texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sidecar: dict[str, Any] = {"case": study.case_id, "diagnosis": study.diagnosis, "layout": layout}
    sidecar |= {"provenance": study.provenance, "volumes_ml": volumes_ml(study)}
    files.folder.mkdir(parents=True, exist_ok=True)
    (files.folder / "phantom.json").write_text(json.dumps(sidecar, indent=1) + "\n")
    return files.folder


def plan(study: Study, root: Path, name: str) -> Files:
    """What goes into which file, without writing anything."""
    layout = _layout(name, study.provenance["kind"])
    foreign = [m for m in study.modalities if layout.modalities and m not in layout.modalities]
    if foreign:
        raise TfmedError(f"Layout {name} has no {foreign[0]}. Received: modalities={study.modalities}.")
    labels = study.labels
    if labels is not None and layout.edition is not None:
        labels = _in_edition(labels, layout.edition, name)
    return layout.plan(study, labels, root)


def _layout(name: str, kind: str) -> Layout:
    if name not in LAYOUTS:
        raise TfmedError(f"No such layout. Received: layout={name!r}. Known: {', '.join(LAYOUTS)}.")
    if kind not in LAYOUTS[name].kinds:
        fitting = ", ".join(other for other, layout in LAYOUTS.items() if kind in layout.kinds)
        raise TfmedError(f"Layout {name} has no place for kind {kind}, which goes into: {fitting}.")
    return LAYOUTS[name]


def _in_edition(labels: LabelMap, edition: str, layout: str) -> LabelMap:
    if labels.edition == edition:
        return labels
    mapping = CONVERSIONS.get((labels.edition or "", edition))
    if mapping is None:
        raise TfmedError(f"Layout {layout} needs labels of edition {edition}. Received: {labels.edition}.")
    lookup = np.arange(256, dtype=np.uint8)
    for value, other in mapping.items():
        lookup[value] = other
    return LabelMap(lookup[labels.array], labels.affine, edition)

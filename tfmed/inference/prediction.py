"""A study in, a `Result` out."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tfmed import geometry
from tfmed.errors import TfmedError
from tfmed.inference.hemisphere import MidPlane, find_mid_plane
from tfmed.inference.lesions import find_lesions
from tfmed.inference.opening import Source, open_study
from tfmed.inference.report import Evidence, describe, without_unsure
from tfmed.inference.result import Result
from tfmed.inference.rules import Rules
from tfmed.inference.traces import without_traces
from tfmed.inference.working import WorkingVolume, working_volume
from tfmed.study import LabelMap, Study, Volume


def predict(
    model: Any,
    study: Source,
    *,
    mask: str | Path | Volume | None = None,
    modalities: tuple[str, ...] | None = None,
    resample: bool = False,
    flips: bool = False,
) -> Result:
    """Finds the lesions of a study.

    Args:
        model: a model of `tfmed.zoo.get`, or one loaded by Keras from its file.
        study: a folder in a known layout, files by modality, or a `tfmed.Study`; any subset of the model's
            modalities.
        mask: the brain, non-zero inside; needed where scans are not skull-stripped.
        modalities: use these alone, even if the study has more.
        resample: bring modalities that lie on other grids onto the first one's, instead of an error.
        flips: look at the mirror image of every slice, too, in twice the time.

    Returns:
        Labels and instances on the study's own grid, and the lesions in world mm. The same study gives the
        same result, bit for bit.

    Raises:
        TfmedError: a study that cannot be read, or that has none of the modalities; a modality that was
            named, here or with its file, and that the model or the study lacks.
    """
    if modalities is None and isinstance(study, Mapping):
        # Whoever names a file means it to be read.
        modalities = tuple(study)
    opened = open_study(study, mask, resample)
    working = working_volume(opened, tuple(model.modalities), _chosen(opened, model, modalities))
    outputs = study_predictor(model, flips)(working.volume, working.present)
    return finish(opened, working, outputs, model.card)


def study_predictor(model: Any, flips: bool = False) -> Any:
    """The model's `StudyPredictor`, one with flips and one without, made and traced once."""
    from tfmed.inference.graph import StudyPredictor

    # Past Keras's own __setattr__, which would take the predictors for layers of the model.
    made = model.__dict__.setdefault("_study_predictors", {})
    if flips not in made:
        made[flips] = StudyPredictor(model, flips=flips)
    return made[flips]


def finish(
    study: Study, working: WorkingVolume, outputs: dict[str, np.ndarray], card: dict[str, Any]
) -> Result:
    """The result of what the study function gave, in-process or from a server.

    Args:
        study: as read.
        working: what was sent to the function.
        outputs: `labels`, `certainty`, `owner` and `scores`, see `StudyPredictor`.
        card: of the model.
    """
    rules = Rules.from_card(card)
    voxel_mm3 = geometry.voxel_volume_mm3(working.affine)
    found = find_lesions(outputs["labels"], outputs["owner"], rules, voxel_mm3)
    evidence = Evidence(outputs["labels"], found, outputs["owner"], outputs["scores"], working.affine)
    lesions = without_unsure(evidence, rules)
    labels = np.where(lesions > 0, outputs["labels"], 0).astype(np.uint8)
    labels = without_traces(labels, outputs["certainty"], lesions, rules, voxel_mm3)
    evidence = replace(evidence, labels=labels, lesions=lesions)
    plane = _mid_plane(working) if lesions.any() else None
    instances = lesions.astype(np.uint8 if lesions.max() < 256 else np.uint16)
    return Result(
        study=study,
        labels=LabelMap(working.restore(labels), study.affine, rules.edition),
        instances=LabelMap(working.restore(instances), study.affine),
        lesions=describe(evidence, plane, rules),
        modalities=working.modalities,
        model=card["name"],
        rules=rules,
        warnings=working.warnings,
    )


def _chosen(study: Study, model: Any, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """The study's modalities that are to be read; those asked for must be there."""
    known = tuple(model.modalities)
    if wanted is None:
        return study.modalities
    for name in wanted:
        if name not in known:
            raise TfmedError(f"The model reads no modality {name!r}. Known: {', '.join(known)}.")
        if name not in study.images:
            have = ", ".join(study.modalities)
            raise TfmedError(f"Study {study.case_id} has no modality {name!r}. It has: {have}.")
    return wanted


def _mid_plane(working: WorkingVolume) -> MidPlane:
    first = working.volume[..., int(np.argmax(working.present))]
    return find_mid_plane(first, first != first[0, 0, 0])

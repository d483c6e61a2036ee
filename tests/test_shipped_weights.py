"""What is promised of every shipped model on a whole study; minutes, so marked slow."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfmed
from tfmed import ops, zoo
from tfmed.inference.graph import StudyPredictor
from tfmed.inference.working import working_volume
from tfmed.study import Study, Volume

pytestmark = pytest.mark.slow
SHIPPED = [name for name in zoo.list() if zoo.card(name)["default_weights"]]


@pytest.fixture(scope="module", params=SHIPPED)
def model(request: pytest.FixtureRequest) -> Any:
    return zoo.get(request.param)


@pytest.fixture(scope="module")
def study() -> Study:
    return tfmed.phantom.make("glioma", seed=424242)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_study_gives_the_same_bytes_twice(model: Any, study: Study, tmp_path: Path) -> None:
    for name in ("first", "second"):
        tfmed.predict(model, study).save(tmp_path / name)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_a_turned_copy_in_another_format_has_the_same_lesions(
    model: Any, study: Study, tmp_path: Path
) -> None:
    turned = {}
    for modality, image in study.images.items():
        array, affine = tfmed.geometry.reorient(
            image.array, image.affine, *tfmed.geometry.orientation(image.affine)
        )
        moved = np.flip(array.transpose(1, 2, 0), 0)
        relative = np.zeros((4, 4))
        relative[1, 0], relative[2, 1], relative[0, 2], relative[3, 3] = -1, 1, 1, 1
        relative[1, 3] = array.shape[1] - 1
        path = tmp_path / f"{modality}.nii.gz"
        tfmed.io.save(Volume(np.ascontiguousarray(moved), affine @ relative), path)
        turned[modality] = path
    for name, given in (("own", study), ("turned", turned)):
        tfmed.predict(model, given).save(tmp_path / name)
    own, other = (
        json.loads((tmp_path / name / "instances.json").read_text())["lesions"] for name in ("own", "turned")
    )
    assert len(own) == len(other) > 0
    for a, b in zip(own, other, strict=True):
        np.testing.assert_allclose(a["centroid_mm"], b["centroid_mm"], atol=0.01)
        np.testing.assert_allclose(a["volume_ml"], b["volume_ml"], rtol=1e-3)
        assert a["hemisphere"] == b["hemisphere"]


@pytest.mark.skipif(not ops.native_available(), reason="the native op is not built")
def test_native_and_stock_pooling_agree_on_nearly_every_voxel(model: Any, study: Study) -> None:
    working = working_volume(study, tuple(model.modalities))
    labels = {}
    for name in ("native", "composed"):
        with ops.implementation(name):
            labels[name] = StudyPredictor(model).predict(working.volume, working.present)["labels"].numpy()
    assert (labels["native"] == labels["composed"]).mean() >= 0.9999
    tumour = labels["composed"] > 0
    assert (labels["native"] == labels["composed"])[tumour].mean() >= 0.999


def test_a_model_that_is_not_told_what_is_missing_finds_less(model: Any) -> None:
    """Each modality alone: zeros that pass for an image must cost Dice."""
    told, untold = [], []
    for seed in (424242, 424243):
        study = tfmed.phantom.make("glioma", seed=seed)
        working = working_volume(study, tuple(model.modalities))
        truth = study.labels.array > 0
        for alone in np.eye(len(model.modalities), dtype=np.float32):
            for present, dices in ((alone, told), (np.ones_like(alone), untold)):
                labels = StudyPredictor(model).predict(working.volume * alone, present)["labels"].numpy()
                found = working.restore(labels) > 0
                dices.append(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    assert np.mean(told) > np.mean(untold) + 0.02

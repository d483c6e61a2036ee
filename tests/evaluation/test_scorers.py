"""One interface for all tasks: what a case's scores are, and what their means over cases are."""

from dataclasses import replace

import numpy as np
import pytest

from tests.inference.heads import make_study
from tests.inference.threshold_model import CARD
from tfmed.errors import TfmedError
from tfmed.evaluation import Evaluation, InstanceSegmentation, Prediction, Row, scorer_for
from tfmed.evaluation.scorers import Classification, Detection
from tfmed.inference import Rules

RULES = Rules.from_card(CARD)
CLASSES = ("healthy", "HGG", "LGG")


def test_rates_of_a_classifier_are_those_of_its_confusion_matrix() -> None:
    truth = ["HGG"] * 5 + ["LGG"] * 3 + ["healthy"] * 4
    said = [
        "HGG",
        "HGG",
        "HGG",
        "LGG",
        "healthy",
        "LGG",
        "HGG",
        "LGG",
        "healthy",
        "healthy",
        "HGG",
        "healthy",
    ]
    scorer = Classification(CLASSES)
    study = make_study()
    scored = [scorer.score(s, replace(study, diagnosis=t)) for s, t in zip(said, truth, strict=True)]
    rows = [Row(str(i), str(i), truth[i], each.scores) for i, each in enumerate(scored)]
    found = Evaluation("model", rows, scorer.groups, scorer.metrics)
    assert found.mean("HGG", "sensitivity").mean == pytest.approx(3 / 5)
    assert found.mean("HGG", "specificity").mean == pytest.approx(5 / 7)
    assert found.mean("HGG", "accuracy").mean == pytest.approx(8 / 12)
    assert found.mean("healthy", "sensitivity").n == 4
    with pytest.raises(TfmedError, match="Known: healthy, HGG, LGG"):
        scorer.score("HGG", replace(study, diagnosis="MS"))


def test_a_detector_is_scored_over_the_slices_of_each_view() -> None:
    study = make_study()
    whole = study.labels.array > 0
    there = {
        "axial": whole.any((0, 1)), "coronal": whole.any((0, 2)), "sagittal": whole.any((1, 2)),
    }  # fmt: skip
    scorer = Detection(RULES)
    assert all(rates["accuracy"] == 1 for rates in scorer.score(there, study).scores.values())
    first = int(np.argmax(there["axial"]))
    missed = there | {"axial": there["axial"] & (np.arange(44) != first)}
    rates = scorer.score(missed, study).scores["axial"]
    assert rates["sensitivity"] == pytest.approx(1 - 1 / there["axial"].sum())
    assert rates["accuracy"] == pytest.approx(1 - 1 / 44) and rates["specificity"] == 1


def test_candidates_are_the_models_lesions_with_what_they_match() -> None:
    study = make_study()
    labels = study.labels.array
    instances = np.zeros(labels.shape, np.int32)
    instances[30:40, 20:34, 14:28] = 1
    instances[12:17, 30:35, 20:25] = 2
    instances[20:25, 5:10, 20:25] = 3
    scored = InstanceSegmentation(RULES).score(Prediction(labels, instances, (0.9, 0.6, 0.2)), study)
    assert scored.true_lesions == 2 and not scored.healthy
    assert [(each.confidence, each.matched) for each in scored.candidates] == [
        (0.9, True), (0.6, True), (0.2, False),
    ]  # fmt: skip
    assert [each.iou for each in scored.candidates] == pytest.approx([1, 75 / 175, 0])


def test_a_predictor_without_confidence_has_no_candidates() -> None:
    study = make_study()
    scored = InstanceSegmentation(RULES).score(Prediction(study.labels.array), study)
    assert scored.candidates is None and scored.true_lesions == 2


def test_a_healthy_study_needs_no_labels() -> None:
    study = replace(make_study(), labels=None, diagnosis="healthy")
    found = np.zeros(study.shape, np.uint8)
    found[5:10, 5:10, 5:10] = 2
    scored = InstanceSegmentation(RULES).score(Prediction(found), study)
    assert scored.healthy and scored.scores["whole"]["false_lesions"] == 1
    rows = [
        Row("a", "a", "healthy", scored.scores, healthy=True),
        Row("b", "b", "HGG", {"whole": {"dice": 0.5, "false_lesions": 0.0}}),
    ]
    found = Evaluation("model", rows, RULES.names)
    assert found.mean("whole", "dice").mean == 0.5 and found.mean("whole", "dice").n == 1
    assert found.false_lesions_when_healthy().mean == 1 and found.false_lesions_when_healthy().n == 1


def test_a_task_without_a_scorer_names_those_that_have_one() -> None:
    assert isinstance(scorer_for(CARD), InstanceSegmentation)
    assert scorer_for(CARD | {"task": "classification"}).groups == RULES.names
    with pytest.raises(TfmedError, match="Known: classification, detection, instance_segmentation"):
        scorer_for(CARD | {"task": "synthesis"})

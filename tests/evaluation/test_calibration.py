"""Reliability, its error, and the map that mends confidences."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.test_froc import Case
from tfmed.errors import TfmedError
from tfmed.evaluation import calibration
from tfmed.evaluation.scorers import Candidate
from tfmed.inference.confidence import ConfidenceMap, logit


def drawn(seed: int, n: int, slope: float = 1.0, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and reality drawn with the probability that a map gives them."""
    rng = np.random.default_rng(seed)
    confidences = rng.uniform(0.02, 0.98, n)
    return confidences, rng.random(n) < 1 / (1 + np.exp(-(slope * logit(confidences) + offset)))


def test_the_error_by_hand() -> None:
    confidences = np.array([0.92, 0.98, 0.15, 0.15])
    real = np.array([True, False, False, True])
    # Bins: .95 confident with half real; .15 confident with half real.
    assert calibration.expected_error(confidences, real) == pytest.approx(0.5 * 0.45 + 0.5 * 0.35)
    parts = calibration.reliability(confidences, real)
    assert [(part["n"], part["real"]) for part in parts] == [(2, 0.5), (2, 0.5)]


def test_confidences_that_are_chances_have_a_small_error_and_others_a_large_one() -> None:
    confidences, real = drawn(0, 20_000)
    assert calibration.expected_error(confidences, real) < 0.015
    assert calibration.expected_error(confidences**3, real) > 0.15


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.3, 3), st.floats(-2, 2))
def test_the_fit_finds_the_map_that_made_the_data(seed: int, slope: float, offset: float) -> None:
    found = calibration.fit(*drawn(seed, 5000, slope, offset), cases=9)
    assert found.slope == pytest.approx(slope, abs=0.35) and found.offset == pytest.approx(offset, abs=0.35)
    assert (found.cases, found.lesions) == (9, 5000)


def test_the_map_mends_and_keeps_the_order() -> None:
    confidences, real = drawn(3, 4000, slope=0.6, offset=1.5)
    found = calibration.fit(confidences, real, cases=1)
    mended = np.array([found(score) for score in confidences])
    assert calibration.expected_error(mended, real) < 0.3 * calibration.expected_error(confidences, real)
    assert (np.argsort(mended, kind="stable") == np.argsort(confidences, kind="stable")).all()


def test_a_few_lesions_do_not_make_it_sure_of_itself() -> None:
    found = calibration.fit(np.array([0.9, 0.85, 0.8, 0.2]), np.array([True, True, True, False]), cases=3)
    assert 0.6 < found(0.9) < 0.95 and 0.05 < found(0.2) < 0.5


def test_scores_that_say_the_opposite_get_a_flat_map_not_a_falling_one() -> None:
    confidences, real = drawn(5, 2000)
    assert calibration.fit(confidences, ~real, cases=1).slope == 0


def test_a_map_needs_false_lesions_too() -> None:
    with pytest.raises(TfmedError, match="2 lesions 2 are real"):
        calibration.fit(np.array([0.5, 0.6]), np.array([True, True]), cases=2)


@given(st.floats(0, 1))
def test_the_map_without_effect_gives_scores_back(score: float) -> None:
    assert ConfidenceMap(1.0, 0.0)(score) == pytest.approx(score, abs=1e-5)


def test_only_lesions_whose_confidence_is_known_count() -> None:
    rows = [Case(1, [Candidate(0.9, 0.5, True), Candidate(0.3, 0.05, False)]), Case(1, None)]
    found = calibration.summary(rows)
    assert (found["lesions"], found["real"]) == (2, 1)
    assert found["brier"] == pytest.approx((0.1**2 + 0.3**2) / 2)
    assert calibration.summary([Case(1, None)]) is None


def test_the_diagram_is_a_png_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    rows = [Case(1, [Candidate(0.9, 0.5, True), Candidate(0.3, 0.05, False)])]
    calibration.draw({"default": rows, "rule": [Case(1, None)]}, tmp_path / "reliability.png")
    assert (tmp_path / "reliability.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert [path.name for path in tmp_path.iterdir()] == ["reliability.png"]
    with pytest.raises(TfmedError, match="no reliability to draw"):
        calibration.draw({"rule": [Case(1, None)]}, tmp_path / "none.png")
    with pytest.raises(TfmedError, match="can't be written"):
        calibration.draw({"default": rows}, tmp_path / "nowhere" / "none.png")


def test_a_map_fitted_on_validation_cases_enters_the_card_and_the_reports(tmp_path: Path) -> None:
    """A double that finds two lesions in every head, of which the labels hold one or both."""
    from click.testing import CliRunner

    import tfmed
    from tests.inference import zoo_entry
    from tests.inference.heads import make_study
    from tfmed import io, zoo
    from tfmed.tools import _publish as publish
    from tfmed.zoo.registry import find

    name = zoo_entry.register(tmp_path)
    for number in range(4):
        study = make_study(seed=number)
        labels = study.labels.array.copy()
        labels[10:15] = labels[10:15] if number == 0 else 0
        folder = tmp_path / "validation" / f"case{number}"
        folder.mkdir(parents=True)
        for modality, volume in study.images.items():
            io.save(volume, folder / f"{modality}.nii.gz")
        io.save(study.labels.with_array(labels), folder / "labels.nii.gz")
    (tmp_path / "validation" / "tfmed.toml").write_text(
        'edition = "brats2015"\n[files]\n'
        + "".join(f'{m} = "{{case}}/{m}.nii.gz"\n' for m in (*study.images, "labels"))
    )
    folder = find(name).folder
    (folder / "cards").mkdir(exist_ok=True)
    words = ["confidence", name, str(tmp_path / "validation")]
    CliRunner().invoke(publish.command, words, catch_exceptions=False)
    written = json.loads((folder / "cards" / f"{name}.json").read_text())["fusion"]["confidence"]
    assert (written["cases"], written["lesions"]) == (4, 8) and written["slope"] > 0
    model = zoo.get(name)
    raw = [lesion.confidence for lesion in tfmed.predict(model, study).lesions]
    model.card["fusion"]["confidence"] = written
    mended = [lesion.confidence for lesion in tfmed.predict(model, study).lesions]
    del model.card["fusion"]["confidence"]
    assert mended == pytest.approx([ConfidenceMap(**written)(score) for score in raw], abs=2e-3)
    assert mended[0] > 0.6 > 0.5 > mended[1]

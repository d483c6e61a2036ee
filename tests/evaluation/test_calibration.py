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
from tfmed.inference.confidence import ConfidenceMap

PLAIN = ConfidenceMap(1.0, 0.0, 0.0)


def drawn(seed: int, n: int, truth: ConfidenceMap = PLAIN) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, volumes, and reality drawn with the probability that a map gives them."""
    rng = np.random.default_rng(seed)
    scores, volumes = rng.uniform(0.02, 0.98, n), np.exp(rng.uniform(-2, 4, n))
    chances = [truth(score, ml) for score, ml in zip(scores, volumes, strict=True)]
    return scores, volumes, rng.random(n) < np.array(chances)


def cases(scores: np.ndarray, volumes: np.ndarray, real: np.ndarray, n: int = 1) -> list[Case]:
    """As rows of an evaluation, the lesions dealt out to n cases."""
    found = [
        Candidate(float(score), float(hit), bool(hit), float(ml))
        for score, ml, hit in zip(scores, volumes, real, strict=True)
    ]
    return [Case(1, found[start::n]) for start in range(n)]


def test_the_error_by_hand() -> None:
    confidences = np.array([0.92, 0.98, 0.15, 0.15])
    real = np.array([True, False, False, True])
    # Bins: .95 confident with half real; .15 confident with half real.
    assert calibration.expected_error(confidences, real) == pytest.approx(0.5 * 0.45 + 0.5 * 0.35)
    parts = calibration.reliability(confidences, real)
    assert [(part["n"], part["real"]) for part in parts] == [(2, 0.5), (2, 0.5)]


def test_confidences_that_are_chances_have_a_small_error_and_others_a_large_one() -> None:
    confidences, _, real = drawn(0, 20_000)
    assert calibration.expected_error(confidences, real) < 0.015
    assert calibration.expected_error(confidences**3, real) > 0.15


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.3, 3), st.floats(0.1, 2), st.floats(-2, 2))
def test_the_fit_finds_the_map_that_made_the_data(
    seed: int, slope: float, size: float, offset: float
) -> None:
    made = drawn(seed, 5000, ConfidenceMap(slope, size, offset))
    found = calibration.fit(cases(*made, n=9))
    assert found.slope == pytest.approx(slope, abs=0.4) and found.offset == pytest.approx(offset, abs=0.4)
    assert found.size == pytest.approx(size, abs=0.25)
    assert (found.cases, found.lesions) == (9, 5000)


def test_the_map_mends_and_keeps_the_order_of_scores() -> None:
    scores, volumes, real = drawn(3, 4000, ConfidenceMap(0.6, 0.0, 1.5))
    found = calibration.fit(cases(scores, volumes, real))
    mended = np.array([found(score, ml) for score, ml in zip(scores, volumes, strict=True)])
    assert calibration.expected_error(mended, real) < 0.3 * calibration.expected_error(scores, real)
    assert np.all(np.diff([found(score, 3.0) for score in np.sort(scores)]) >= 0)


def test_a_few_lesions_do_not_make_it_sure_of_itself() -> None:
    few = np.array([0.9, 0.85, 0.8, 0.2]), np.ones(4), np.array([True, True, True, False])
    found = calibration.fit(cases(*few))
    assert 0.6 < found(0.9, 1.0) < 0.95 and 0.05 < found(0.2, 1.0) < 0.5


def test_scores_that_say_the_opposite_get_a_flat_map_not_a_falling_one() -> None:
    scores, volumes, real = drawn(5, 2000)
    assert calibration.fit(cases(scores, volumes, ~real)).slope == 0


def test_a_map_needs_false_lesions_too() -> None:
    with pytest.raises(TfmedError, match="2 lesions 2 are real"):
        calibration.fit(cases(np.array([0.5, 0.6]), np.ones(2), np.array([True, True])))


@given(st.floats(0, 1), st.floats(0, 300))
def test_the_map_without_effect_gives_scores_back(score: float, volume_ml: float) -> None:
    assert PLAIN(score, volume_ml) == pytest.approx(score, abs=1e-5)


def test_only_lesions_whose_confidence_is_known_count() -> None:
    rows = [Case(1, [Candidate(0.9, 0.5, True, 2.0), Candidate(0.3, 0.05, False, 2.0)]), Case(1, None)]
    found = calibration.summary(rows)
    assert (found["lesions"], found["real"]) == (2, 1)
    assert found["brier"] == pytest.approx((0.1**2 + 0.3**2) / 2)
    assert calibration.summary([Case(1, None)]) is None


def test_the_diagram_is_a_png_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    rows = [Case(1, [Candidate(0.9, 0.5, True, 2.0), Candidate(0.3, 0.05, False, 2.0)])]
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
    raw = [(lesion.confidence, lesion.volume_ml) for lesion in tfmed.predict(model, study).lesions]
    model.card["fusion"]["confidence"] = written
    mended = [lesion.confidence for lesion in tfmed.predict(model, study).lesions]
    del model.card["fusion"]["confidence"]
    assert mended == pytest.approx([ConfidenceMap(**written)(*lesion) for lesion in raw], abs=2e-3)
    assert mended[0] > 0.6 > 0.5 > mended[1]

"""Two result files against each other."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import wilcoxon

from tfmed.errors import TfmedError
from tfmed.evaluation import compare
from tfmed.evaluation.comparison import signed_rank_p
from tfmed.tools import cli


def result(path: Path, **dices: list[float | None]) -> str:
    """A file of tfmed evaluate --json: a score a case of each predictor, two cases a patient, two people."""

    def row(number: int, dice: float | None) -> dict:
        return {
            "case": f"c{number}", "patient": f"p{number // 2}", "person": "x" if number < 10 else "y",
            "scores": {"whole": {"dice": dice}}, "healthy": number == 11,
        }  # fmt: skip

    evaluations = [
        {"name": name, "summary": {"whole": {}}, "rows": [row(*pair) for pair in enumerate(values)]}
        for name, values in dices.items()
    ]
    path.write_text(json.dumps({"evaluations": evaluations}))
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    first = np.linspace(0.5, 0.9, 12)
    better = first + np.linspace(0.01, 0.06, 12)
    return (
        result(tmp_path / "a.json", default=first.tolist(), rule=(first - 0.2).tolist()),
        result(tmp_path / "b.json", default=[*better[:-2].tolist(), None, 0.0, 0.7]),
    )


def test_differences_are_paired_by_case_and_healthy_ones_are_left_out(files: tuple[str, str]) -> None:
    found = compare(*files)
    (row,) = found["differences"]
    steps = np.linspace(0.01, 0.06, 12)[:10]
    assert (row["region"], row["metric"], row["n"], row["patients"]) == ("whole", "dice", 10, 5)
    assert row["difference"] == pytest.approx(steps.mean())
    assert row["second"] - row["first"] == pytest.approx(row["difference"])
    assert row["interval"][0] < row["difference"] < row["interval"][1]
    assert row["p"] == pytest.approx(wilcoxon(steps.reshape(5, 2).mean(1)).pvalue)
    assert found["left_out"] == ["c12"] and found["cases"] == 12


def test_the_unit_may_be_the_person(files: tuple[str, str]) -> None:
    (row,) = compare(*files, unit="person")["differences"]
    assert row["patients"] == 1 and row["interval"] is None and row["p"] is None


def test_another_predictor_of_a_file_can_be_named(files: tuple[str, str]) -> None:
    (row,) = compare(f"{files[0]}#rule", files[0])["differences"]
    assert row["difference"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("content", "source", "message"),
    [
        ("{}", "", "isn't a result"),
        ("not json", "", "isn't a result"),
        ('{"evaluations": []}', "", "isn't a result"),
        ('{"evaluations": [{"name": "default", "summary": {}, "rows": []}]}', "#rule", "no predictor 'rule'"),
        ('{"evaluations": [{"name": "default", "summary": {}, "rows": []}]}', "", "no case in common"),
        (None, "", "can't be read"),
    ],
)
def test_what_is_no_result_is_told(
    files: tuple[str, str], tmp_path: Path, content: str | None, source: str, message: str
) -> None:
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_text(content)
    with pytest.raises(TfmedError, match=message):
        compare(f"{bad}{source}", files[0])


def test_units_that_do_not_differ_have_no_p() -> None:
    assert signed_rank_p([0.0, 0.0, 0.1], list("abc")) is None
    assert signed_rank_p([0.1, -0.1, 0.2, 0.3], list("aabc")) == pytest.approx(wilcoxon([0, 0.2, 0.3]).pvalue)


def test_the_command_compares_instead_of_scoring(files: tuple[str, str], tmp_path: Path) -> None:
    words = ["evaluate", "--compare", *files, "--json", str(tmp_path / "difference.json")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert "+0.03" in done.output and "left out: c12" in done.output
    assert json.loads((tmp_path / "difference.json").read_text())["differences"][0]["n"] == 10
    alone = CliRunner().invoke(cli, ["evaluate", "some_model"])
    assert isinstance(alone.exception, TfmedError) and "--compare A B" in str(alone.exception)

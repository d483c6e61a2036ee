"""Predicts every case of a dataset or archive: resumable, and one bad case stops no other."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tfmed.datasets import Case
from tfmed.errors import TfmedError
from tfmed.inference.prediction import predict
from tfmed.inference.result import DONE, check_output
from tfmed.inference.rules import Rules


@dataclass(frozen=True)
class Outcome:
    """What became of one case. `reason` says why it failed."""

    case: str
    state: Literal["written", "skipped", "failed"]
    folder: Path
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        content = {"case": self.case, "state": self.state, "folder": str(self.folder)}
        return content | ({"reason": self.reason} if self.reason else {})


def predict_all(
    model: Any,
    cases: Sequence[Case],
    out: str | Path,
    *,
    modalities: tuple[str, ...] | None = None,
    resample: bool = False,
    flips: bool = False,
    format: str | None = None,
    labels: str | None = None,
) -> Iterator[Outcome]:
    """Writes the result of every case to OUT/<case id>/ and tells of each as it ends.

    A case whose folder already holds a whole result of this model in this edition is skipped. What goes wrong
    with one case is told in its outcome. Options as for `predict` and `Result.save`.

    Raises:
        TfmedError: an unknown format or edition, or a folder that cannot be written.
    """
    rules = Rules.from_card(model.card)
    check_output(Path(out), rules, format, labels)
    edition = labels or rules.edition
    for case in cases:
        folder = Path(out) / case.id.replace("/", "_")
        if _is_done(folder, model.card["name"], edition):
            yield Outcome(case.id, "skipped", folder)
            continue
        try:
            result = predict(model, case.load(resample=resample), modalities=modalities, flips=flips)
            result.save(folder, format=format, labels=labels)
        except TfmedError as error:
            yield Outcome(case.id, "failed", folder, str(error))
        except Exception as error:
            # An archive holds what nobody foresaw; the other cases must go on, and the list says what it was.
            yield Outcome(case.id, "failed", folder, f"{type(error).__name__}: {error}")
        else:
            yield Outcome(case.id, "written", folder)


def _is_done(folder: Path, model: str, edition: str) -> bool:
    try:
        content = json.loads((folder / DONE).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return content.get("model") == model and content.get("edition") == edition

"""Splits by patient that stay as they are when cases are added."""

import hashlib
from collections.abc import Iterable

from tfmed.datasets.case import Case
from tfmed.errors import TfmedError

TEST_FRACTION = 0.2
VALIDATION_FRACTION = 0.1


def split(cases: Iterable[Case], folds: int | None = None, fold: int | None = None) -> dict[str, list[Case]]:
    """Cases by "train", "val" and "test"; all cases of a patient are in one part.

    A patient's part depends on nothing but the dataset's and the patient's name. Without folds each patient
    is in test with a probability of 0.2; with ``folds`` of K each patient belongs to one of K equally likely
    folds and ``fold`` (0..K-1) is the test part. Of the other patients each is in val with a probability of
    0.1. Parts of few cases may well be empty.
    """
    if (folds is None) != (fold is None) or (folds is not None and not 0 <= (fold or 0) < folds):
        raise TfmedError(f"folds K go with a fold from 0 to K - 1. Received: folds={folds}, fold={fold}")
    parts: dict[str, list[Case]] = {"train": [], "val": [], "test": []}
    for case in cases:
        if folds is None:
            tested = _chance(case, "test") < TEST_FRACTION
        else:
            tested = int(_chance(case, "fold") * folds) == fold
        kept = "val" if _chance(case, "val") < VALIDATION_FRACTION else "train"
        parts["test" if tested else kept].append(case)
    return parts


def split_hash(cases: Iterable[Case]) -> str:
    """64 hex digits that name a set of cases: sha256 of their sorted dataset, patient and id, one a line."""
    lines = sorted(f"{case.dataset}\t{case.patient}\t{case.id}\n" for case in cases)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _chance(case: Case, purpose: str) -> float:
    """A number in [0, 1), uniform over patients, the same for ever."""
    digest = hashlib.sha256(f"{purpose}\t{case.dataset}\t{case.patient}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48

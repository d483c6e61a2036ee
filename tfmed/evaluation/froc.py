"""Free-response ROC: the share of true lesions found against false lesions a case, as confidence falls."""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import numpy as np

from tfmed.evaluation.bootstrap import interval_of_draws

# False lesions a case at which the sensitivity is read (LUNA16: Setio et al., 2017).
FALSE_A_CASE = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


class HasCandidates(Protocol):
    """What is read of a case: found lesions (None: no confidence is known), and how many true ones there
    are.
    """

    @property
    def candidates(self) -> Any: ...

    @property
    def true_lesions(self) -> int: ...


def curve(
    confidences: np.ndarray,
    matched: np.ndarray,
    true_lesions: float,
    cases: float,
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(false lesions a case, sensitivity), both rising, one point a threshold, from (0, 0).

    Args:
        confidences: float [n], of all candidates of all cases.
        matched: bool [n], whether each is the match of a true lesion.
        true_lesions, cases: how many there are.
        weights: how often each candidate counts; once by default.
    """
    order = np.argsort(-confidences, kind="stable")
    weights = np.ones(len(order)) if weights is None else weights[order]
    # Candidates of one confidence pass a threshold together.
    ends = np.append(np.diff(confidences[order]) != 0, True)[: len(order)]
    hits = np.cumsum(weights * matched[order])[ends]
    false = np.cumsum(weights * ~matched[order])[ends]
    return np.append(0, false / cases), np.append(0, hits / max(true_lesions, 1e-12))


def sensitivities(false_a_case: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
    """The greatest sensitivity with at most as many false lesions a case, for each of `FALSE_A_CASE`."""
    last = np.searchsorted(false_a_case, FALSE_A_CASE, side="right") - 1
    return sensitivity[last]


def summary(
    rows: Sequence[HasCandidates], units: Sequence[Hashable], seed: int = 0, draws: int = 1000
) -> dict[str, Any] | None:
    """Sensitivities at `FALSE_A_CASE`, their mean, and 95 % intervals that resample units with all their
    cases.

    None where no predictor's confidence is known, or there is no true lesion.
    """
    told = [(row, str(unit)) for row, unit in zip(rows, units, strict=True) if row.candidates is not None]
    if not sum(row.true_lesions for row, _ in told):
        return None
    names = sorted({unit for _, unit in told})
    unit_of = np.array([names.index(unit) for _, unit in told])
    pooled = [(each, case) for case, (row, _) in enumerate(told) for each in row.candidates]
    confidences = np.array([each.confidence for each, _ in pooled])
    matched = np.array([each.matched for each, _ in pooled], bool)
    case_of = np.array([case for _, case in pooled], int)
    lesions = np.array([row.true_lesions for row, _ in told])

    def read(times: np.ndarray) -> np.ndarray:
        """With each unit counted so many times."""
        cases = times[unit_of]
        points = curve(confidences, matched, cases @ lesions, cases.sum(), cases[case_of].astype(float))
        return sensitivities(*points)

    found = read(np.ones(len(names), int))
    rng = np.random.default_rng(seed)
    drawn = [
        np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)) for _ in range(draws)
    ]
    values = np.array([read(times) for times in drawn if times[unit_of] @ lesions])
    intervals = [interval_of_draws(column, len(names)) for column in values.T]
    return {
        "false_a_case": list(FALSE_A_CASE),
        "sensitivity": found.tolist(),
        "intervals": intervals,
        "mean_sensitivity": float(found.mean()),
        "interval": interval_of_draws(values.mean(1), len(names)),
        "cases": len(told),
        "true_lesions": int(lesions.sum()),
        "candidates": len(pooled),
    }

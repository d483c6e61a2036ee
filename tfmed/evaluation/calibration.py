"""Whether a lesion's confidence is the chance that it is real, and a map that mends it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.evaluation.froc import HasCandidates
from tfmed.evaluation.lesions import MATCH_IOU
from tfmed.inference.confidence import ConfidenceMap, features

BINS = 10


def pooled(rows: Sequence[HasCandidates]) -> tuple[np.ndarray, np.ndarray]:
    """Confidences float [n] of all found lesions, and bool [n]: real, of IoU >= .1 with a true one."""
    found = [each for row in rows for each in row.candidates or ()]
    confidences = np.array([each.confidence for each in found], float)
    return confidences, np.array([each.iou >= MATCH_IOU for each in found], bool)


def reliability(confidences: np.ndarray, real: np.ndarray, bins: int = BINS) -> list[dict[str, float]]:
    """Of every bin of equal width that holds any: mean confidence, share of real ones, how many."""
    place = np.minimum((confidences * bins).astype(int), bins - 1)
    return [
        {
            "confidence": float(confidences[place == k].mean()),
            "real": float(real[place == k].mean()),
            "n": int((place == k).sum()),
        }
        for k in np.unique(place).tolist()
    ]


def expected_error(confidences: np.ndarray, real: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: sum over bins of n / N |share real - mean confidence| (Guo et al.,
    2017).
    """
    parts = reliability(confidences, real, bins)
    return sum(part["n"] * abs(part["real"] - part["confidence"]) for part in parts) / len(confidences)


def summary(rows: Sequence[HasCandidates]) -> dict[str, Any] | None:
    """The error, the Brier score and the bins; None without a lesion whose confidence is known."""
    confidences, real = pooled(rows)
    if not confidences.size:
        return None
    return {
        "expected_error": expected_error(confidences, real),
        "brier": float(((confidences - real) ** 2).mean()),
        "lesions": int(real.size),
        "real": int(real.sum()),
        "bins": reliability(confidences, real),
    }


def fit(rows: Sequence[HasCandidates]) -> ConfidenceMap:
    """The rising map of scores and volumes with the least cross-entropy, of cases whose confidences are
    scores; with Platt's targets so that few lesions do not make it sure of itself: (n+ + 1) / (n+ + 2) for
    real ones, 1 / (n- + 2) for false ones.

    Raises:
        TfmedError: there are no real or no false ones to learn from.
    """
    from scipy.optimize import minimize

    scores, real = pooled(rows)
    volumes = np.array([each.volume_ml for row in rows for each in row.candidates or ()], float)
    positives, negatives = int(real.sum()), int((~real).sum())
    if not positives or not negatives:
        raise TfmedError(
            f"Of {real.size} lesions {positives} are real; a map of confidence needs real and false ones. "
            "Add cases, healthy ones among them."
        )
    x = features(scores, volumes)
    targets = np.where(real, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def cost(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        z = x @ parameters
        slopes = 1 / (1 + np.exp(-z)) - targets
        return float((np.logaddexp(0, z) - targets * z).sum()), slopes @ x

    rising = [(0, None), (0, None), (None, None)]
    best = minimize(cost, [1.0, 0.0, 0.0], jac=True, method="L-BFGS-B", bounds=rising)
    slope, size, offset = (round(float(value), 4) for value in best.x)
    return ConfidenceMap(slope, size, offset, len(rows), int(real.size))


def draw(named: dict[str, Sequence[HasCandidates]], path: str | Path) -> None:
    """Reliability diagrams, a panel a predictor that knows confidences; the format follows the ending of
    ``path``.

    Raises:
        TfmedError: no predictor knows them or none found anything, or the file can't be written.
    """
    from matplotlib.figure import Figure

    known = {name: found for name, rows in named.items() if (found := summary(rows))}
    if not known:
        raise TfmedError("No lesion with a confidence was found; there is no reliability to draw.")
    figure = Figure(figsize=(4.2 * len(known), 4.2), layout="constrained")
    for axes, (name, found) in zip(
        figure.subplots(1, len(known), squeeze=False)[0], known.items(), strict=True
    ):
        _panel(axes, name, found)
    path = Path(path)
    beside = path.with_name(f".part-{path.name}")
    try:
        figure.savefig(beside, dpi=120)
        beside.replace(path)
    except OSError as error:
        raise TfmedError(f"{path} can't be written: {error.strerror or error}.") from error


def _panel(axes: Any, name: str, found: dict[str, Any]) -> None:
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    x, y = ([part[key] for part in found["bins"]] for key in ("confidence", "real"))
    axes.plot(x, y, marker="o", color="#3d5a98")
    for part in found["bins"]:
        above = part["real"] < 0.5
        place = {"xytext": (0, 6 if above else -6), "va": "bottom" if above else "top", "rotation": 90}
        spot = (part["confidence"], part["real"])
        axes.annotate(f"n={part['n']}", spot, textcoords="offset points", ha="center", fontsize=8, **place)
    axes.set(xlim=(0, 1), ylim=(-0.05, 1.05), xlabel="confidence", ylabel="share of real lesions")
    title = f"expected calibration error {found['expected_error']:.3f}, n={found['lesions']}"
    axes.set_title(f"{name}\n{title}", fontsize=10)
    axes.set_aspect("equal")

"""What is said of every lesion: category, size, place and parts."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfmed import geometry
from tfmed.inference.hemisphere import MidPlane, side
from tfmed.inference.rules import Rules

# A part smaller than this does not name the lesion: a few stray voxels make no enhancing tumour.
NAMING_ML = 0.05


@dataclass(frozen=True)
class Lesion:
    """One connected tumour and its parts.

    id: 1.. by falling volume, the value in the instance map.
    category: the innermost region of the card of which it holds at least 0.05 ml.
    extent_mm: edges of its box along the world's axes (right, front, up), voxel edge to voxel edge.
    centroid_mm: centre of mass in world mm, RAS+.
    hemisphere: "left", "right", "both" or "midline", from the brain's own mid-plane.
    confidence: 0..1, mean score of the detections that own its voxels, over voxels and views; through
        the card's map, if it has one, which makes it the chance that the lesion is real.
    parts: {region: ml}; regions overlap as the card's do.
    """

    id: int
    category: str
    volume_ml: float
    extent_mm: tuple[float, float, float]
    centroid_mm: tuple[float, float, float]
    hemisphere: str
    confidence: float
    parts: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """As it stands in instances.json."""
        return asdict(self) | {"extent_mm": list(self.extent_mm), "centroid_mm": list(self.centroid_mm)}


@dataclass(frozen=True)
class Evidence:
    """What the study function found, on the working grid.

    labels: [X, Y, Z], values of `rules.edition`. lesions: int [X, Y, Z], 0 outside, else 1.. as linked.
    owner: [3, X, Y, Z], scores: [3, L, D], see `StudyPredictor`. affine: index to world mm.
    """

    labels: np.ndarray
    lesions: np.ndarray
    owner: np.ndarray
    scores: np.ndarray
    affine: np.ndarray


def describe(evidence: Evidence, plane: MidPlane | None, rules: Rules) -> list[Lesion]:
    """One `Lesion` for every number in `evidence.lesions`; `plane` in mm along the working grid's axes."""
    from scipy import ndimage

    boxes = ndimage.find_objects(evidence.lesions)
    found = []
    for number, box in enumerate(boxes, 1):
        offset = [part.start for part in box]
        index = np.argwhere(evidence.lesions[box] == number) + offset
        found.append(_describe(number, index, evidence, plane, rules))
    return found


def _describe(
    number: int, index: np.ndarray, evidence: Evidence, plane: MidPlane | None, rules: Rules
) -> Lesion:
    voxel_ml = geometry.voxel_volume_mm3(evidence.affine) / 1000
    values = evidence.labels[tuple(index.T)]
    exact = {
        region.name: float(np.isin(values, list(region.values[rules.edition])).sum() * voxel_ml)
        for region in rules.regions
    }
    category = next(
        (region.name for region in rules.innermost_first() if exact[region.name] >= NAMING_ML),
        rules.regions[0].name,
    )
    world = geometry.apply(evidence.affine, index)
    return Lesion(
        id=number,
        category=category,
        volume_ml=round(len(index) * voxel_ml, 3),
        extent_mm=_rounded(np.ptp(world, axis=0) + np.abs(evidence.affine[:3, :3]).sum(1), 1),
        centroid_mm=_rounded(world.mean(0), 1),
        hemisphere=side(plane, index.astype(np.float64)) if plane else "both",
        confidence=round(_confidence(index, evidence, rules), 3),
        parts={name: round(ml, 3) for name, ml in exact.items()},
    )


def without_unsure(evidence: Evidence, rules: Rules) -> np.ndarray:
    """`evidence.lesions` less the small ones below `rules.min_confidence`, numbered from 1 again."""
    if rules.min_confidence <= 0:
        return evidence.lesions
    voxel_ml = geometry.voxel_volume_mm3(evidence.affine) / 1000
    kept = [False]
    for number in range(1, int(evidence.lesions.max(initial=0)) + 1):
        index = np.argwhere(evidence.lesions == number)
        large = len(index) * voxel_ml >= rules.sure_volume_ml
        kept.append(large or _confidence(index, evidence, rules) >= rules.min_confidence)
    return np.where(kept, np.cumsum(kept), 0).astype(evidence.lesions.dtype)[evidence.lesions]


def _confidence(index: np.ndarray, evidence: Evidence, rules: Rules) -> float:
    score = _score(index, evidence)
    if rules.confidence is None:
        return score
    return rules.confidence(score, len(index) * geometry.voxel_volume_mm3(evidence.affine) / 1000)


def _score(index: np.ndarray, evidence: Evidence) -> float:
    """Mean score over voxels and views; where a view has no detection its score is 0."""
    by_view = []
    for view, axis in enumerate((2, 1, 0)):
        owner = evidence.owner[view][tuple(index.T)].astype(int)
        scores = evidence.scores[view][index[:, axis], np.maximum(owner - 1, 0)]
        by_view.append(np.where(owner > 0, scores, 0).mean(dtype=np.float64))
    return float(np.mean(by_view))


def _rounded(values: np.ndarray, digits: int) -> tuple[float, float, float]:
    x, y, z = (round(float(value), digits) + 0.0 for value in values)
    return x, y, z


def table(lesions: list[Lesion], rules: Rules) -> str:
    """The lesions as lines of text of equal columns, for a terminal."""
    if not lesions:
        return "No lesion was found."
    titles = {region.name: region.title for region in rules.regions}
    head = ["id", "category", "ml", "extent mm", "centre mm (RAS+)", "side", "confidence"]
    rows = [
        [
            str(lesion.id),
            titles[lesion.category],
            f"{lesion.volume_ml:.2f}",
            " x ".join(f"{edge:.0f}" for edge in lesion.extent_mm),
            ", ".join(f"{value:.1f}" for value in lesion.centroid_mm),
            lesion.hemisphere,
            f"{lesion.confidence:.2f}",
        ]
        for lesion in lesions
    ]
    inner = [region for region in rules.innermost_first() if region.name != rules.regions[0].name]
    head += [f"{region.name} ml" for region in inner]
    for row, lesion in zip(rows, lesions, strict=True):
        row += [f"{lesion.parts[region.name]:.2f}" for region in inner]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)

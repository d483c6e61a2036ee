"""What a card says of its classes and of how three views become one label map."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfmed.errors import TfmedError
from tfmed.inference.confidence import ConfidenceMap


@dataclass(frozen=True)
class Region:
    """One class of a card: id (1..K), title, colour (RGB), and the label values of each edition."""

    name: str
    id: int
    title: str
    colour: tuple[int, int, int]
    values: dict[str, frozenset[int]]


@dataclass(frozen=True)
class Paint:
    """One step of painting a label map: where `region` is on inside its parent, the value becomes `value`."""

    region: Region
    value: int
    children: tuple["Paint", ...]


@dataclass(frozen=True)
class Rules:
    """The classes of a card and its `fusion` block; every number has a default for cards without the block.

    threshold: {region name: probability from which a voxel belongs to it}, .5 where none is given
    view_weights: of the axial, coronal and sagittal probabilities in their mean
    min_volume_mm3: smaller lesions are specks and are taken out
    min_views: a lesion that the last stage found in fewer views is taken out
    min_region_mm3: {region name: in a lesion, less of the region becomes what is painted around it; voxels
        count by their certainty}
    min_confidence: a lesion of less confidence is taken out,
    sure_volume_ml: unless it is this large: what fools a model is small, and scores fall in unfamiliar scans
    link_overlap: instances of neighbouring slices are one lesion if they share this part of the smaller one
    confidence: from the mean score and the volume of a lesion to the chance that it is real; None leaves the
        score
    linked: lesions are linked from the model's instances; else they are what hangs together
    """

    regions: tuple[Region, ...]
    edition: str
    thresholds: dict[str, float] = field(default_factory=dict)
    view_weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    min_volume_mm3: float = 50.0
    min_views: int = 2
    min_region_mm3: dict[str, float] = field(default_factory=dict)
    min_confidence: float = 0.0
    sure_volume_ml: float = math.inf
    link_overlap: float = 0.5
    confidence: ConfidenceMap | None = None
    linked: bool = True

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> "Rules":
        fusion = dict(card.get("fusion", {}))
        regions = tuple(
            Region(
                entry["name"],
                int(entry["id"]),
                entry["title"],
                tuple(entry["colour"]),
                {edition: frozenset(values) for edition, values in entry["values"].items()},
            )
            for entry in card["outputs"]["classes"]
        )
        if "view_weights" in fusion:
            fusion["view_weights"] = tuple(fusion["view_weights"])
        if "confidence" in fusion:
            fusion["confidence"] = ConfidenceMap(**fusion["confidence"])
        linked = card["task"] == "instance_segmentation"
        return cls(regions, edition=_richest_edition(regions), linked=linked, **fusion)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(region.name for region in self.regions)

    def threshold(self, region: Region) -> float:
        return self.thresholds.get(region.name, 0.5)

    def label_values(self, edition: str | None = None) -> list[int]:
        """All label values of an edition, ascending; an unknown edition names the known ones."""
        edition = edition or self.edition
        known = sorted({name for region in self.regions for name in region.values})
        if edition not in known:
            raise TfmedError(f"No label values are known for edition {edition!r}. Known: {', '.join(known)}.")
        return sorted({value for region in self.regions for value in region.values.get(edition, ())})

    def translation(self, edition: str) -> dict[int, int]:
        """{value of the model's edition: value of `edition` that lies in the same regions}.

        Regions that `edition` does not label are left out of the comparison, so that, for instance, the
        non-enhancing core of BRATS 2015 becomes the value that 2018 shares between it and necrosis.
        """
        shared = [region for region in self.regions if region.values.get(edition)]
        targets = {_members(shared, edition, value): value for value in reversed(self.label_values(edition))}
        table = {}
        for value in self.label_values():
            members = _members(shared, self.edition, value)
            if members not in targets:
                raise TfmedError(f"Edition {edition!r} has no value for label {value} of {self.edition!r}.")
            table[value] = targets[members]
        return table

    def paints(self) -> tuple[Paint, ...]:
        """The trees of painting steps, from regions that lie in no other one inwards (see `_paint`)."""
        roots = [
            r for r in self.regions if not any(_inside(r, other, self.edition) for other in self.regions)
        ]
        return tuple(_paint(root, self.regions, self.edition) for root in roots)

    def innermost_first(self) -> list[Region]:
        """Regions by how many others they lie in, most first, then by id."""

        def depth(region: Region) -> int:
            return sum(_inside(region, other, self.edition) for other in self.regions)

        return sorted(self.regions, key=lambda region: (-depth(region), region.id))


def _richest_edition(regions: Sequence[Region]) -> str:
    """The edition that labels most regions, then the first by name: the one whose values are written."""
    editions = sorted({edition for region in regions for edition in region.values})
    return max(editions, key=lambda edition: sum(bool(region.values.get(edition)) for region in regions))


def _members(regions: Iterable[Region], edition: str, value: int) -> frozenset[str]:
    return frozenset(region.name for region in regions if value in region.values.get(edition, ()))


def _inside(inner: Region, outer: Region, edition: str) -> bool:
    return inner.values.get(edition, frozenset()) < outer.values.get(edition, frozenset())


def _paint(region: Region, regions: Sequence[Region], edition: str) -> Paint:
    """A region paints what its children leave over, or, if they leave nothing, all but its largest child.

    The whole tumour of a glioma thus paints oedema, its core necrosis, and the core's children themselves;
    a child that would only repeat its parent's value (oedema inside whole) is no step of its own.
    """
    within = [r for r in regions if _inside(r, region, edition)]
    children = [r for r in within if not any(_inside(r, other, edition) for other in within)]
    own = region.values[edition]
    rest = own.difference(*(child.values[edition] for child in children))
    if not rest:
        rest = own - max((child.values[edition] for child in children), key=len)
    value = min(rest)
    steps = tuple(_paint(child, regions, edition) for child in children)
    return Paint(region, value, tuple(step for step in steps if step.value != value))

"""What a card's classes imply: the painting order of nested regions and the values of other editions."""

import pytest

from tests.inference.threshold_model import CARD
from tfmed.errors import TfmedError
from tfmed.inference.rules import Paint, Rules

RULES = Rules.from_card(CARD)


def outline(paint: Paint) -> tuple:
    """(region, value, outlines of what is painted inside it)."""
    return (paint.region.name, paint.value, [outline(child) for child in paint.children])


def test_a_gliomas_regions_nest_as_oedema_necrosis_and_two_kinds_of_core() -> None:
    assert [outline(paint) for paint in RULES.paints()] == [
        ("whole", 2, [("core", 1, [("enhancing", 4, []), ("non_enhancing", 3, [])])])
    ]


def test_regions_that_do_not_overlap_are_painted_side_by_side() -> None:
    classes = [
        {"id": i, "name": name, "title": name, "colour": (0, 0, 0), "values": {"isles": [i]}}
        for i, name in ((1, "core"), (2, "penumbra"))
    ]
    card = {"task": "instance_segmentation", "outputs": {"classes": classes}}
    paints = Rules.from_card(card).paints()
    assert [outline(paint) for paint in paints] == [("core", 1, []), ("penumbra", 2, [])]


@pytest.mark.parametrize(
    ("edition", "table"),
    [
        ("brats2015", {1: 1, 2: 2, 3: 3, 4: 4}),
        ("brats2018", {1: 1, 2: 2, 3: 1, 4: 4}),
        ("brats2023", {1: 1, 2: 2, 3: 1, 4: 3}),
    ],
)
def test_values_of_other_editions_lie_in_the_same_regions(edition: str, table: dict[int, int]) -> None:
    assert RULES.translation(edition) == table


def test_an_unknown_edition_names_the_known_ones() -> None:
    with pytest.raises(TfmedError, match=r"brats2016.*brats2015, brats2018, brats2023"):
        RULES.translation("brats2016")


def test_the_most_specific_regions_come_first() -> None:
    names = [region.name for region in RULES.innermost_first()]
    assert names == ["enhancing", "non_enhancing", "core", "oedema", "whole"]


def test_the_fusion_block_overrides_defaults() -> None:
    assert RULES.min_volume_mm3 == CARD["fusion"]["min_volume_mm3"]
    rules = Rules.from_card(CARD | {"fusion": {"thresholds": {"core": 0.3}, "view_weights": [2, 1, 1]}})
    assert [rules.threshold(region) for region in rules.regions] == [0.5, 0.3, 0.5, 0.5, 0.5]
    assert rules.view_weights == (2, 1, 1)

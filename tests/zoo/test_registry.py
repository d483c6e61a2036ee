"""Names of the zoo come from folders, entry points and register(); errors say what is known."""

from pathlib import Path
from typing import Any

import pytest

from tests.zoo.conftest import write_card
from tfmed import zoo
from tfmed.errors import TfmedError


def test_a_package_elsewhere_brings_its_models_by_entry_point(family: Path) -> None:
    assert "toy_seg" in zoo.list()
    assert zoo.card("toy_seg")["title"] == "a toy"
    assert zoo.get("toy_seg", weights=None).count_params() == 38


def test_a_new_card_in_a_family_is_found_without_more(family: Path, card: dict[str, Any]) -> None:
    write_card(family, {**card, "name": "toy_other"})
    assert {"toy_seg", "toy_other"} <= set(zoo.list())


def test_list_keeps_to_one_task(family: Path) -> None:
    assert "toy_seg" in zoo.list(task="semantic_segmentation")
    assert "toy_seg" not in zoo.list(task="detection")
    with pytest.raises(TfmedError, match=r"No task 'segmentation'. Known: .*detection"):
        zoo.list(task="segmentation")


def test_an_unknown_name_names_the_nearest(family: Path) -> None:
    with pytest.raises(TfmedError, match=r"no model 'toy_sge'\. Nearest: toy_seg"):
        zoo.card("toy_sge")


def test_an_entry_point_without_package_is_a_warning_and_the_rest_works(family: Path) -> None:
    info = family.parent.parent / "toy_zoo-1.dist-info" / "entry_points.txt"
    info.write_text("[tfmed.zoo]\ntoy = toy_zoo.toy\ngone = no_such_package.models\n")
    with pytest.warns(UserWarning, match=r"'gone'.*no_such_package"):
        assert "toy_seg" in zoo.list()


def test_register_adds_a_builder_of_ones_own(card: dict[str, Any], forget: None) -> None:
    import keras

    def build(card: dict[str, Any], variant: str, modalities: tuple[str, ...]) -> keras.Model:
        return keras.Sequential([keras.Input((len(modalities),)), keras.layers.Dense(3)], name=variant)

    zoo.register({**card, "name": "mine"}, build)
    assert "mine" in zoo.list()
    assert zoo.get("mine", weights=None, variant="large").name == "large"
    with pytest.raises(TfmedError, match="has a model 'mine' already"):
        zoo.register({**card, "name": "mine"}, build)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"task": "guessing"}, "at task: 'guessing' is not one of"),
        ({"notes": "free text"}, "'notes' was unexpected"),
        ({"default_weights": "v1"}, "default_weights names 'v1'"),
        ({"limits": []}, "at limits"),
    ],
)
def test_register_refuses_a_card_outside_the_schema(
    card: dict[str, Any], change: dict[str, Any], sentence: str, forget: None
) -> None:
    with pytest.raises(TfmedError, match=sentence):
        zoo.register({**card, **change}, lambda: None)


def test_a_card_prints_as_a_page_and_stays_data(family: Path) -> None:
    card = zoo.card("toy_seg")
    assert "t2: T2, may be missing" in str(card)
    assert "small: two filters, 38 parameters" in str(card)
    assert dict(card)["variants"]["small"]["config"] == {"filters": 2}

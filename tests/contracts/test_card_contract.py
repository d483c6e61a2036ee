"""What every card of the zoo must hold, beyond its schema. A new card is tested without being named here."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tfmed import zoo
from tfmed.zoo import cards, weights
from tfmed.zoo.registry import find

ROOT = Path(__file__).parents[2]
SHIPPED_BYTES_AT_MOST = 40_000_000


@pytest.fixture(params=zoo.list())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_it_follows_the_schema(name: str) -> None:
    cards.validate(zoo.card(name), name)


def test_its_name_and_family_are_those_of_its_file_and_folder(name: str) -> None:
    card = zoo.card(name)
    folder = find(name).folder
    assert card["name"] == name
    assert folder is not None and card["family"] == folder.name


def test_it_prints_every_class_variant_and_limit(name: str) -> None:
    card = zoo.card(name)
    text = re.sub(r"\s+", " ", str(card))
    for part in [c["title"] for c in card["outputs"]["classes"]] + [*card["variants"], *card["limits"]]:
        assert part in text


def test_class_ids_count_from_one_and_names_are_told_apart(name: str) -> None:
    classes = zoo.card(name)["outputs"]["classes"]
    assert [c["id"] for c in classes] == list(range(1, len(classes) + 1))
    assert len({c["name"] for c in classes}) == len(classes)
    assert len({tuple(c["colour"]) for c in classes}) == len(classes)


def test_its_weights_files_are_whole(name: str) -> None:
    entry = find(name)
    for described in zoo.card(name)["weights"].values():
        if "file" in described:
            weights.verify(weights.location(described, entry.folder), described)


def test_weights_lie_there_only_if_a_card_names_them(name: str) -> None:
    folder = find(name).folder
    assert folder is not None
    siblings = [zoo.card(other) for other in zoo.list() if find(other).folder == folder]
    named = {e["file"] for card in siblings for e in card["weights"].values() if "file" in e}
    assert {f"weights/{path.name}" for path in folder.glob("weights/*.h5")} == named


def test_its_commands_name_it(name: str) -> None:
    for entry in zoo.card(name)["metrics"]:
        assert f" {name} " in entry["command"]


def test_metrics_fed_modalities_are_the_cards(name: str) -> None:
    card = zoo.card(name)
    known = {m["name"] for m in card["inputs"]["modalities"]}
    assert all(set(entry["modalities"]) <= known for entry in card["metrics"])


def test_it_accepts_the_versions_at_hand(name: str) -> None:
    for package, span in zoo.card(name)["requires"].items():
        if package != "python":
            assert version(package) in SpecifierSet(span, prereleases=True)


def test_all_shipped_weights_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in ROOT.glob("zoo/*/weights/*")) <= SHIPPED_BYTES_AT_MOST


def test_every_family_has_a_page_about_it() -> None:
    for model in ROOT.glob("zoo/*/model.py"):
        assert (model.parent / "README.md").is_file()

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed.errors import TfmedError
from tfmed.training.recipe import Recipe, load_recipe


@given(
    steps=st.integers(1, 10**6),
    minutes=st.none() | st.floats(0.5, 1e4),
    learning_rate=st.floats(1e-8, 10),
    size=st.tuples(st.integers(16, 400), st.integers(16, 400)),
    augment=st.booleans(),
    augmentation=st.dictionaries(
        st.sampled_from(["noise", "flip"]), st.floats(0, 1) | st.lists(st.floats(0, 1), min_size=2)
    ),
    model=st.dictionaries(st.sampled_from(["width", "anchors"]), st.integers() | st.text("aB\"\\'\n #=")),
)
def test_a_saved_recipe_reads_back_the_same(tmp_path_factory: pytest.TempPathFactory, **values: Any) -> None:
    recipe = Recipe(**values)
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert load_recipe(path) == recipe


def test_nested_overrides_of_the_model_survive_saving(tmp_path: Path) -> None:
    recipe = Recipe(model={"anchors": [[8.0, 8.0]], "head": {"width": 8, "deep": {"on": True}}})
    (tmp_path / "r.toml").write_text(recipe.to_toml())
    assert load_recipe(tmp_path / "r.toml") == recipe


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("step = 5", "did you mean 'steps'"),
        ("steps = 0", "steps must lie between 1 and"),
        ("steps = 1.5", "steps must be of type int. Received: 1.5"),
        ("seed = true", "seed must be of type int"),
        ("learning_rate = nan", "learning_rate must lie between"),
        ("size = [192]", "size must be two whole numbers"),
        ("size = [192, 8]", "size must lie between 16"),
        ('optimizer = "adam"', "Known: adamw, sgd"),
        ("minutes = -3", "minutes must lie between"),
        ("steps = [", "not TOML"),
    ],
)
def test_a_bad_recipe_is_refused_in_one_sentence_that_names_the_file(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(TfmedError) as error:
        load_recipe(path)
    assert said in str(error.value) and "bad.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match=r"none\.toml"):
        load_recipe(tmp_path / "none.toml")


def test_changes_that_are_none_change_nothing_and_steps_turn_the_clock_off() -> None:
    recipe = Recipe(minutes=3)
    assert recipe.replace(steps=None, batch=None) == recipe
    assert recipe.replace(batch=4) == dataclasses.replace(recipe, batch=4)
    assert recipe.replace(steps=7).minutes is None
    assert recipe.replace(steps=7, minutes=2.0).minutes == 2
    with pytest.raises(TfmedError, match="did you mean 'batch'"):
        recipe.replace(batches=3)

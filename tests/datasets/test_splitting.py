from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed.datasets import Case, split, split_hash
from tfmed.errors import TfmedError


def case(patient: str, timepoint: str = "1") -> Case:
    return Case(f"{patient}_{timepoint}", patient, timepoint, {}, None, None, None, "brats2015")


def parts(cases: list[Case], **folds: int) -> dict[str, str]:
    return {entry.id: name for name, members in split(cases, **folds).items() for entry in members}


@given(st.sets(st.text(min_size=1), min_size=1), st.sets(st.text(min_size=1)))
def test_adding_cases_moves_nobody(patients: set[str], more: set[str]) -> None:
    before = parts([case(patient) for patient in sorted(patients)])
    after = parts([case(patient) for patient in sorted(patients | more, reverse=True)])
    assert before.items() <= after.items()


@given(st.sets(st.text(min_size=1), min_size=1), st.integers(2, 7))
def test_each_case_is_tested_in_exactly_one_fold_and_stays_with_its_patient(
    patients: set[str], folds: Any
) -> None:
    cases = [case(patient, timepoint) for patient in sorted(patients) for timepoint in "12"]
    tested = Counter[str]()
    for fold in range(folds):
        by_id = parts(cases, folds=folds, fold=fold)
        assert len(by_id) == len(cases)
        assert all(by_id[f"{patient}_1"] == by_id[f"{patient}_2"] for patient in patients)
        tested.update(name for name, part in by_id.items() if part == "test")
    assert set(tested.values()) == {1} and len(tested) == len(cases)


def test_parts_have_about_their_sizes() -> None:
    sizes = {name: len(members) for name, members in split([case(f"p{n}") for n in range(5000)]).items()}
    assert 900 < sizes["test"] < 1100 and 330 < sizes["val"] < 470


def test_parts_are_the_same_for_ever() -> None:
    cases = [case(f"patient{n}") for n in range(12)]
    others = {name: part for name, part in parts(cases).items() if part != "train"}
    assert others == {"patient4_1": "test", "patient7_1": "val"}
    others = {name: part for name, part in parts(cases, folds=4, fold=1).items() if part != "train"}
    assert others == {"patient2_1": "test", "patient3_1": "test", "patient5_1": "test", "patient7_1": "val"}


def test_the_hash_names_the_set_whatever_its_order() -> None:
    cases = [case("a"), case("b")]
    assert split_hash(cases) == split_hash(cases[::-1]) != split_hash(cases[:1])
    assert len(split_hash(cases)) == 64


@pytest.mark.parametrize(
    "folds", [{"folds": 5}, {"fold": 0}, {"folds": 5, "fold": 5}, {"folds": 5, "fold": -1}]
)
def test_folds_go_with_a_fold_of_them(folds: Any) -> None:
    with pytest.raises(TfmedError, match="folds K go with a fold"):
        split([case("a")], **folds)

"""The collector is set aside within, and only there."""

import gc

import pytest

from tfmed import garbage


def test_the_collector_is_off_within_and_on_again_after_it() -> None:
    with garbage.kept():
        assert not gc.isenabled()
        with garbage.kept():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_turns_it_on_again() -> None:
    with pytest.raises(ZeroDivisionError), garbage.kept():
        _ = 1 / 0
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with garbage.kept():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()

"""Numbers stand with the right form of their noun."""

from tfmed.wording import counted


def test_one_alone_is_singular() -> None:
    assert [counted(n, "case") for n in (0, 1, 2)] == ["0 cases", "1 case", "2 cases"]
    assert [counted(n, "person", "people") for n in (1, 2)] == ["1 person", "2 people"]

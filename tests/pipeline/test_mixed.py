"""Several sources look like one, with the channels that were asked for."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed.errors import TfmedError
from tfmed.pipeline import Source, slices
from tfmed.pipeline.mixed import MixedSource

NAMES = ("flair", "t1", "t1c", "t2")


class Numbered:
    """A source whose pixels tell where they come from: 1000 * key + 100 * case + 10 * view + channel name."""

    def __init__(
        self, key: int, modalities: Sequence[str], count: int, edition: str | None = "brats2015"
    ) -> None:
        self.key, self.modalities, self.edition = key, tuple(modalities), edition
        every = tuple(np.arange(5) for _ in range(3))
        self.cases = [
            SimpleNamespace(
                id=f"{key}_{i}", patient=f"{key}_{i}", diagnosis=None, shape=(5, 5, 5),
                lesion_slices=every, brain_slices=every,
            )
            for i in range(count)
        ]  # fmt: skip

    def slice(
        self, case: int, view: int, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        image = np.stack([np.full((5, 5), self.pixel(case, view, m)) for m in self.modalities], -1)
        return image.astype(np.float32), np.full((5, 5), self.key, np.uint8)

    def pixel(self, case: int, view: int, modality: str) -> int:
        return 1000 * self.key + 100 * case + 10 * view + NAMES.index(modality) + 1


@given(
    st.lists(st.tuples(st.permutations(NAMES), st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=3),
    st.permutations(NAMES),
    st.integers(1, 4),
)
def test_every_channel_of_every_case_is_where_it_was_asked_for(
    given_sources: list[tuple[list[str], int, int]], wanted: list[str], keep: int
) -> None:
    sources = [
        Numbered(key, [wanted[0], *(n for n in names if n != wanted[0])][:channels], count)
        for key, (names, channels, count) in enumerate(given_sources, 1)
    ]
    mixed = MixedSource(sources, wanted[:keep])
    assert mixed.modalities == tuple(wanted[:keep])
    whence = [(source, i) for source in sources for i in range(len(source.cases))]
    assert [case.id for case in mixed.cases] == [source.cases[i].id for source, i in whence]
    for number, (source, i) in enumerate(whence):
        image, labels = mixed.slice(number, 2, 0, np.random.default_rng(0))
        has = [source.pixel(i, 2, m) if m in source.modalities else 0 for m in wanted[:keep]]
        np.testing.assert_array_equal(image, np.broadcast_to(np.float32(has), (5, 5, keep)))
        assert (labels == source.key).all() and image.dtype == np.float32


def test_a_channel_that_a_source_lacks_is_told_to_the_model_as_absent() -> None:
    mixed = MixedSource([Numbered(1, ["flair", "t1"], 1), Numbered(2, ["t1"], 1)])
    batches = slices(
        mixed, cases=[0, 1], size=(5, 5), batch=8, augment=None, targets=lambda labels: {"key": labels}
    )
    inputs, targets = next(batches.as_numpy_iterator())
    second = targets["key"][:, 0, 0] == 2
    assert 0 < second.sum() < 8
    np.testing.assert_array_equal(inputs["present"][second], np.float32([[0, 1]] * second.sum()))
    assert inputs["present"][~second].all()


def test_an_edition_is_that_of_the_labelled_sources() -> None:
    assert MixedSource([Numbered(1, NAMES, 1, None), Numbered(2, NAMES, 1)]).edition == "brats2015"


@pytest.mark.parametrize(
    ("sources", "wanted", "said"),
    [
        ([], None, "no source"),
        ([Numbered(1, NAMES, 1), Numbered(2, NAMES, 1, "brats2018")], None, "brats2015, brats2018"),
        ([Numbered(1, ["t2"], 1)], ["flair"], "none of the wanted modalities flair. Received: t2"),
    ],
)
def test_what_cannot_be_mixed_is_refused(sources: list[Source], wanted: list[str] | None, said: str) -> None:
    with pytest.raises(TfmedError, match=said):
        MixedSource(sources, wanted)

"""Several sources as one, with the channels that a model wants."""

from collections.abc import Sequence

import numpy as np

from tfmed.errors import TfmedError
from tfmed.pipeline.source import Source, SourceCase


class MixedSource:
    """The cases of all ``sources`` one after the other, as a ``Source``; slices are made when asked for.

    ``modalities`` are the channels in order, those of the first source unless given. A channel that a source
    lacks is exactly 0, which is how sources say that a modality is missing; one that is not asked for is left
    out. Raises TfmedError if no source is given, if the label editions differ, or if a source has none of the
    wanted modalities.
    """

    def __init__(self, sources: Sequence[Source], modalities: Sequence[str] | None = None) -> None:
        if not sources:
            raise TfmedError("no source was given to mix; give at least one")
        editions = {source.edition for source in sources if source.edition}
        if len(editions) > 1:
            raise TfmedError(
                f"sources with labels of different editions cannot be mixed: {', '.join(sorted(editions))}"
            )
        self.sources = tuple(sources)
        self.edition: str | None = next(iter(editions), None)
        self.modalities = tuple(modalities or sources[0].modalities)
        self.cases: list[SourceCase] = [case for source in sources for case in source.cases]
        self._first = np.cumsum([0, *(len(source.cases) for source in sources)])
        self._channels = [self._matching(source) for source in sources]

    def _matching(self, source: Source) -> tuple[list[int], list[int]]:
        """Where each wanted channel comes from and where it goes."""
        to = [i for i, name in enumerate(self.modalities) if name in source.modalities]
        if not to:
            raise TfmedError(
                f"a source has none of the wanted modalities {', '.join(self.modalities)}. "
                f"Received: {', '.join(source.modalities)}"
            )
        return [source.modalities.index(self.modalities[i]) for i in to], to

    def slice(
        self, case: int, view: int, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Image [H, W, M] float32 and labels [H, W] uint8 of one slice; see ``Source.slice``."""
        which = int(np.searchsorted(self._first, case, side="right")) - 1
        source, (came, to) = self.sources[which], self._channels[which]
        image, labels = source.slice(case - int(self._first[which]), view, index, rng)
        if source.modalities == self.modalities:
            return image, labels
        mixed = np.zeros((*image.shape[:2], len(self.modalities)), np.float32)
        mixed[..., to] = image[..., came]
        return mixed, labels

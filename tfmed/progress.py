"""Progress bars that keep quiet when nobody watches."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def bar(
    iterable: Iterable[Any] | None = None, total: int | None = None, desc: str = "", unit: str = "it"
) -> tqdm:
    """A tqdm bar on stderr; silent when stderr is not a terminal, so that logs and pipes stay clean."""
    return tqdm(iterable, total=total, desc=desc, unit=unit, disable=not sys.stderr.isatty(), leave=False)

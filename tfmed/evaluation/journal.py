"""Keeps the rows of long work as they come, so that a call that was stopped goes on."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmed.datasets import Case
from tfmed.errors import TfmedError

KeptRow = dict[str, Any]


class Journal:
    """Rows of cases in RESULT.rows, beside the result that they will make; `forget` takes the file away.

    Its first line is the setting that the rows belong to, each other one [title, place, row] in JSON. A file
    of another setting is begun anew; a last line that was cut off is dropped. Rows with a "failure" are not
    kept, so that they are tried again.
    """

    def __init__(self, result: Path | None, setting: Mapping[str, Any]) -> None:
        """
        Args:
            result: path of the result; None keeps nothing.
            setting: whatever changes a row, as JSON can hold it.

        Raises:
            TfmedError: the file can't be written.
        """
        self.path = result and _path(result)
        self._rows: dict[tuple[str, int], KeptRow] = {}
        if self.path:
            first = json.dumps(setting, sort_keys=True)
            self._rows = _read(self.path, first)
            self._write("w", first, *(_line(*key, row) for key, row in self._rows.items()))

    def tell(self) -> None:
        """Says on stderr how many rows are kept, if there are any."""
        if self._rows:
            print(f"tfmed: {len(self._rows)} rows are taken from {self.path}", file=sys.stderr)

    def rows(
        self, title: str, cases: Sequence[Case], work: Callable[[list[Case]], Iterable[KeptRow]]
    ) -> Iterator[KeptRow]:
        """The row of every case, in order: the kept one, or else the next of those that `work` makes.

        Args:
            title: whose rows they are.
            cases: the same ones in the same order as in the call that was stopped.
            work: from the cases without a kept row to their rows, one a case, in order.
        """
        made = iter(work([case for place, case in enumerate(cases) if (title, place) not in self._rows]))
        for place in range(len(cases)):
            if (title, place) not in self._rows:
                row = next(made)
                if not row.get("failure"):
                    self._rows[title, place] = row
                    self._write("a", _line(title, place, row))
                yield row
            else:
                yield self._rows[title, place]

    def _write(self, mode: str, *lines: str) -> None:
        if self.path:
            try:
                with self.path.open(mode, encoding="utf-8") as file:
                    file.writelines(f"{line}\n" for line in lines)
            except OSError as error:
                raise TfmedError(f"{self.path} can't be written: {error.strerror or error}.") from error


def setting(models: Sequence[Any], **more: Any) -> dict[str, Any]:
    """What changes the rows of models: their weights, by sha256, their cards' rules, and `more`."""
    digests = [hashlib.sha256() for _ in models]
    for digest, model in zip(digests, models, strict=True):
        for values in model.get_weights():
            digest.update(values.tobytes())
    return {
        "weights": [digest.hexdigest() for digest in digests],
        "fusion": [model.card.get("fusion") for model in models],
        **more,
    }


def forget(result: Path) -> None:
    """Takes the rows of a result away; to be called when it is written."""
    _path(result).unlink(missing_ok=True)


def _path(result: Path) -> Path:
    return result.with_name(f"{result.name}.rows")


def _line(title: str, place: int, row: KeptRow) -> str:
    return json.dumps([title, place, row])


def _read(path: Path, setting: str) -> dict[tuple[str, int], KeptRow]:
    """Rows of a file that begins with the setting; none where there is no such file."""
    try:
        first, *lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return {}
    # What follows the last line's end is a line cut off, or nothing.
    found = [json.loads(line) for line in lines[:-1]] if first == setting else []
    return {(title, place): row for title, place, row in found}

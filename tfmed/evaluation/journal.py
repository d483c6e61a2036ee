"""Keeps the rows of long work as they come, so that a call that was stopped goes on."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
            self._begin(first)

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
                    self._append(_line(title, place, row))
                yield row
            else:
                yield self._rows[title, place]

    def _begin(self, setting: str) -> None:
        """The file with what is kept of it, written beside and renamed, so that a crash loses no row."""
        assert self.path
        beside = self.path.with_name(f".{self.path.name}")
        lines = [setting, *(_line(*key, row) for key, row in self._rows.items())]
        with _told(self.path):
            beside.write_text("".join(f"{line}\n" for line in lines), "utf-8")
            beside.replace(self.path)

    def _append(self, line: str) -> None:
        if self.path:
            with _told(self.path), self.path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")


def setting(models: Sequence[Any], cases: Iterable[Case], **more: Any) -> dict[str, Any]:
    """What changes the rows of models on cases: weights, by sha256, the cards' rules, the cases' files with
    their sizes and times, and `more`.
    """
    return {
        "weights": [_digest(values.tobytes() for values in model.get_weights()) for model in models],
        "fusion": [model.card.get("fusion") for model in models],
        "cases": _digest(_state(path).encode() for case in cases for path in _files(case)),
        **more,
    }


def forget(result: Path) -> None:
    """Takes the rows of a result away; to be called when it is written."""
    _path(result).unlink(missing_ok=True)


def _files(case: Case) -> list[Path]:
    return [path for path in (*case.modalities.values(), case.labels, case.mask) if path and path.exists()]


def _state(path: Path) -> str:
    found = path.stat()
    return f"{path.absolute()} {found.st_size} {found.st_mtime_ns}\n"


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        path.with_name(f".{path.name}").unlink(missing_ok=True)
        raise TfmedError(f"{path} can't be written: {error.strerror or error}.") from error


def _path(result: Path) -> Path:
    return result.with_name(f"{result.name}.rows")


def _line(title: str, place: int, row: KeptRow) -> str:
    return json.dumps([title, place, row])


def _read(path: Path, setting: str) -> dict[tuple[str, int], KeptRow]:
    """Rows of a file that begins with the setting; none where there is no such file, or a damaged one."""
    try:
        first, *lines = path.read_text("utf-8").split("\n")
        # What follows the last line's end is a line cut off, or nothing.
        found = [json.loads(line) for line in lines[:-1]] if first == setting else []
    except (OSError, ValueError):
        return {}
    return {(title, place): row for title, place, row in found}

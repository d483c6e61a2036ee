"""Tables of text: aligned for a terminal, as Markdown, or as CSV."""

import csv
import io
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """A title, column heads, rows of cells, and notes below."""

    title: str
    head: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Columns as wide as their widest cell."""
        return "\n".join(
            [self.title, "", *aligned(self.head, self.rows), *(["", *self.notes] if self.notes else [])]
        )

    def markdown(self) -> str:
        """A table of GitHub's Markdown; notes follow it as lines."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        body = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]
        return "\n".join([self.title, "", *body, *(["", *self.notes] if self.notes else [])])

    def csv(self) -> str:
        """Heads and rows alone."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.head, *self.rows])
        return text.getvalue().rstrip("\n")


def aligned(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of columns that start at the same place."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]


def cell(
    mean: float | None, interval: tuple[float, float] | None, digits: int = 3, signed: bool = False
) -> str:
    """ "0.912 [0.880, 0.941]"; a dash where there is no figure."""
    if mean is None:
        return "-"
    sign = "+" if signed else ""
    if interval is None:
        return f"{mean:{sign}.{digits}f}"
    low, high = interval
    return f"{mean:{sign}.{digits}f} [{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"

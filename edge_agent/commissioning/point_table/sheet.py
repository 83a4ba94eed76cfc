"""The cells of a table as text, and what the file says about them (pure)."""

from collections.abc import Mapping
from typing import NamedTuple


class Merge(NamedTuple):
    """A merged cell: first and last row and column, counted from 0, both included."""

    top: int
    left: int
    bottom: int
    right: int


class Sheet(NamedTuple):
    """Rows of text.

    Args:
        name: File, and sheet where there are several.
        rows: Cells without surrounding space; a missing cell is empty, and a cell merged downwards
            stands in all its rows.
        faults: What is wrong with a cell itself (a date, a formula without a value), by place.
        fractions: Cells that hold a number with a fraction, not text, by place.
        merges: Merged cells.
        hidden: Rows that the file hides.
        notes: What the file leaves out or hides, in words.
        separator: What cuts a text file; empty for Excel.
    """

    name: str
    rows: list[list[str]]
    faults: Mapping[tuple[int, int], str] = {}
    fractions: frozenset[tuple[int, int]] = frozenset()
    merges: tuple[Merge, ...] = ()
    hidden: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()
    separator: str = ""

    @property
    def title(self) -> str:
        """The sheet's own name."""
        return self.name.rpartition(", sheet ")[2]

    def cell(self, row: int, column: int) -> str:
        """Return a cell; empty where there is none."""
        cells = self.rows[row]
        return cells[column] if column < len(cells) else ""

    @property
    def width(self) -> int:
        """Columns of the widest row."""
        return max(map(len, self.rows), default=0)

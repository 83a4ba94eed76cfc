"""Columns of text; a Chinese character is two columns wide (pure)."""

import unicodedata
from collections.abc import Collection, Sequence

_WIDE = frozenset("WF")


def width(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    return sum(2 if unicodedata.east_asian_width(letter) in _WIDE else 1 for letter in text)


def clip(text: str, columns: int) -> str:
    """Return as much of the text as fits."""
    if width(text) <= columns:
        return text
    kept = ""
    for letter in text:
        if width(kept + letter) >= columns:
            break
        kept += letter
    return f"{kept}…"


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()
) -> list[str]:
    """Return aligned lines, heads first; columns whose head is in ``right`` end at the right."""
    widths = [max(width(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(
            _padded(cell, size, right=head in right)
            for head, cell, size in zip(heads, row, widths, strict=True)
        ).rstrip()
        for row in (heads, *rows)
    ]


def _padded(cell: str, size: int, *, right: bool) -> str:
    space = " " * (size - width(cell))
    return space + cell if right else cell + space

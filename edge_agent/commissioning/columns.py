"""The columns of a point table, and the many words that people head them with (pure)."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from edge_agent.commissioning.synonyms import COLUMNS, Column, by_word

_MEANING: Final = by_word(COLUMNS)
_ROWS_LOOKED_AT: Final = 20
_LEAST_HEADS: Final = 2


class Heads(NamedTuple):
    """The row of column heads.

    Attributes:
        row: Its index, 0 for the first row.
        columns: What is in which column, by index.
        texts: The heads as the file has them.
        unknown: Heads that mean nothing here.
    """

    row: int
    columns: dict[Column, int]
    texts: dict[int, str]
    unknown: list[str]


def meaning(head: str) -> Column | None:
    """Return what a head means, whatever its case, spaces, brackets and width of letters."""
    plain = _plain(head)
    # "系数(倍率)", "Address (dec)" and "名称 Name" are the word before, or each part.
    folded = unicodedata.normalize("NFKC", head)
    candidates = [plain, _plain(re.split(r"[(\[【/\n]", folded, maxsplit=1)[0])]
    candidates += [_plain(part) for part in re.split(r"[\s/()]+", folded)]
    return next((_MEANING[one] for one in candidates if one in _MEANING), None)


def find_heads(rows: Sequence[Sequence[str]]) -> Heads | None:
    """Return the first row that heads an address and something else; None when there is none."""
    for number, row in enumerate(rows[:_ROWS_LOOKED_AT]):
        heads = _heads(number, row)
        if Column.ADDRESS in heads.columns and len(heads.columns) >= _LEAST_HEADS:
            return heads
    return None


def known_words(column: Column) -> str:
    """Return some words that are understood for a column."""
    words = COLUMNS[column].split()
    return ", ".join(words[:3] + words[-3:])


def nearest(head: str) -> str:
    """Return ``; did you mean '...'?`` for a head that is nearly known."""
    close = get_close_matches(_plain(head), list(_MEANING), n=1, cutoff=0.7)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _heads(number: int, row: Sequence[str]) -> Heads:
    columns: dict[Column, int] = {}
    texts: dict[int, str] = {}
    unknown: list[str] = []
    for index, text in enumerate(row):
        if not text:
            continue
        texts[index] = text
        column = meaning(text)
        if column is None or column in columns:
            unknown.append(text)
        else:
            columns[column] = index
    return Heads(number, columns, texts, unknown)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\s_\-.:*#()\[\]/]+", "", folded)

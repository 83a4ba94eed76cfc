"""Folding of what people type: width, case, spaces (pure)."""

import re
import unicodedata
from typing import Final

_NOTHING: Final = frozenset({"", "-", "--", "---", "—", "——", "/", "\\", "无", "n/a", "na", "none"})
_ATOMS: Final = re.compile(r"[a-zµμà-öø-ÿ]+|\d+|[\u3400-\u9fff]")


class CellError(ValueError):
    """A cell cannot be understood; the message says what is allowed."""


def folded(text: str) -> str:
    """Return the text in narrow letters and lower case, without surrounding space."""
    # The minus sign and the long dashes of a word processor.
    plain = unicodedata.normalize("NFKC", text).translate({0x2212: "-", 0x2010: "-", 0x2011: "-"})
    return plain.replace("\u200b", "").replace("\ufeff", "").strip().casefold()


def compact(text: str) -> str:
    """Return the folded text without spaces."""
    return re.sub(r"\s+", "", folded(text))


def is_empty(text: str) -> bool:
    """Whether a cell says nothing: blank, a dash, 无."""
    return folded(text) in _NOTHING


def atoms(text: str) -> list[str]:
    """Return the words, numbers and Chinese letters of a heading; RegAddr is two words."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", text))
    return _ATOMS.findall(folded(apart))

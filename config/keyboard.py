"""What a Chinese keyboard writes where YAML and numbers want ordinary characters (pure)."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_NAMES: Final = {
    "\uff1a": "a full-width colon",
    "\uff0c": "a full-width comma",
    "\u3001": "an enumeration comma",
    "\u201c": "a curly quote",
    "\u201d": "a curly quote",
    "\u2018": "a curly quote",
    "\u2019": "a curly quote",
    "\uff02": "a full-width quote",
    "\uff07": "a full-width quote",
    "\uff5b": "a full-width brace",
    "\uff5d": "a full-width brace",
    "\uff3b": "a full-width bracket",
    "\uff3d": "a full-width bracket",
    "\u3010": "a full-width bracket",
    "\u3011": "a full-width bracket",
    "\uff03": "a full-width #",
    "\uff0d": "a full-width hyphen",
    "\u3000": "a full-width space",
    "\u00a0": "a space that does not break",
}
_PLAIN: Final = str.maketrans(
    {
        "\u3001": ",",
        "\u201c": '"',
        "\u201d": '"',
        "\u2018": "'",
        "\u2019": "'",
        "\u3010": "[",
        "\u3011": "]",
    }
)
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'|(?:^|\s)#.*")


def plain(text: str) -> str:
    """Return the text with ordinary characters in place of full-width ones."""
    return unicodedata.normalize("NFKC", text.translate(_PLAIN))


def slip(text: str) -> str:
    """Return which character of a word should be an ordinary one, and which; empty when all are."""
    right = plain(text).strip().strip("\"'")
    if right == text or not right.isascii():
        return ""
    found = next((_NAMES[letter] for letter in text if letter in _NAMES), "full-width characters")
    return f"{found}; write {right}"


def slips(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the index of each line with such a character outside quotes and remarks, and which."""
    for index, line in enumerate(lines):
        bare = _QUOTED.sub("", line)
        found = next((letter for letter in bare if letter in _NAMES), None)
        if found is not None:
            shown = f" ({found})" if not found.isspace() else ""
            yield index, f"{_NAMES[found]}{shown}; write {plain(found)!r}"

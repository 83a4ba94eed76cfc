"""Numbers and their words in one cell, 0=停止;1=运行, and what people say for these (pure)."""

import re
import unicodedata
from typing import Final

from edge_agent.commissioning.point_table.text import CellError, folded

_NUMBER: Final = r"(?:0x[0-9a-fA-F]+|-?\d+)"
_GAP: Final = r"(?:^|[\s;,、/|。.)\]]+)"
_SIGN: Final = r"(?:=|:|-+>?|—+|–|→|\.(?!\d)|、|\))"
_KEY: Final = re.compile(rf"{_GAP}\(?\[?({_NUMBER})\s*({_SIGN})\s*")
_JOINED: Final = re.compile(r"(?:^|[\s;,、/|。]+)(\d{1,5})\s*(?=[\u3400-\u9fff])")
_SPACED: Final = re.compile(r"(?:^|[\s;,、/|]+)(\d{1,5})\s+(?=[A-Za-z])")
_BACKWARDS: Final = re.compile(
    rf"([^\d=:;,、/|\s(][^\d=:;,、/|(]*?)\s*(?:[=:]|-(?=\d)|\()\s*({_NUMBER})\)?"
)
_HOLDS_KEY: Final = re.compile(r"\d\s*(?:=|:|→)|[=→]|(?<![\d.])\d+\s*[-—]\s*[\u3400-\u9fff]")
_BIT: Final = re.compile(
    r"bit\s*\d+|(?<![a-z])b\d{1,2}\s*[:=]|位\s*\d+\s*[:=]|第\s*\d+\s*位|d\d{1,2}\s*[:=]"
)
_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
_EDGES: Final = " \t\n\r;,、/|。()[]"
_LEAST: Final = 2


def states(text: str) -> dict[int, str]:
    """Return raw number to word, whatever separates them.

    Raises:
        CellError: It is none, a number occurs twice, or a word holds a number and a sign itself.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if names_bits(plain):
        raise CellError(f"names bits, not states; give each bit a row of its own, got {text!r}")
    found = _forwards(plain, text, _KEY)
    if found is None:
        found = _backwards(plain)
    if found is None:
        found = _forwards(plain, text, _JOINED) or _forwards(plain, text, _SPACED)
    if not found:
        raise CellError(f"expected states such as 0=off;1=on, got {text!r}")
    return found


def words_of_states(text: str) -> dict[str, dict[str, str]]:
    """Return state to its words in both languages: 停止=Stopped;auto=Automatic/自动.

    The language that is missing is the state itself.

    Raises:
        CellError: It is none, or a state occurs twice.
    """
    found: dict[str, dict[str, str]] = {}
    for part in re.split(r"[;\n]+", unicodedata.normalize("NFKC", text)):
        if not part.strip():
            continue
        state, _, said = (one.strip() for one in part.partition("="))
        one, _, other = (word.strip() for word in said.partition("/"))
        if not state or not one:
            expected = "expected names of states such as 停止=Stopped;auto=Automatic/自动"
            raise CellError(f"{expected}, got {part.strip()!r}")
        if state in found:
            raise CellError(f"{state} stands twice, in {text!r}")
        english, chinese = one, other or state
        if _CHINESE.search(english) and not _CHINESE.search(chinese):
            english, chinese = chinese, english
        found[state] = {"en": english, "zh": chinese}
    return found


def looks_like_states(text: str) -> bool:
    """Whether a remark can be nothing but two states or more."""
    try:
        return len(states(text)) >= _LEAST
    except CellError:
        return False


def hints_at_states(text: str) -> bool:
    """Whether a remark has two numbers with signs and words: states that may be badly written."""
    plain = unicodedata.normalize("NFKC", text)
    return len(re.findall(rf"(?<![\w.])({_NUMBER})\s*[=:]\s*[^\s\d]", plain)) >= _LEAST


def names_bits(text: str) -> bool:
    """Whether a cell says what the bits of a register mean."""
    return bool(_BIT.search(folded(text)))


def _forwards(plain: str, text: str, key: re.Pattern[str]) -> dict[int, str] | None:
    keys = list(key.finditer(plain))
    if not keys or plain[: keys[0].start()].strip(_EDGES):
        return None
    if key is _KEY:
        # The sign of the first is the sign of all: 0-关 1-开, and 2:1 inside a word is no key.
        first = keys[0][2].strip("->—–") or "-"
        keys = [one for one in keys if (one[2].strip("->—–") or "-") == first]
    found: dict[int, str] = {}
    ends = [*(one.start() for one in keys[1:]), len(plain)]
    for one, end in zip(keys, ends, strict=True):
        word = plain[one.end() : end].strip(_EDGES)
        number = int(one[1], 0) if "x" in one[1] else int(one[1])
        if word.count("(") != word.count(")"):
            word = plain[one.end() : end].strip(" \t\n\r;,、/|。")
        if not word or _HOLDS_KEY.search(word) or (key is not _KEY and re.search(r"\d", word)):
            raise CellError(f"expected states such as 0=off;1=on, got {word!r} in {text!r}")
        if number in found:
            raise CellError(f"{number} stands twice, in {text!r}")
        found[number] = word
    return found


def _backwards(plain: str) -> dict[int, str] | None:
    """Read 停止=0;运行=1 and off(0), on(1)."""
    keys = list(_BACKWARDS.finditer(plain))
    if not keys or _BACKWARDS.sub("", plain).strip(_EDGES):
        return None
    found = {int(one[2], 0) if "x" in one[2] else int(one[2]): one[1].strip(_EDGES) for one in keys}
    return found if len(found) == len(keys) and all(found.values()) else None

"""Fits text into what a provider takes, never cutting inside a character that a person sees."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence

Size = Callable[[str], int]

_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)


def utf16_units(text: str) -> int:
    """Length as SMS providers count: an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8_bytes(text: str) -> int:
    """Length as robots count."""
    return len(text.encode("utf-8", "surrogatepass"))


def cut(text: str, limit: int, size: Size = utf16_units) -> str:
    """Return the text, or its beginning and an ellipsis, within ``limit``."""
    if size(text) <= limit:
        return text
    kept, room = "", limit - size("…")
    for character in _characters(text):
        if size(kept) + size(character) > room:
            break
        kept += character
    return kept.rstrip() + "…" if room >= 0 else ""


def fit(
    title: str, lines: Sequence[str], tail: Sequence[str], *, limit: int, size: Size = utf8_bytes
) -> str:
    """Return title, as many whole lines as fit, how many do not, and the tail that always fits."""
    end = "".join(f"\n{line}" for line in tail)
    text = cut(title, limit - size(end), size)
    for index, line in enumerate(lines):
        left = len(lines) - index - 1
        rest = f"\n… +{left + 1}"
        room = limit - size(text) - size(end) - (size(rest) if left else 0)
        if size(f"\n{line}") > room:
            text += rest if size(rest) <= limit - size(text) - size(end) else ""
            break
        text += f"\n{line}"
    return text + end


def _characters(text: str) -> Iterator[str]:
    """Yield what a person sees as one character, with its accents, tones and joined parts."""
    cluster = ""
    for one in text:
        if cluster and not _belongs(one, cluster):
            yield cluster
            cluster = ""
        cluster += one
    if cluster:
        yield cluster


def _belongs(one: str, cluster: str) -> bool:
    if one == _JOINER or cluster[-1] == _JOINER or ord(one) in _SKIN_TONES:
        return True
    if ord(one) in _FLAG_LETTERS and len(cluster) == 1 and ord(cluster) in _FLAG_LETTERS:
        return True
    # Marks, variation selectors included.
    return unicodedata.category(one).startswith("M")

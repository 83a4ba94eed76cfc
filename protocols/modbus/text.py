"""Bytes of registers to text and back; what follows the end is not looked at (pure)."""

from collections.abc import Callable
from typing import Final

from protocols.errors import FrameError, ValueRangeError

ENCODINGS: Final = ("ascii", "gbk", "gb18030", "utf-8", "latin-1", "utf-16-be", "utf-16-le")
"""Codecs of text in registers."""

_FILL: Final = b" \t\r\n\v\f\xff"
_WIDE_FILL: Final = frozenset({0x20, 0x09, 0x0D, 0x0A, 0xFFFF})


def reader(encoding: str) -> Callable[[bytes], str]:
    """Return bytes -> text: up to the first NUL, without the blanks or FF that fill it up.

    FrameError when the bytes are no text of this encoding.
    """
    if encoding not in ENCODINGS:
        raise ValueRangeError(f"{encoding!r} is no encoding; allowed: {', '.join(ENCODINGS)}")
    cut = _cut_wide(encoding) if encoding.startswith("utf-16") else _cut

    def read(raw: bytes) -> str:
        kept = cut(raw)
        if not kept and raw[:1] == b"\xff":
            # Nothing was ever written there.
            raise FrameError(f"{raw!r} is no text")
        try:
            return kept.decode(encoding)
        except UnicodeDecodeError:
            raise FrameError(f"{raw!r} is not {encoding} text") from None

    return read


def to_bytes(value: float | str, size: int, encoding: str) -> bytes:
    """Return the text's bytes, filled with NUL; ValueRangeError when it does not fit."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueRangeError(f"{value!r} is no text")
    try:
        raw = value.encode(encoding)
    except UnicodeEncodeError:
        raise ValueRangeError(f"{value!r} is no {encoding} text") from None
    if len(raw) > size:
        raise ValueRangeError(f"{value!r} is longer than {size} bytes of {encoding}")
    return raw.ljust(size, b"\0")


def _cut(raw: bytes) -> bytes:
    return raw.split(b"\0", 1)[0].rstrip(_FILL)


def _cut_wide(encoding: str) -> Callable[[bytes], bytes]:
    end = "big" if encoding == "utf-16-be" else "little"

    def cut(raw: bytes) -> bytes:
        units = [int.from_bytes(raw[at : at + 2], end) for at in range(0, len(raw), 2)]
        size = units.index(0) if 0 in units else len(units)
        while size and units[size - 1] in _WIDE_FILL:
            size -= 1
        return raw[: 2 * size]

    return cut

"""Which readers were heard on a line, whatever the library makes of it (pure)."""

from typing import Final

_START: Final = 0x53
_REPLY: Final = 0x80
_ADDRESSES: Final = 127
_LATELY_S: Final = 3.0
"""The library waits eight seconds for a silent reader, and no time for one that refuses."""


class HeardAddresses:
    """Looks for the beginnings of answers in the bytes of a line: 53H, then 80H + address."""

    def __init__(self) -> None:
        self._at_s: dict[int, float] = {}
        self._begun = False

    def take(self, data: bytes, now_s: float) -> None:
        """Look at bytes, in whatever pieces they come."""
        for byte in data:
            if self._begun and _REPLY <= byte < _REPLY + _ADDRESSES:
                self._at_s[byte - _REPLY] = now_s
            self._begun = byte == _START

    def lately(self, address: int, now_s: float) -> bool:
        """Whether it was heard in the last seconds."""
        return now_s - self._at_s.get(address, float("-inf")) < _LATELY_S

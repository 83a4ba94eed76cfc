"""Which messages of transmission devices were received lately: a resend counts once (pure)."""

from collections import OrderedDict
from enum import Enum, auto
from hashlib import blake2b
from typing import Final, NamedTuple

from protocols.gb26875.frame import Frame

_MOST: Final = 512


class Receipt(Enum):
    """What is known about a message."""

    NEW = auto()
    PENDING = auto()
    """Received before and not yet kept."""
    KEPT = auto()


class _Entry(NamedTuple):
    receipt: Receipt
    at_s: float


class RecentMessages:
    """Messages of all devices of a port, over their connections.

    A resend has the source, the sequence number and the application data of the message before:
    the number alone does not tell, for a device that was restarted counts from 0 again.
    """

    def __init__(self, *, window_s: float = 120.0) -> None:
        self._window_s = window_s
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def begin(self, frame: Frame, *, now_s: float) -> Receipt:
        """Note a message and return what was known about it."""
        key = _key(frame)
        known = self._entries.get(key)
        if known is not None and now_s - known.at_s <= self._window_s:
            if known.receipt is Receipt.KEPT:
                self._put(key, known._replace(at_s=now_s))
            return known.receipt
        self._put(key, _Entry(Receipt.PENDING, now_s))
        return Receipt.NEW

    def kept(self, frame: Frame, *, now_s: float) -> None:
        """Note that a message cannot be lost any more."""
        self._put(_key(frame), _Entry(Receipt.KEPT, now_s))

    def forget(self, frame: Frame) -> None:
        """Take the next resend for new."""
        self._entries.pop(_key(frame), None)

    def _put(self, key: bytes, entry: _Entry) -> None:
        self._entries[key] = entry
        self._entries.move_to_end(key)
        if len(self._entries) > _MOST:
            self._entries.popitem(last=False)


def _key(frame: Frame) -> bytes:
    head = frame.source.to_bytes(6, "little") + frame.sequence.to_bytes(2, "little")
    return blake2b(head + bytes((frame.command,)) + frame.unit, digest_size=16).digest()

"""Formats of fire panels as the panels send them.

Own code, apart from ``protocols.panels``, so that simulator and agent check each other.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum, auto
from typing import Final, NamedTuple, Protocol


class Event(NamedTuple):
    """What a panel has to say.

    Attributes:
        what: Its word in the control of the simulator.
        loop: Loop of the component; the floor of a GST panel.
        point: Address of the component; the room of a GST panel.
        text: What the panel calls it.
    """

    what: str
    loop: int
    point: int
    text: str
    at: datetime


class Heard(Enum):
    """What the host says to a panel."""

    POLL = auto()
    TAKEN = auto()


class SimulatedFormat(Protocol):
    """How a panel speaks.

    Attributes:
        polled: Whether it waits to be asked.
        repeats: Whether it says an event again until that was taken.
    """

    polled: bool
    repeats: bool

    def encode(self, event: Event) -> bytes:
        """Return the bytes of an event; KeyError when the format has none for it."""
        ...

    def nothing(self) -> bytes:
        """Return the answer to a poll when there is no news."""
        ...

    def hear(self, received: bytearray) -> Iterator[Heard]:
        """Remove and yield what the host has said."""
        ...


class Jbf193k:
    """JBF with the 193K card: ``82``, 24 half-bytes + 30H, ``83``."""

    polled = True
    repeats = False
    _POLL: Final = b"\x82" + b"0" * 20 + b"\x83"
    _EVENTS: Final = {
        "fire": 0x80,
        "fault": 0x81,
        "fault_ended": 0x82,
        "feedback": 0x85,
        "supervisory": 0x8C,
        "release": 0x97,
        "shield": 0x98,
        "reset": 0x01,
        "mains_fault": 0x71,
        "mains_well": 0x71,
    }
    _SUPPLY: Final = {"mains_fault": 0x80, "mains_well": 0x90}

    def encode(self, event: Event) -> bytes:
        """The loop of a supply says whether it is well."""
        loop = self._SUPPLY.get(event.what, event.loop)
        return self._frame(self._EVENTS[event.what], loop, event.point, event.at)

    def nothing(self) -> bytes:
        """Event 9."""
        return self._frame(0x09, 0, 0, datetime(2026, 11, 29))  # noqa: DTZ001 (the panel's own)

    def hear(self, received: bytearray) -> Iterator[Heard]:
        """The poll is a frame of zeros."""
        while (at := received.find(self._POLL)) >= 0:
            del received[: at + len(self._POLL)]
            yield Heard.POLL
        del received[: -len(self._POLL)]

    def _frame(self, event: int, loop: int, point: int, at: datetime) -> bytes:
        day = (at.year % 100, at.month, at.day)
        fields = bytes((event, 1, loop, point, 3, *day, at.hour, at.minute, at.second))
        digits = (fields + bytes((sum(fields) % 256,))).hex()
        return b"\x82" + bytes(0x30 + int(digit, 16) for digit in digits) + b"\x83"


class Gst200:
    """GST200: an event comes again until it is taken. The panel is number 1."""

    polled = True
    repeats = True
    _POLL: Final = 0x31
    _TAKEN: Final = 0x51
    _EVENTS: Final = {
        "fire": (0x15, 3),
        "supervisory": (0x15, 29),
        "fault": (0x21, 3),
        "fault_ended": (0x20, 3),
        "feedback": (0x22, 13),
        "shield": (0xDE, 3),
        "release": (0xDF, 3),
        "reset": (0x04, 0),
        "mains_fault": (0x31, 0x82),
        "mains_well": (0x31, 0x83),
    }

    def __init__(self) -> None:
        self._index = 0

    def encode(self, event: Event) -> bytes:
        """Floor and room in BCD, the text in GB18030."""
        code, kind = self._EVENTS[event.what]
        self._index = (self._index + 1) % 256
        places = (event.loop, event.point % 100, event.point // 100)
        body = bytes((self._index, 0xAA, code, *(int(str(one), 16) for one in places), kind))
        body += bytes(3) + event.text.encode("gb18030")[:14].ljust(14, b"\0")
        frame = bytes((0x51, len(body) + 3)) + body
        return frame + bytes((sum(frame) % 256,))

    def nothing(self) -> bytes:
        """The number of the panel."""
        return bytes((self._TAKEN,))

    def hear(self, received: bytearray) -> Iterator[Heard]:
        """One byte asks, one takes."""
        for byte in received:
            if byte in {self._POLL, self._TAKEN}:
                yield Heard.POLL if byte == self._POLL else Heard.TAKEN
        received.clear()


class Tx3004:
    """The printer of a TX3004: it speaks by itself, in text."""

    polled = False
    repeats = False
    _WORDS: Final = {
        "fire": "火警",
        "fault": "通信故障",
        "fault_ended": "通信故障恢复",
        "shield": "屏蔽",
        "release": "解除屏蔽",
        "reset": "系统复位",
        "mains_fault": "主电故障",
        "mains_well": "主电故障恢复",
    }

    def encode(self, event: Event) -> bytes:
        """Two lines: what and where, and when."""
        word = self._WORDS[event.what]
        place = f"001{event.loop:02}{event.point:03} 光电感烟火灾探测器" if event.point else "001"
        return f"{word}: {place}\n{event.at:%Y/%m/%d %H:%M}\n".encode("gbk")

    def nothing(self) -> bytes:
        """It is not asked."""
        return b""

    def hear(self, received: bytearray) -> Iterator[Heard]:
        """A printer hears nothing."""
        received.clear()
        yield from ()


FORMATS: Final[Mapping[str, type[SimulatedFormat]]] = {
    "jbf-193k": Jbf193k,
    "gst200": Gst200,
    "tx3004": Tx3004,
}

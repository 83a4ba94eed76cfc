"""What serial servers and small controllers do with TCP connections: one set of faults a port.

The box between the network and the units: it drops connections, forgets them, greets, and writes
headers of its own.
"""

import struct
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_HEADER: Final = struct.Struct(">HHHB")


class BoxFaultKind(StrEnum):
    """The faults of a box; each uses the fields that its description names."""

    SWALLOW = "swallow"
    """What comes in the first ``seconds`` of a connection is not heard."""
    BANNER = "banner"
    """``text`` is sent ``seconds`` after a connection was made."""
    CLOSE = "close"
    """A connection is closed ``seconds`` after each answer."""
    RESET = "reset"
    """A connection is reset ``seconds`` after each answer."""
    IDLE_CLOSE = "idle_close"
    """A connection without a request for ``seconds`` is closed."""
    MUTE = "mute"
    """A connection without a request for ``seconds`` is never answered again."""
    SINGLE = "single"
    """A second connection is reset while the first one is there."""
    UNIT = "unit"
    """Answers name the unit ``number``, on Modbus TCP."""
    TRANSACTION = "transaction"
    """Answers carry the transaction ``number``, on Modbus TCP."""
    PROTOCOL = "protocol"
    """Answers carry the protocol ``number``, on Modbus TCP."""
    LENGTH = "length"
    """The header of an answer announces ``number`` bytes more than there are, on Modbus TCP."""
    SHORT = "short"
    """The last ``number`` bytes of an answer are missing."""
    PIECES = "pieces"
    """An answer comes byte by byte and takes ``seconds``."""
    ECHO = "echo"
    """What is sent comes back before the answer, as from an RS-485 converter."""


@dataclass(frozen=True, slots=True)
class BoxFault:
    """One fault of a box."""

    kind: BoxFaultKind
    seconds: float = 0.0
    number: int = 0
    text: str = ""


@dataclass
class Box:
    """The faults that a TCP port has now, at most one of each kind."""

    active: dict[BoxFaultKind, BoxFault] = field(default_factory=dict[BoxFaultKind, BoxFault])

    def add(self, fault: BoxFault) -> None:
        """Add a fault; it replaces the one of its kind."""
        self.active[fault.kind] = fault

    def get(self, kind: BoxFaultKind) -> BoxFault | None:
        """Return the fault of a kind, None if the box does not have it."""
        return self.active.get(kind)

    def closing(self) -> BoxFault | None:
        """Return what ends a connection after an answer."""
        return self.get(BoxFaultKind.CLOSE) or self.get(BoxFaultKind.RESET)

    def hears(self, *, age_s: float, idle_s: float) -> bool:
        """Whether a request is received on a connection.

        Args:
            age_s: Since it was made, seconds.
            idle_s: Since the request before, seconds.
        """
        swallow, mute = self.get(BoxFaultKind.SWALLOW), self.get(BoxFaultKind.MUTE)
        asleep = mute is not None and idle_s >= mute.seconds
        return not asleep and not (swallow is not None and age_s < swallow.seconds)

    def headed(self, frame: bytes) -> bytes:
        """Return a Modbus TCP answer with the header that this box writes."""
        number, protocol, length, unit = _HEADER.unpack_from(frame)
        found = self.active
        if fault := found.get(BoxFaultKind.TRANSACTION):
            number = fault.number
        if fault := found.get(BoxFaultKind.PROTOCOL):
            protocol = fault.number
        if fault := found.get(BoxFaultKind.LENGTH):
            length += fault.number
        if fault := found.get(BoxFaultKind.UNIT):
            unit = fault.number
        header = _HEADER.pack(number & 0xFFFF, protocol & 0xFFFF, length & 0xFFFF, unit & 0xFF)
        return header + frame[_HEADER.size :]

    def pieces(self, frame: bytes) -> list[tuple[float, bytes]]:
        """Return what is sent of an answer, and how long after it was ready, seconds."""
        if short := self.get(BoxFaultKind.SHORT):
            frame = frame[: max(0, len(frame) - short.number)]
        slow = self.get(BoxFaultKind.PIECES)
        if slow is None or len(frame) < 2:  # noqa: PLR2004 (one byte has no pieces)
            return [(0.0, frame)]
        step_s = slow.seconds / (len(frame) - 1)
        return [(step_s * at, frame[at : at + 1]) for at in range(len(frame))]

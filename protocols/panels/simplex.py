"""Simplex by its serial port: 9600 8E1; the panel asks and speaks, the host answers (pure).

``1C``, sequence, data, ``17``, and the 12-bit complement of the sum of all bytes after ``1C`` up to
and with ``17``, in two halves of 6 bits + 40H. Data 05 = poll: 06, then data 02 with the same
sequence. Data 1E = event; counted from its end with ``17``: -11 card, -9 point, -7 sub-point, -5
letter, -4 ``1`` on or ``0`` off, -3 ``-`` = wants to be taken with 06, said up to three times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from protocols.errors import FrameError
from protocols.fire.model import FireEvent, State
from protocols.panels.adapter import (
    Action,
    Adapter,
    Code,
    Decoded,
    code_of,
    component,
    events_for,
)

_HEAD: Final = 0x1C
_TAIL: Final = 0x17
_SUM: Final = 2
_CHECK_BASE: Final = 0x40
_POLL: Final = 0x05
_POLL_ANSWER: Final = 0x02
_SYSTEM: Final = 0x11
_EVENT: Final = 0x1E
_TAKEN: Final = b"\x06"
_WANTS_TAKEN: Final = ord("-")
_ON: Final = ord("1")
_OFF: Final = ord("0")
_MOST: Final = 96
_LEAST_EVENT: Final = 13

LETTERS: Final[Mapping[str, tuple[str, State]]] = {
    "F": ("fire", State.FIRE),
    "P": ("prealarm", State.PREALARM),
    "S": ("supervisory", State.SUPERVISORY),
    "T": ("fault", State.FAULT),
}
SYSTEM_CODES: Final[Mapping[int, Code]] = {
    ord("C"): Code("power_on", action=Action.OPERATION),
    ord("W"): Code("reset", action=Action.RESET),
}


@dataclass
class Simplex(Adapter):
    """A Simplex panel.

    Attributes:
        panel: Number of the panel: its frames name none.
        acknowledges_polls: Whether a poll is first taken with 06, as the source does.
    """

    name: ClassVar[str] = "simplex"
    parity: ClassVar[str] = "E"
    most: ClassVar[int] = _MOST
    panel: int = 1
    acknowledges_polls: bool = True

    def match(self, buffer: bytearray, start: int, *, behind: bool) -> int | None:  # noqa: ARG002
        """Find a frame with a right sum; a 17H before that is a number in the data."""
        if buffer[start] != _HEAD:
            return 0
        limit = min(len(buffer), start + _MOST)
        tail = buffer.find(_TAIL, start + 2, limit)
        while tail >= 0:
            end = tail + 1 + _SUM
            if end <= limit and _is_right(buffer, start, tail):
                return end - start
            tail = buffer.find(_TAIL, tail + 1, limit)
        return None if len(buffer) - start < _MOST else 0

    def decode(self, frame: bytes) -> Decoded:
        """Return the event of a frame, or the answer to a poll."""
        sequence, data = frame[1], frame[2:-_SUM]
        match data[0]:
            case int() as command if command == _POLL:
                answer = encode(sequence, bytes((_POLL_ANSWER,)))
                return Decoded(now=(_TAKEN, answer) if self.acknowledges_polls else (answer,))
            case int() as command if command == _SYSTEM and len(data) > 2:  # noqa: PLR2004 (17H)
                return Decoded(events_for(code_of(SYSTEM_CODES, data[1]), component(self.panel)))
            case int() as command if command == _EVENT:
                return Decoded(self._event(frame[:-_SUM]))
            case command:
                raise FrameError(f"data {command:02X}H is in no table")

    def answer(self, frame: bytes) -> Sequence[bytes]:
        """Return what takes an event or a message of the panel."""
        body = frame[:-_SUM]
        if body[2] == _EVENT:
            return (_TAKEN,) if len(body) > 3 and body[-3] == _WANTS_TAKEN else ()  # noqa: PLR2004
        return (_TAKEN,) if body[2] == _SYSTEM else ()

    def _event(self, body: bytes) -> Sequence[FireEvent]:
        if len(body) < _LEAST_EVENT:
            raise FrameError(f"an event of {len(body)} bytes has no place")
        card, point, sub, letter, switch = body[-11], body[-9], body[-7], chr(body[-5]), body[-4]
        if letter not in LETTERS or switch not in {_ON, _OFF}:
            raise FrameError(f"event {letter!r} {chr(switch)!r} is in no table")
        name, state = LETTERS[letter]
        code = Code(name, on=state) if switch == _ON else Code(f"{name}_ended", off=state)
        return events_for(code, component(self.panel, loop=card, point=point, zone=sub))


def _is_right(buffer: bytearray, start: int, tail: int) -> bool:
    check = bytes(buffer[tail + 1 : tail + 1 + _SUM])
    could_be = all(byte & 0xC0 == _CHECK_BASE for byte in check)
    return could_be and check == checksum(buffer[start + 1 : tail + 1])


def checksum(body: bytes | bytearray) -> bytes:
    """Return the two check bytes of what follows ``1C`` up to and with ``17``."""
    inverted = ~sum(body)
    return bytes((_CHECK_BASE + (inverted >> 6 & 0x3F), _CHECK_BASE + (inverted & 0x3F)))


def encode(sequence: int, data: bytes) -> bytes:
    """Return a frame."""
    body = bytes((sequence, *data, _TAIL))
    return bytes((_HEAD,)) + body + checksum(body)

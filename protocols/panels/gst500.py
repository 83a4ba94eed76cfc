"""GST500 and GST5000 (海湾) by their CRT card: 2400 8 bits and an address bit (pure).

The host sends the panel's number, then 00; the panel answers its number; the host sends 0F; the
panel answers an event or ``F0 BB`` = nothing new; the host sends 1F = taken. An event: ``DD`` or
``EE``, floor (BCD), room (two BCD, the low one first), kind (BCD), state, sum, ``BB``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from protocols.fire.model import State
from protocols.fire.session import AddressBytes
from protocols.panels.adapter import (
    Action,
    Adapter,
    Code,
    Decoded,
    code_of,
    component,
    events_for,
    number_of,
    panel_code,
)
from protocols.panels.gst import BUTTON_KINDS, COMPONENT_TYPES, SUPERVISORY_KINDS, place_of

_TAIL: Final = 0xBB
_EVENT_SIZE: Final = 8
_ALARM: Final = 0xDD
_FAULT: Final = 0xEE
_PANEL: Final = 0xCB
_NOTHING: Final = 0xF0
_ALARM_STATE: Final = 0x01
_PANEL_KIND: Final = 98
_SHORT: Final[Mapping[int, Code]] = {
    0xAA: Code("reset", action=Action.RESET),
    0xAB: Code("silence", action=Action.OPERATION),
    _NOTHING: Code("nothing_new", action=Action.NOTHING),
}

ALARM_CODES: Final[Mapping[int, Code]] = {
    0x00: Code("well"),
    0x01: Code("fire", State.FIRE),
    0x02: Code("started", State.STARTED),
    0x03: Code("stopped", off=State.STARTED),
    0x10: Code("well"),
}
FAULT_CODES: Final[Mapping[int, Code]] = {
    0x00: Code("fault", State.FAULT),
    0x01: Code("shielded", State.SHIELDED),
    0x02: Code("released", off=State.SHIELDED),
    0x03: Code("delayed", State.DELAYED),
    0x04: Code("delay_ended", off=State.DELAYED),
    0x05: Code("self_test", State.TEST),
    0x06: Code("self_test_ended", off=State.TEST),
    0x10: Code("released", off=State.SHIELDED),
    0x20: Code("fault", State.FAULT),
}
PANEL_CODES: Final[Mapping[int, Code]] = {
    1: panel_code("mains_fault", State.MAINS_FAULT),
    2: panel_code("mains_well", off=State.MAINS_FAULT),
    3: panel_code("backup_fault", State.BACKUP_FAULT),
    4: panel_code("backup_well", off=State.BACKUP_FAULT),
}
"""Low half of the byte after ``CB``; the high half says which controls are allowed."""

DETECTOR_KINDS: Final = frozenset({*range(12), *range(80, 91)})


@dataclass
class Gst500(Adapter):
    """The GST500 and GST5000.

    Attributes:
        panel: Number of the panel.
        polls_every_s: Time between two polls; 0 = only listen, beside another host.
        fire_kinds: Kinds whose state 1 is a fire: detectors and buttons. Doubtful: the source has
            hydrant buttons (15) among those whose state 1 is feedback.
        supervisory_kinds: Kinds whose state 1 is a supervisory signal; all others: feedback.
        well_ends: States that "well" ends. Doubtful: the source takes it for the end of a fault.
    """

    name: ClassVar[str] = "gst500"
    baud: ClassVar[int] = 2400
    address_bit: ClassVar[bool] = True
    most: ClassVar[int] = _EVENT_SIZE
    clears_on_poll: ClassVar[bool] = True
    panel: int = 1
    polls_every_s: float = 0.6
    fire_kinds: frozenset[int] = field(default=DETECTOR_KINDS | BUTTON_KINDS)
    supervisory_kinds: frozenset[int] = field(default=SUPERVISORY_KINDS)
    well_ends: State = (
        State.FIRE | State.FAULT | State.PREALARM | State.SUPERVISORY | State.FEEDBACK
    )

    def match(self, buffer: bytearray, start: int, *, behind: bool) -> int | None:
        """Find an event, a message of the panel, or its number alone."""
        head = buffer[start]
        if head in _SHORT:
            return 0 if behind else _ends(buffer, start, 2)
        if head in {_ALARM, _FAULT}:
            whole = _ends(buffer, start, _EVENT_SIZE)
            return whole and (whole if _is_sum_right(buffer[start : start + whole]) else 0)
        if head == _PANEL:
            return _ends(buffer, start, 3) or _summed(buffer, start)
        return 1 if head == self.panel and not behind else 0

    def decode(self, frame: bytes) -> Decoded:
        """Return the event of a frame; a number alone is answered with 0F."""
        head = frame[0]
        if len(frame) == 1:
            return Decoded(now=(b"\x0f",))
        if head in _SHORT:
            return Decoded(events_for(_SHORT[head], component(self.panel)))
        if head == _PANEL:
            return Decoded(events_for(code_of(PANEL_CODES, frame[1] & 0x0F), component(self.panel)))
        kind = _kind(frame[4])
        code = self._code(frame, kind)
        if kind == _PANEL_KIND:
            code = code._replace(action=Action.PANEL)
        place = place_of(self.panel, frame[1], frame[2], frame[3])
        component_type = COMPONENT_TYPES.get(kind, 0)
        return Decoded(events_for(code, place, component_type=component_type))

    def answer(self, frame: bytes) -> Sequence[bytes]:
        """Return what takes an event."""
        return (b"\x1f",) if len(frame) > 1 else ()

    def poll(self) -> Sequence[bytes]:
        """Return the beginning of the exchange; the rest follows from the answers."""
        return (AddressBytes((self.panel,)), AddressBytes(b"\x00"))

    def _code(self, frame: bytes, kind: int) -> Code:
        state = frame[5]
        if frame[0] == _FAULT:
            return code_of(FAULT_CODES, state)
        code = code_of(ALARM_CODES, state)
        if code.name == "well":
            return code._replace(off=self.well_ends)
        if state != _ALARM_STATE or kind in self.fire_kinds:
            return code
        if kind in self.supervisory_kinds:
            return Code("supervisory", State.SUPERVISORY)
        return Code("feedback", State.FEEDBACK)


def _ends(buffer: bytearray, start: int, size: int) -> int | None:
    """Return the size when the tail stands at its end, 0 when not, None before that."""
    if start + size > len(buffer):
        return None
    return size if buffer[start + size - 1] == _TAIL else 0


def _summed(buffer: bytearray, start: int) -> int | None:
    """Return the size of a message of the panel that has a sum before its tail."""
    size = _ends(buffer, start, 4)
    return size and (size if _is_sum_right(buffer[start : start + size]) else 0)


def _is_sum_right(frame: bytearray) -> bool:
    """Whether the sum is right: without the head as the source's code, or with it."""
    without = sum(frame[1:-2]) & 0xFF
    return frame[-2] in {without, (without + frame[0]) & 0xFF}


def _kind(byte: int) -> int:
    """Return the kind of device; 0, which counts as a detector, when it is no BCD."""
    kind = number_of(byte)
    return kind if kind < 100 else 0  # noqa: PLR2004 (two digits)

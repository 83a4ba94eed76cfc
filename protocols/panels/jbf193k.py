"""Beida Jade Bird (青鸟) JBF with the 193K card for third parties: 9600 8N1 (pure).

``82``, 24 half-bytes + 30H, ``83``: event, panel, loop, address, device kind, year, month, day,
hour, minute, second, and the sum of these eleven; the high half comes first. The panel is polled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from protocols.errors import FrameError
from protocols.fire.model import State
from protocols.panels.adapter import (
    Action,
    Adapter,
    Code,
    Decoded,
    code_of,
    component,
    events_for,
    local_time,
    panel_code,
)

_HEAD: Final = 0x82
_TAIL: Final = 0x83
_SIZE: Final = 26
_HALVES: Final = range(0x30, 0x40)
_POLL: Final = bytes((_HEAD, *[0x30] * 20, _TAIL))
_MAINS: Final = 0x71
_BACKUP: Final = 0x72
_SUPPLY_FAULT: Final = 0x80
_SUPPLY_WELL: Final = 0x90
_LOOP: Final = 21

CODES: Final[Mapping[int, Code]] = {
    0x01: Code("reset", action=Action.RESET),
    0x09: Code("nothing_new", action=Action.NOTHING),
    0x0A: Code("fire", State.FIRE),
    0x0B: Code("silence", action=Action.OPERATION),
    0x51: Code("line_started", State.STARTED),
    0x52: Code("line_stopped", off=State.STARTED),
    0x53: Code("line_feedback", State.FEEDBACK),
    0x54: Code("line_feedback_ended", off=State.FEEDBACK),
    0x55: Code("line_started", State.STARTED),
    0x56: Code("line_stopped", off=State.STARTED),
    0x57: Code("line_start_delayed", State.DELAYED),
    0x58: Code("line_feedback_missing", State.FAULT),
    0x59: Code("line_fault", State.FAULT),
    0x5A: Code("line_fault_ended", off=State.FAULT),
    0x80: Code("fire", State.FIRE),
    0x81: Code("fault", State.FAULT),
    0x82: Code("fault_ended", off=State.FAULT),
    0x83: Code("started", State.STARTED),
    0x84: Code("stopped", off=State.STARTED),
    0x85: Code("feedback", State.FEEDBACK),
    0x86: Code("feedback_ended", off=State.FEEDBACK),
    0x87: Code("loop_fault", State.BUS_FAULT),
    0x88: Code("loop_fault_ended", off=State.BUS_FAULT),
    0x8B: Code("simulated_fire", State.TEST),
    0x8C: Code("supervisory", State.SUPERVISORY),
    0x8D: Code("supervisory_ended", off=State.SUPERVISORY),
    0x90: Code("started_manually", State.STARTED),
    0x91: Code("stopped_manually", off=State.STARTED),
    0x97: Code("released", off=State.SHIELDED),
    0x98: Code("shielded", State.SHIELDED),
    0xEF: panel_code("panel_fault", State.FAULT),
}
_SUPPLIES: Final = {_MAINS: State.MAINS_FAULT, _BACKUP: State.BACKUP_FAULT}
_LOOP_CODES: Final = (0x87, 0x88)


@dataclass
class Jbf193k(Adapter):
    """The 193K card.

    Attributes:
        polls_every_s: Time between two polls; 0 = only listen, beside another host.
    """

    name: ClassVar[str] = "jbf-193k"
    most: ClassVar[int] = _SIZE
    polls_every_s: float = 1.0

    def match(self, buffer: bytearray, start: int, *, behind: bool) -> int | None:  # noqa: ARG002
        """Find ``82``, 24 half-bytes with a right sum, ``83``."""
        if buffer[start] != _HEAD:
            return 0
        part = buffer[start + 1 : start + _SIZE - 1]
        if any(byte not in _HALVES for byte in part):
            return 0
        if start + _SIZE > len(buffer):
            return None
        is_whole = buffer[start + _SIZE - 1] == _TAIL and _is_sum_right(joined(part))
        return _SIZE if is_whole else 0

    def decode(self, frame: bytes) -> Decoded:
        """Return the event of a frame."""
        event, panel, loop, address, _, *time = joined(frame[1:-1])[:-1]
        if event in _SUPPLIES:
            code = _supply(_SUPPLIES[event], loop)
            place = component(panel)
        else:
            code = code_of(CODES, event)
            place = component(panel, loop=loop, point=address)
        return Decoded(
            events_for(
                code,
                place,
                component_type=_LOOP if event in _LOOP_CODES else 0,
                panel_time=local_time(*time),
            )
        )

    def poll(self) -> Sequence[bytes]:
        """Return the poll."""
        return (_POLL,)


def _supply(state: State, what: int) -> Code:
    if what == _SUPPLY_FAULT:
        return panel_code("supply_fault", state)
    if what == _SUPPLY_WELL:
        return panel_code("supply_well", off=state)
    raise FrameError(f"supply {what:02X}H is neither 80H nor 90H")


def joined(halves: bytes | bytearray) -> bytes:
    """Return the bytes that pairs of half-bytes + 30H mean, the high half first."""
    pairs = zip(halves[::2], halves[1::2], strict=False)
    return bytes((high & 0x0F) << 4 | low & 0x0F for high, low in pairs)


def encode(fields: bytes) -> bytes:
    """Return the frame of the eleven bytes from the event to the second, as a panel sends it."""
    whole = fields + bytes((sum(fields) & 0xFF,))
    halves = (half for byte in whole for half in (byte >> 4, byte & 0x0F))
    return bytes((_HEAD, *(0x30 + half for half in halves), _TAIL))


def _is_sum_right(fields: bytes) -> bool:
    return sum(fields[:-1]) & 0xFF == fields[-1]

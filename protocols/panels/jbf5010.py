"""Beida Jade Bird (青鸟) JBF5010: 2400 8N1 (pure).

``FF FF FF``, command, ``00 00 6E 01``, length, data, sum of two bytes, the high one first, from the
command to the end of the data. The address bytes between are not looked at.
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
    panel_code,
)

_HEAD: Final = b"\xff\xff\xff"
_BEFORE_DATA: Final = 9
_SUM: Final = 2
_MOST_DATA: Final = 199
_FIRE: Final = 0x80
_RESET: Final = 0x0D
_POLL_ANSWER: Final = 0x13
_EVENT_BYTES: Final = 4
_POLL: Final = bytes.fromhex("FF FF FF 09 00 00 01 6E 01 0A 00 00")
"""As the source sends it; its sum is 0000, not 0083."""

FIRE: Final = Code("fire", State.FIRE)
RESET: Final = Code("reset", action=Action.RESET)
CODES: Final[Mapping[int, Code]] = {
    0x00: Code("offline", State.FAULT),
    0x01: Code("online", off=State.FAULT),
    0x02: Code("shielded", State.SHIELDED),
    0x03: Code("released", off=State.SHIELDED),
    0x04: Code("power_on", action=Action.OPERATION),
    0x05: panel_code("mains_fault", State.MAINS_FAULT),
    0x06: panel_code("mains_well", off=State.MAINS_FAULT),
    0x07: panel_code("backup_fault", State.BACKUP_FAULT),
    0x08: panel_code("backup_well", off=State.BACKUP_FAULT),
    0x83: Code("started", State.STARTED),
    0x84: Code("stopped", off=State.STARTED),
    0x85: Code("feedback", State.FEEDBACK),
    0x88: Code("feedback", State.FEEDBACK),
    0x89: Code("feedback_missing", State.FAULT),
    0x90: Code("started_manually", State.STARTED),
    0x91: Code("stopped_manually", off=State.STARTED),
}
"""First byte of the data of all commands but fire, reset and the answer to a poll."""


@dataclass
class Jbf5010(Adapter):
    """The JBF5010.

    Attributes:
        polls_every_s: Time between two polls; 0 = only listen, beside another host.
        poll_frame: What is sent as a poll. Doubtful: the sum of the source's poll is wrong.
    """

    name: ClassVar[str] = "jbf-5010"
    baud: ClassVar[int] = 2400
    most: ClassVar[int] = _BEFORE_DATA + _MOST_DATA + _SUM
    polls_every_s: float = 1.0
    poll_frame: bytes = _POLL

    def match(self, buffer: bytearray, start: int, *, behind: bool) -> int | None:  # noqa: ARG002
        """Find a frame with a right sum; more than three FF begin at the last three."""
        head = bytes(buffer[start : start + 3])
        if head != _HEAD[: len(head)]:
            return 0
        if len(buffer) - start < _BEFORE_DATA:
            return None
        size = buffer[start + _BEFORE_DATA - 1]
        if buffer[start + 3] == _HEAD[0] or not 1 <= size <= _MOST_DATA:
            return 0
        end = start + _BEFORE_DATA + size
        if end + _SUM > len(buffer):
            return None
        right = sum(buffer[start + 3 : end]) & 0xFFFF
        is_right = int.from_bytes(buffer[end : end + _SUM], "big") == right
        return end + _SUM - start if is_right else 0

    def decode(self, frame: bytes) -> Decoded:
        """Return the event of a frame."""
        command, data = frame[3], frame[_BEFORE_DATA:-_SUM]
        if command == _POLL_ANSWER:
            return Decoded()
        if command == _RESET:
            return Decoded(events_for(RESET, component(0)))
        if len(data) < _EVENT_BYTES:
            raise FrameError(f"command {command:02X}H with {len(data)} bytes of data")
        event, panel, loop, address = data[:_EVENT_BYTES]
        code = FIRE if command == _FIRE else code_of(CODES, event)
        place = (
            component(0)
            if code.action is Action.PANEL
            else component(panel, loop=loop, point=address)
        )
        return Decoded(events_for(code, place))

    def poll(self) -> Sequence[bytes]:
        """Return the poll."""
        return (self.poll_frame,)

"""Leader (利达) LD128EN(M): 9600 8N1 (pure).

The host sends 20H; the panel answers 7FH = nothing new, or three bytes: event, loop, address. There
is no checksum: what does not fit the table, and what is left of an answer at the next poll, is
dropped and counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

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

_POLL: Final = b"\x20"
_NOTHING: Final = 0x7F
_SIZE: Final = 3
_SUPPLIES: Final = {0x12: State.MAINS_FAULT, 0x13: State.BACKUP_FAULT}

CODES: Final[Mapping[int, Code]] = {
    0x01: Code("fire", State.FIRE),
    0x02: Code("module_fault", State.FAULT),
    0x03: Code("detector_fault", State.FAULT),
    0x04: Code("linkage_fault", State.FAULT),
    0x05: Code("module_fault_ended", off=State.FAULT),
    0x06: Code("detector_fault_ended", off=State.FAULT),
    0x07: Code("display_fault", State.FAULT),
    0x09: Code("feedback_0", State.FEEDBACK),
    0x0A: Code("feedback_1", State.FEEDBACK),
    0x0B: Code("feedback_0_ended", off=State.FEEDBACK),
    0x0C: Code("feedback_1_ended", off=State.FEEDBACK),
    0x0D: Code("display_fault_ended", off=State.FAULT),
    0x12: panel_code("mains"),
    0x13: panel_code("backup"),
    0x30: Code("silence", action=Action.OPERATION),
    0x40: Code("linkage_0_requested", State.STARTED),
    0x41: Code("linkage_1_requested", State.STARTED),
    0x42: Code("linkage_0_stopped", off=State.STARTED),
    0x43: Code("linkage_1_stopped", off=State.STARTED),
    0x44: Code("linkage_0_started", State.STARTED),
    0x45: Code("linkage_1_started", State.STARTED),
    0x50: Code("reset", action=Action.RESET),
    0x51: Code("linkage_reset", action=Action.OPERATION),
}
"""51H resets linkage alone and ends no fire."""


@dataclass
class Ld128(Adapter):
    """The LD128EN(M).

    Attributes:
        panel: Number of the panel: its answers name none.
        polls_every_s: Time between two polls; 0 = only listen, beside another host.
        most_loop: Highest loop of the panel. A lower figure keeps noise out: there is no checksum.
        most_address: Highest address of a loop.
    """

    name: ClassVar[str] = "ld128"
    most: ClassVar[int] = _SIZE
    clears_on_poll: ClassVar[bool] = True
    most_gap_s: ClassVar[float] = 0.2
    panel: int = 1
    polls_every_s: float = 1.0
    most_loop: int = 255
    most_address: int = 255

    def match(self, buffer: bytearray, start: int, *, behind: bool) -> int | None:
        """Find 7FH or a known event with a loop and an address that the panel can have."""
        event = buffer[start]
        if behind:
            return 0
        if event == _NOTHING:
            return 1
        if event not in CODES:
            return 0
        if start + _SIZE > len(buffer):
            return None
        loop, address = buffer[start + 1 : start + _SIZE]
        is_place = CODES[event].action is Action.STATE
        fits = loop <= self.most_loop and address <= self.most_address
        return _SIZE if fits or not is_place else 0

    def decode(self, frame: bytes) -> Decoded:
        """Return the event of an answer."""
        if frame[0] == _NOTHING:
            return Decoded()
        event, loop, address = frame
        code = code_of(CODES, event)
        if event in _SUPPLIES:
            state = _SUPPLIES[event]
            code = code._replace(on=state) if loop else code._replace(off=state)
        if code.action is not Action.STATE:
            return Decoded(events_for(code, component(self.panel)))
        return Decoded(events_for(code, component(self.panel, loop=loop, point=address)))

    def poll(self) -> Sequence[bytes]:
        """Return the poll."""
        return (_POLL,)

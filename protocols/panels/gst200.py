"""GST200 (海湾) by its CRT card: 2400 8 bits and an address bit (pure).

The host polls with 30H | panel; the panel answers 50H | panel = nothing new, or an event: head,
length of the whole, index, ``AA``, event, floor (BCD), room (two BCD, the low one first), kind,
three bytes, 14 bytes of text, sum of all before. The host takes an event with 50H | panel; one that
is not taken comes again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from protocols.errors import FrameError
from protocols.fire.model import Place, State
from protocols.fire.session import AddressBytes
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
from protocols.panels.gst import (
    COMPONENT_TYPES,
    SUPERVISORY_KINDS,
    GstText,
    place_of,
    text_of,
)

_HEADS: Final = (0x00, 0x10, 0x50)
"""High half of the head: 5nH by the source's comment, nH or 1nH by its code."""
_SIZES: Final = range(6, 52)
_TYPES: Final = (0xAA, 0xB1)
_EVENT: Final = 0xAA
_TEXT: Final = slice(12, 26)
_KIND_AT: Final = 8
_PANEL_ITSELF: Final = 0x31
_FIRE: Final = 0x15
_RESTORED: Final = 0x11
_BUS_KIND: Final = 0x90

CODES: Final[Mapping[int, Code]] = {
    0x02: Code("started", State.STARTED),
    0x03: Code("stopped", off=State.STARTED),
    0x04: Code("reset", action=Action.RESET),
    0x11: Code("restored"),
    0x15: Code("fire", State.FIRE),
    0x20: Code("fault_ended", off=State.FAULT),
    0x21: Code("fault", State.FAULT),
    0x22: Code("feedback", State.FEEDBACK),
    0x23: Code("delayed", State.DELAYED),
    0x24: Code("delay_ended", off=State.DELAYED),
    0x61: Code("silence", action=Action.OPERATION),
    0xDE: Code("shielded", State.SHIELDED),
    0xDF: Code("released", off=State.SHIELDED),
}
PANEL_CODES: Final[Mapping[int, Code]] = {
    0x82: panel_code("mains_fault", State.MAINS_FAULT),
    0x83: panel_code("mains_well", off=State.MAINS_FAULT),
    0x84: panel_code("backup_fault", State.BACKUP_FAULT),
    0x85: panel_code("backup_well", off=State.BACKUP_FAULT),
}
"""Kind byte of event 31H."""


@dataclass
class Gst200(Adapter):
    """The GST200.

    Attributes:
        panel: Number of the panel on this line, 1 to 15.
        polls_every_s: Time between two polls; 0 = only listen, beside another host.
        restored_ends: States that event 11H ends. Doubtful: the source takes it for the end of a
            pre-alarm, its table for "restored".
        supervisory_kinds: Kinds whose fire code is a supervisory signal.
        text: How the text is coded. Doubtful: the source reads digits.
    """

    name: ClassVar[str] = "gst200"
    baud: ClassVar[int] = 2400
    address_bit: ClassVar[bool] = True
    most: ClassVar[int] = _SIZES.stop - 1
    clears_on_poll: ClassVar[bool] = True
    most_panel: ClassVar[int] = 15
    panel: int = 1
    polls_every_s: float = 0.6
    restored_ends: State = State.FIRE | State.PREALARM | State.SUPERVISORY | State.FEEDBACK
    supervisory_kinds: frozenset[int] = field(default=SUPERVISORY_KINDS)
    text: GstText = GstText.AUTO

    def __post_init__(self) -> None:
        self.idle = bytes((0x50 | self.panel,))

    def match(self, buffer: bytearray, start: int, *, behind: bool) -> int | None:  # noqa: ARG002
        """Find an event by head, length, type and sum."""
        head, *rest = buffer[start : start + 4]
        if head & 0xF0 not in _HEADS or (head & 0x0F) != self.panel:
            return 0
        if rest and rest[0] not in _SIZES:
            return 0
        if len(rest) > 2 and rest[2] not in _TYPES:  # noqa: PLR2004 (head, length, index, type)
            return 0
        if not rest or start + rest[0] > len(buffer):
            return None
        end = start + rest[0]
        return rest[0] if sum(buffer[start : end - 1]) & 0xFF == buffer[end - 1] else 0

    def decode(self, frame: bytes) -> Decoded:
        """Return the event of a frame."""
        if frame[3] != _EVENT:
            return Decoded()
        code = CODES.get(frame[4])
        if code is not None and code.action is not Action.STATE:
            return Decoded(events_for(code, component(self.panel)))
        if len(frame) <= _KIND_AT + 1:
            raise FrameError(f"an event of {len(frame)} bytes has no kind")
        kind = frame[_KIND_AT]
        text = text_of(frame[:-1][_TEXT], self.text)
        if frame[4] == _PANEL_ITSELF:
            code = code_of(PANEL_CODES, kind)
            return Decoded(events_for(code, component(self.panel), text=text))
        code = self._code(frame[4], kind)
        place = component(self.panel) if code.action is Action.PANEL else self._place(frame)
        kind = COMPONENT_TYPES.get(kind, 0)
        return Decoded(events_for(code, place, component_type=kind, text=text))

    def answer(self, frame: bytes) -> Sequence[bytes]:  # noqa: ARG002
        """Return what takes an event."""
        return (AddressBytes((0x50 | self.panel,)),)

    def poll(self) -> Sequence[bytes]:
        """Return the poll."""
        return (AddressBytes((0x30 | self.panel,)),)

    def _place(self, frame: bytes) -> Place:
        return place_of(self.panel, frame[5], frame[6], frame[7])

    def _code(self, event: int, kind: int) -> Code:
        code = code_of(CODES, event)
        if kind == _BUS_KIND:
            return panel_code("bus_short_circuit", State.BUS_FAULT)
        if event == _FIRE and kind in self.supervisory_kinds:
            return Code("supervisory", State.SUPERVISORY)
        return code._replace(off=self.restored_ends) if event == _RESTORED else code

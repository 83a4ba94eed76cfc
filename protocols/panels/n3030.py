"""Notifier N3030 by its printer port: 9600 8N1, lines of 164 bytes that end with 0AH (pure).

A line begins with the bytes of its event; ``05 64`` and a blank before them = it is over. The place
stands at offset 151 as ``N003L02D019``: node, loop, D detector or M module, address.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from protocols.errors import FrameError
from protocols.fire.model import FireEvent, Kind, Place, State
from protocols.gb26875.units import decode_text
from protocols.panels.adapter import Adapter, Code, Decoded, component, events_for

_END: Final = 0x0A
_SIZE: Final = 164
_PLACE_AT: Final = 151
_RESTORED: Final = bytes.fromhex("05 64")
_COMPONENT: Final = re.compile(rb"N(\d{3})L(\d{2})([DM])(\d{3})")
_NODE: Final = re.compile(rb"N(\d{3})")
_DETECTOR: Final = 25
_MODULE: Final = 87
_MODULE_ZONE: Final = 1
"""Detectors and modules of a loop have the same numbers; zone 0 and 1 tell them apart."""

HEADS: Final[Mapping[bytes, tuple[str, State]]] = {
    bytes.fromhex("6B 7E A5 66"): ("fire", State.FIRE),
    bytes.fromhex("F2 AB 94 BB"): ("shielded", State.SHIELDED),
    bytes.fromhex("45 9C"): ("fault", State.FAULT),
    bytes.fromhex("D1 A1"): ("supervisory", State.SUPERVISORY),
}


@dataclass
class N3030(Adapter):
    """The printer of an N3030.

    Attributes:
        d1a1_means: State of the head ``D1 A1``. Doubtful: feedback by the source's comment,
            supervisory by its code.
    """

    name: ClassVar[str] = "n3030"
    most_gap_s: ClassVar[float] = 0.0
    silence_s: ClassVar[float] = 0.0
    most: ClassVar[int] = 2 * _SIZE
    d1a1_means: State = State.SUPERVISORY

    def match(self, buffer: bytearray, start: int, *, behind: bool) -> int | None:
        """Find a line."""
        if behind:
            return 0
        end = buffer.find(_END, start)
        if end < 0:
            return None if len(buffer) - start < self.most else 0
        return end + 1 - start

    def decode(self, frame: bytes) -> Decoded:
        """Return the event of a line; one of another length counts when its place is readable."""
        line = frame[-_SIZE:]
        if len(line) < _SIZE and not _COMPONENT.search(line):
            raise FrameError(f"a line of {len(frame)} bytes without a place")
        restored = line.startswith(_RESTORED)
        start = len(_RESTORED) + 1 if restored else 0
        body = line[start:]
        head = next((one for one in HEADS if body.startswith(one)), b"")
        if not head and not restored:
            raise FrameError(f"a line that begins with {line[:4].hex(' ')} is in no table")
        name, state = HEADS.get(head, ("fault", State.FAULT))
        if name == "supervisory":
            state = self.d1a1_means
        code = Code(f"{name}_ended", off=state) if restored else Code(name, on=state)
        return Decoded(_events(code, line, text_at=start + len(head)))


def _events(code: Code, line: bytes, *, text_at: int) -> Sequence[FireEvent]:
    is_whole = len(line) == _SIZE
    found = _COMPONENT.search(line, _PLACE_AT if is_whole else 0)
    text_end = _PLACE_AT if is_whole or found is None else found.start()
    text = " ".join(decode_text(line[text_at:text_end]).split())
    if found is None:
        node = _NODE.search(line, _PLACE_AT)
        place = component(int(node[1]) if node else 0)._replace(kind=Kind.SYSTEM)
        return events_for(code, place, component_type=1, text=text)
    is_module = found[3] == b"M"
    return events_for(
        code,
        _place(found, zone=_MODULE_ZONE if is_module else 0),
        component_type=_MODULE if is_module else _DETECTOR,
        text=text,
    )


def _place(found: re.Match[bytes], *, zone: int) -> Place:
    return component(int(found[1]), zone=zone, loop=int(found[2]), point=int(found[4]))

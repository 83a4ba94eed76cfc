"""What GST (海湾) panels have in common: kinds of devices, their place, their text (pure)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from protocols.fire.model import Place
from protocols.gb26875.units import decode_text
from protocols.panels.adapter import component, number_of

COMPONENT_TYPES: Final[Mapping[int, int]] = {
    2: 31,
    3: 42,
    6: 43,
    7: 61,
    8: 34,
    9: 44,
    10: 50,
    11: 23,
    13: 125,
    15: 24,
    16: 91,
    17: 95,
    19: 110,
    22: 176,
    23: 113,
    24: 114,
    25: 182,
    28: 118,
    29: 99,
    30: 96,
    31: 119,
    32: 150,
    39: 1,
    40: 22,
    43: 105,
    44: 26,
    49: 97,
    50: 113,
    53: 87,
    61: 26,
    69: 10,
    76: 154,
    81: 140,
    82: 34,
    83: 44,
    87: 141,
    90: 163,
}
"""Kind of device by GST -> component type as the source maps it; from 128 its own numbers."""

SUPERVISORY_KINDS: Final = frozenset({29, 30, 32, 48, 69})
"""Pressure switch, flow indicator, air conditioning, intrusion module, combustible gas."""

BUTTON_KINDS: Final = frozenset({11, 15, 81})
"""Manual call point, hydrant buttons."""


class GstText(StrEnum):
    """How the text of an event is coded."""

    AUTO = "auto"
    """GB18030 when a byte is above A0H, else digits."""
    GB18030 = "gb18030"
    DIGITS = "digits"
    """Row and cell of GB 2312 (区位码) in BCD, as the source reads it."""


def place_of(panel: int, floor: int, low: int, high: int) -> Place:
    """Return the place of an event: the floor is the zone, the room of four digits the point."""
    room = 100 * number_of(high) + number_of(low)
    return component(panel, zone=number_of(floor), point=room)


def text_of(raw: bytes, how: GstText) -> str:
    """Return the text of an event."""
    is_digits = how is GstText.DIGITS or (how is GstText.AUTO and max(raw, default=0) <= 0xA0)  # noqa: PLR2004
    return decode_text(_from_rows_and_cells(raw) if is_digits else raw)


def _from_rows_and_cells(raw: bytes) -> bytes:
    """Return GB 2312; a row 0 before a cell is row 3 (full-width letters), as the source has it."""
    found = bytearray()
    for row, cell in zip(raw[::2], raw[1::2], strict=False):
        if not cell:
            break
        found += bytes((0xA0 + (_digits(row) or 3), 0xA0 + _digits(cell)))
    return bytes(found)


def _digits(byte: int) -> int:
    return min(94, 10 * (byte >> 4) + (byte & 0x0F))

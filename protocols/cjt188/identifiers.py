"""Data identifiers of CJ/T 188 and the byte order that they are sent in."""

from enum import StrEnum
from typing import Final

IDENTIFIER_BYTES: Final = 2

READING: Final = 0x901F
READING_2: Final = 0x911F
"""Heat and cooling in one answer; edition of 2018."""
VALVE: Final = 0xA017
ADDRESS: Final = 0x810A
PRICES: Final = 0x8102
SETTLEMENT_DAY: Final = 0x8103
READING_DAY: Final = 0x8104
PURCHASE: Final = 0x8105
CLOCK: Final = 0x907F
HISTORY: Final = range(0xD120, 0xD12C)
"""The settlements of the last 1..12 months."""
HISTORY_2: Final = range(0xD200, 0xD300)
TIMED_FREEZE: Final = range(0xD300, 0xD400)
INSTANT_FREEZE: Final = range(0xD400, 0xD500)

NAMES: Final = {
    READING: "reading",
    READING_2: "reading of heat and cooling",
    CLOCK: "clock",
    PRICES: "prices",
    SETTLEMENT_DAY: "settlement day",
    READING_DAY: "reading day",
    PURCHASE: "purchase",
    ADDRESS: "address",
    0xA010: "prices",
    0xA011: "settlement day",
    0xA012: "reading day",
    0xA013: "purchase",
    0xA014: "key",
    0xA015: "clock",
    0xA016: "motor synchronization",
    VALVE: "valve",
    0xA018: "address",
    0xA019: "end of factory state",
}
"""For messages; A0xxH are written."""

_HIGH_BYTES: Final = frozenset({0x81, 0x90, 0x91, 0xA0, 0xA1, 0xD1, 0xD2, 0xD3, 0xD4})


class ByteOrder(StrEnum):
    """Order of the two bytes of an identifier.

    The edition of 2004 sends 901FH as 90 1F, that of 2018 as 1F 90 (ng-gateway's documentation); a
    water meter of 2015 sends 1F 90 as well (hftangyu.com/563.html). So it is a setting of the
    device, and both are understood in answers.
    """

    HIGH_FIRST = "high_first"
    LOW_FIRST = "low_first"


def encode_identifier(identifier: int, order: ByteOrder) -> bytes:
    """Return the two bytes of an identifier."""
    return identifier.to_bytes(
        IDENTIFIER_BYTES, "big" if order is ByteOrder.HIGH_FIRST else "little"
    )


def decode_identifier(data: bytes, *, expected: int | None = None) -> tuple[int, ByteOrder]:
    """Return the identifier in two bytes and its order, in whichever it is.

    Args:
        data: Two bytes.
        expected: What was asked for; else the byte that an identifier can begin with decides.
    """
    high_first, low_first = int.from_bytes(data, "big"), int.from_bytes(data, "little")
    if expected is not None and expected in {high_first, low_first}:
        return expected, (ByteOrder.HIGH_FIRST if high_first == expected else ByteOrder.LOW_FIRST)
    if data[0] not in _HIGH_BYTES and data[1] in _HIGH_BYTES:
        return low_first, ByteOrder.LOW_FIRST
    return high_first, ByteOrder.HIGH_FIRST

"""Addresses and meter types of CJ/T 188."""

from enum import StrEnum
from typing import Final

from protocols.errors import ValueRangeError

ADDRESS_BYTES: Final = 7
WILDCARD: Final = "AA" * ADDRESS_BYTES
"""Any meter answers; only where one meter is on the line."""
ANY_TYPE: Final = 0xAA
_HEX_DIGITS: Final = frozenset("0123456789ABCDEF")
_MAKER_DIGITS: Final = 4
_TENS: Final = 4  # bits


METER_TYPES: Final = {
    0x10: "cold water",
    0x11: "hot water",
    0x12: "drinking water",
    0x13: "reclaimed water",
    0x20: "heat",
    0x21: "cooling",
    0x22: "heat and cooling",
    0x30: "gas",
    0x40: "electricity or the maker's own",
}
"""Names of T, for messages. 22H comes with the edition of 2018."""


class Family(StrEnum):
    """What the tens of a meter type stand for."""

    WATER = "water"
    HEAT = "heat"
    GAS = "gas"
    CUSTOM = "custom"


_FAMILIES: Final = {1: Family.WATER, 2: Family.HEAT, 3: Family.GAS, 4: Family.CUSTOM}


def family_of(meter_type: int) -> Family | None:
    """Return the family of a meter type; None: the standard has none for it."""
    return _FAMILIES.get(meter_type >> _TENS)


def address_bytes(address: str) -> bytes:
    """Return A0..A6: the last two digits first.

    Raises:
        ValueRangeError: These are not 14 digits.
    """
    if len(address) != 2 * ADDRESS_BYTES or not _HEX_DIGITS.issuperset(address):
        raise ValueRangeError(
            f"address {address!r}: 14 digits (0..9, A..F) are allowed: 4 of the maker, then the "
            f"10 of the meter number; here are {len(address)}"
        )
    return bytes.fromhex(address)[::-1]


def address_text(data: bytes) -> str:
    """Return the 14 digits of A0..A6, as printed: maker's code, then meter number."""
    return data[::-1].hex().upper()


def maker_of(address: str) -> str:
    """Return the four digits of the maker."""
    return address[:_MAKER_DIGITS]

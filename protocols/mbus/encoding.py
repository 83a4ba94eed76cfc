"""Telegrams with variable data, as a slave sends them (EN 13757-3): to bytes (pure)."""

import struct
from typing import Final

from protocols.errors import ValueRangeError
from protocols.mbus.frames import LongFrame
from protocols.mbus.master import RSP_UD
from protocols.mbus.record import Function
from protocols.mbus.telegram import CI_VARIABLE, EXTENSION, FUNCTIONS, MORE_FOLLOWS, Header

_BCD: Final = {1: 0x9, 2: 0xA, 3: 0xB, 4: 0xC, 6: 0xE}
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 6: 6, 8: 7}
_REAL: Final = 5


def encode_block(
    vib: bytes,
    data: bytes,
    *,
    coding: int,
    storage: int = 0,
    tariff: int = 0,
    subunit: int = 0,
    function: Function = Function.INSTANTANEOUS,
) -> bytes:
    """Return a data block.

    Args:
        vib: VIF and VIFEs.
        data: Its value; of variable length: with the length before it.
        coding: Low four bits of the DIF, as ``integer``, ``bcd`` and ``real`` give it.
        storage: Storage number.
        tariff: Tariff.
        subunit: Subunit.
        function: Which value of the quantity.
    """
    dif = coding | FUNCTIONS.index(function) << 4 | (storage & 1) << 6
    storage >>= 1
    dib = bytearray((dif,))
    while storage or tariff or subunit:
        dib[-1] |= EXTENSION
        dib.append(storage & 0xF | (tariff & 3) << 4 | (subunit & 1) << 6)
        storage, tariff, subunit = storage >> 4, tariff >> 2, subunit >> 1
    return bytes(dib) + vib + data


def bcd(number: int, size: int) -> tuple[int, bytes]:
    """Return coding and bytes of a number of 2 * ``size`` digits.

    Raises:
        ValueRangeError: It has more digits, or there is no such size.
    """
    if size not in _BCD or not 0 <= number < 10 ** (2 * size):
        raise ValueRangeError(f"{number} does not fit BCD of {size} bytes")
    return _BCD[size], bytes.fromhex(f"{number:0{2 * size}}")[::-1]


def integer(number: int, size: int) -> tuple[int, bytes]:
    """Return coding and bytes of a signed number.

    Raises:
        ValueRangeError: It is too large, or there is no such size.
    """
    if size not in _INTEGERS:
        raise ValueRangeError(f"no integers of {size} bytes; there are {sorted(_INTEGERS)}")
    try:
        return _INTEGERS[size], number.to_bytes(size, "little", signed=True)
    except OverflowError as error:
        raise ValueRangeError(f"{number} does not fit {size} bytes") from error


def real(number: float) -> tuple[int, bytes]:
    """Return coding and bytes of a float32."""
    return _REAL, struct.pack("<f", number)


def encode_telegram(
    address: int, header: Header, blocks: bytes, *, more: bool = False
) -> LongFrame:
    """Return the answer with these blocks."""
    tail = bytes((MORE_FOLLOWS,)) if more else b""
    return LongFrame(RSP_UD, address, CI_VARIABLE, header.encode() + blocks + tail)

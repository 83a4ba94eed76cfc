"""A Modbus slave: a request PDU and a register space give a reply PDU. Pure."""

import struct
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from simulators.errors import IllegalRequestError

ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3
DEVICE_FAILURE: Final = 4
GATEWAY_NO_RESPONSE: Final = 11

# The specification's limits, written out here so that a wrong one in the agent is noticed.
MAX_READ_BITS: Final = 2000
MAX_READ_WORDS: Final = 125
MAX_WRITE_BITS: Final = 1968
MAX_WRITE_WORDS: Final = 123

_ADDRESS_COUNT = struct.Struct(">HH")
_COIL_ON = 0xFF00
_LAST_ADDRESS = 0xFFFF


class Bank(StrEnum):
    """The four tables; the words are those of ``config.points.Table``."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


_READS = {1: Bank.COIL, 2: Bank.DISCRETE, 3: Bank.HOLDING, 4: Bank.INPUT}


class Space(Protocol):
    """The registers behind a slave."""

    def read(self, bank: Bank, address: int, count: int) -> Sequence[int]:
        """Return ``count`` registers, or bits as 0 and 1.

        Raises:
            IllegalRequestError: a register does not exist.
        """
        ...

    def write(self, bank: Bank, address: int, values: Sequence[int]) -> None:
        """Store registers or bits.

        Raises:
            IllegalRequestError: a register does not exist, or refuses the value.
        """
        ...


class RegisterSpace:
    """Registers in four sparse tables; what is not in them is an illegal address."""

    def __init__(self) -> None:
        self.banks: dict[Bank, dict[int, int]] = {bank: {} for bank in Bank}

    def read(self, bank: Bank, address: int, count: int) -> Sequence[int]:
        """Return registers or bits of one table."""
        table = self.banks[bank]
        try:
            return [table[at] for at in range(address, address + count)]
        except KeyError as missing:
            raise IllegalRequestError(ILLEGAL_ADDRESS) from missing

    def write(self, bank: Bank, address: int, values: Sequence[int]) -> None:
        """Store registers or bits; all of them or none."""
        self.read(bank, address, len(values))
        self.banks[bank].update(enumerate(values, start=address))


def answer(space: Space, pdu: bytes) -> bytes:
    """Return the reply PDU of a request PDU; a refused request gives an exception reply."""
    function = pdu[0] if pdu else 0
    try:
        if function in _READS:
            return _read(space, _READS[function], pdu)
        if function in {5, 6}:
            return _write_single(space, pdu)
        if function in {15, 16}:
            return _write_multiple(space, pdu)
    except IllegalRequestError as refusal:
        return exception_reply(function, refusal.code)
    return exception_reply(function, ILLEGAL_FUNCTION)


def exception_reply(function: int, code: int) -> bytes:
    """Return the exception reply to a function code."""
    return bytes((function | 0x80, code))


def _read(space: Space, bank: Bank, pdu: bytes) -> bytes:
    if len(pdu) != 1 + _ADDRESS_COUNT.size:
        raise IllegalRequestError(ILLEGAL_VALUE)
    address, count = _ADDRESS_COUNT.unpack_from(pdu, 1)
    bits = bank in {Bank.COIL, Bank.DISCRETE}
    _check_range(address, count, MAX_READ_BITS if bits else MAX_READ_WORDS)
    values = space.read(bank, address, count)
    data = _pack_bits(values) if bits else struct.pack(f">{count}H", *values)
    return bytes((pdu[0], len(data))) + data


def _check_range(address: int, count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise IllegalRequestError(ILLEGAL_VALUE)
    if address + count - 1 > _LAST_ADDRESS:
        raise IllegalRequestError(ILLEGAL_ADDRESS)


def _write_single(space: Space, pdu: bytes) -> bytes:
    if len(pdu) != 1 + _ADDRESS_COUNT.size:
        raise IllegalRequestError(ILLEGAL_VALUE)
    address, value = _ADDRESS_COUNT.unpack_from(pdu, 1)
    if pdu[0] == 6:  # noqa: PLR2004 (function code)
        space.write(Bank.HOLDING, address, (value,))
    elif value in {0, _COIL_ON}:
        space.write(Bank.COIL, address, (int(value == _COIL_ON),))
    else:
        raise IllegalRequestError(ILLEGAL_VALUE)
    return pdu


def _write_multiple(space: Space, pdu: bytes) -> bytes:
    if len(pdu) < 2 + _ADDRESS_COUNT.size:
        raise IllegalRequestError(ILLEGAL_VALUE)
    address, count = _ADDRESS_COUNT.unpack_from(pdu, 1)
    data = pdu[6:]
    bits = pdu[0] == 15  # noqa: PLR2004 (function code)
    _check_range(address, count, MAX_WRITE_BITS if bits else MAX_WRITE_WORDS)
    size = (count + 7) // 8 if bits else count * 2
    if pdu[5] != size or len(data) != size:
        raise IllegalRequestError(ILLEGAL_VALUE)
    if bits:
        space.write(Bank.COIL, address, _unpack_bits(data, count))
    else:
        space.write(Bank.HOLDING, address, struct.unpack(f">{count}H", data))
    return pdu[:5]


def _pack_bits(values: Sequence[int]) -> bytes:
    packed = sum(1 << index for index, value in enumerate(values) if value)
    return packed.to_bytes((len(values) + 7) // 8, "little")


def _unpack_bits(data: bytes, count: int) -> list[int]:
    packed = int.from_bytes(data, "little")
    return [packed >> index & 1 for index in range(count)]

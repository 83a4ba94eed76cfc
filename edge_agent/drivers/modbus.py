"""Modbus requests and their responses; only this module and wires import pymodbus.

pymodbus builds the requests and the checksums. Its own client is not used: its RTU framer takes
late, short and foreign replies for answers, and one read costs it twice the processor time
(ADR-8). Here a reply counts only if unit, function, length and checksum (RTU, ASCII) or
transaction (TCP) are those of the request.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from pymodbus.exceptions import ModbusException
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    WriteMultipleCoilsRequest,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.pdu import ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from config.points import Table
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DriverError,
)
from protocols.modbus import limits

_READS: dict[Table, type[ModbusPDU]] = {
    Table.COIL: ReadCoilsRequest,
    Table.DISCRETE: ReadDiscreteInputsRequest,
    Table.HOLDING: ReadHoldingRegistersRequest,
    Table.INPUT: ReadInputRegistersRequest,
}
_BITS = frozenset({Table.COIL, Table.DISCRETE})
_TABLES = {
    1: Table.COIL,
    2: Table.DISCRETE,
    3: Table.HOLDING,
    4: Table.INPUT,
    5: Table.COIL,
    15: Table.COIL,
}
SINGLE_WRITES = frozenset({5, 6})
_PLACE = struct.Struct(">HH")
_EXCEPTION = 0x80
_EXCEPTION_SIZE = 2
_SHOWN = 24
_SHORTEST_TEXT = 3
# A gateway that says so speaks of a unit that does not answer, not of the request.
_UNIT_SILENT = frozenset({limits.GATEWAY_PATH, limits.GATEWAY_TARGET})
TRANSLATED = (ModbusException, ValueError, struct.error, OverflowError)
"""All that pymodbus raises while a request is built; everything else would be a bug of ours."""


class Frame(NamedTuple):
    """A response of a unit, without its framing.

    Attributes:
        transaction: Number of the request, on Modbus TCP only; 0 on a line.
    """

    unit: int
    pdu: bytes
    transaction: int = 0


class Request(NamedTuple):
    """A request and the shape of its only possible answer.

    Attributes:
        pdu: Function code and data, as sent.
        head: What the PDU of the answer begins with.
        size: Bytes of the answer's PDU.
        wanted: Registers or bits that a read returns; 0 for a write.
    """

    unit: int
    pdu: bytes
    head: bytes
    size: int
    wanted: int

    @property
    def code(self) -> int:
        """The function code."""
        return self.pdu[0]

    @property
    def refusal(self) -> bytes:
        """What the PDU of an exception begins with."""
        return bytes((self.pdu[0] | _EXCEPTION,))

    @property
    def shapes(self) -> "Sequence[tuple[bytes, int]]":
        """How the PDU of any answer to it begins, and its size; the likeliest first."""
        found = [(self.head, self.size), (self.refusal, _EXCEPTION_SIZE)]
        if not self.wanted and self.head != self.place:
            # A device that took another value than it was message.
            found.append((self.place, self.size))
        return found

    @property
    def place(self) -> bytes:
        """Function code and address, as sent."""
        return self.pdu[:3]

    def within(self, other: "Request") -> bool:
        """Whether all that this reads is part of what another read asks for."""
        address, count = _PLACE.unpack_from(self.pdu, 1)
        first, most = _PLACE.unpack_from(other.pdu, 1)
        return first <= address and address + count <= first + most

    def answered_by(self, pdu: bytes) -> bool:
        """Whether this may be the answer, by function and length; exceptions not counted."""
        return len(pdu) == self.size and pdu.startswith(self.head)

    def adapted_by(self, pdu: bytes) -> bool:
        """Whether this may be the echo of a write whose value the device did not take as it is."""
        return not self.wanted and len(pdu) == self.size and pdu.startswith(self.place)

    def concerns(self, pdu: bytes) -> bool:
        """Whether this may be any answer to it."""
        return self.answered_by(pdu) or self.refused_by(pdu) or self.adapted_by(pdu)

    def refused_by(self, pdu: bytes) -> bool:
        """Whether this may be the exception that refuses it."""
        return len(pdu) == _EXCEPTION_SIZE and pdu.startswith(self.refusal)

    def __str__(self) -> str:
        address, count = _PLACE.unpack_from(self.pdu, 1)
        table = _TABLES.get(self.code, Table.HOLDING)
        last = address + count - 1 if self.code not in SINGLE_WRITES else address
        return f"unit {self.unit}, {table} {address}" + (f"-{last}" if last > address else "")


@lru_cache(maxsize=4096)
def read_request(unit: int, table: Table, address: int, count: int) -> Request:
    """Ask for registers or bits.

    Raises:
        DeviceGarbageError: The protocol does not allow this request.
    """
    try:
        request = _READS[table](address=address, count=count)
        pdu = bytes((request.function_code,)) + request.encode()
    except TRANSLATED as error:
        message = f"unit {unit}: {count} of {table} {address} cannot be asked: {error}"
        raise DeviceGarbageError(message) from error
    size = (count + 7) // 8 if table in _BITS else 2 * count
    return Request(unit, pdu, bytes((pdu[0], size)), size + 2, count)


def write_request(
    unit: int, table: Table, address: int, values: Sequence[int], *, multiple: bool = False
) -> Request:
    """Write registers or coils.

    Args:
        unit: Its number.
        table: Holding registers or coils.
        address: Of the first, 0-based.
        values: What is written.
        multiple: Use the function for several values for one as well.

    Raises:
        DeviceGarbageError: The protocol does not allow this request.
    """
    try:
        single = len(values) == 1 and not multiple
        request = _write_request(table, address, values, single=single)
        pdu = bytes((request.function_code,)) + request.encode()
    except TRANSLATED as error:
        message = f"unit {unit}: {list(values)} to {table} {address} cannot be written: {error}"
        raise DeviceGarbageError(message) from error
    # The answer repeats the address and the value or the count; a device that limits a value may
    # say the one that it took.
    return Request(unit, pdu, pdu[:5], 5, 0)


def _write_request(table: Table, address: int, values: Sequence[int], *, single: bool) -> ModbusPDU:
    if not 0 <= address <= 0xFFFF - len(values) + 1:
        message = f"address {address} + {len(values)} is beyond 65535"
        raise ValueError(message)
    if table is Table.COIL:
        bits = [bool(value) for value in values]
        if single:
            return WriteSingleCoilRequest(address=address, bits=bits)
        return WriteMultipleCoilsRequest(address=address, bits=bits)
    if table is Table.HOLDING:
        if single:
            return WriteSingleRegisterRequest(address=address, registers=list(values))
        return WriteMultipleRegistersRequest(address=address, registers=list(values))
    message = f"table {table} is read only"
    raise ValueError(message)


def speaks_of_unit(pdu: bytes) -> bool:
    """Whether the unit itself said this, not a gateway in its place."""
    return not (pdu[0] & _EXCEPTION and pdu[1:2] and pdu[1] in _UNIT_SILENT)


def answer(request: Request, pdu: bytes) -> Sequence[int]:
    """Return what the PDU of an answer carries; nothing for a write.

    Raises:
        DeviceTimeoutError: A gateway says that the unit does not answer.
        DeviceRefusedError: An exception reply.
        DeviceGarbageError: Another function, length or echo than was asked for.
    """
    if not (request.answered_by(pdu) or request.adapted_by(pdu)):
        raise _refusal(request, pdu)
    if not request.wanted:
        return ()
    if request.code <= 2:  # noqa: PLR2004 (the two functions that read bits)
        bits = int.from_bytes(pdu[2:], "little")
        return [bits >> index & 1 for index in range(request.wanted)]
    return struct.unpack(f">{request.wanted}H", pdu[2:])


def _refusal(request: Request, pdu: bytes) -> DriverError:
    """Return what a PDU means that is not the answer."""
    if len(pdu) > 1 and pdu.startswith(request.refusal):
        code = pdu[1]
        message = f"{request}: exception {code}, {limits.exception_name(code)}"
        if code in _UNIT_SILENT:
            return DeviceTimeoutError(message)
        return DeviceRefusedError(message, code=code)
    message = f"{request}: asked {request.pdu.hex()}, got {pdu[:16].hex()}"
    return DeviceGarbageError(f"{message} ({len(pdu)} bytes for {request.size})")


def readable(data: bytes | bytearray) -> str:
    """Return bytes as text where they are text, as a banner is, else as hexadecimal digits."""
    shown = bytes(data[:_SHOWN])
    text = shown.decode("ascii", "replace").strip()
    if len(text) >= _SHORTEST_TEXT and all(
        letter.isprintable() or letter == "\n" for letter in text
    ):
        return f"the text {text!r}"
    return f"{len(data)} bytes, {shown.hex()}"

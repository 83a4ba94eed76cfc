"""Modbus questions and their frames; the only importer of pymodbus.

pymodbus builds the requests and the checksums. Its own client is not used: its RTU framer takes
late, short and foreign replies for answers, and one read costs it twice the processor time
(ADR-8). Here a reply counts only if unit, function, length and checksum (RTU, ASCII) or
transaction (TCP) are those of the question.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerAscii, FramerRTU
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
from edge_agent.errors import DeviceGarbageError, DeviceRefusedError, DeviceTimeoutError

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
_SINGLE_WRITES = frozenset({5, 6})
_PLACE = struct.Struct(">HH")
_MBAP = struct.Struct(">HHHB")
_LONGEST_MBAP = 254  # unit and PDU
_EXCEPTION = 0x80
_EXCEPTION_FRAME = 5
# A gateway that says so speaks of a unit that does not answer, not of the request.
_NOBODY_THERE = frozenset({10, 11})
_EXCEPTION_NAMES = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}

TRANSLATED = (ModbusException, ValueError, struct.error, OverflowError)
"""All that pymodbus raises while a request is built; everything else would be a bug of ours."""


class Question(NamedTuple):
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

    def __str__(self) -> str:
        address, count = _PLACE.unpack_from(self.pdu, 1)
        table = _TABLES.get(self.code, Table.HOLDING)
        last = address + count - 1 if self.code not in _SINGLE_WRITES else address
        return f"unit {self.unit}, {table} {address}" + (f"-{last}" if last > address else "")


@lru_cache(maxsize=4096)
def read_question(unit: int, table: Table, address: int, count: int) -> Question:
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
    return Question(unit, pdu, bytes((pdu[0], size)), size + 2, count)


def write_question(unit: int, table: Table, address: int, values: Sequence[int]) -> Question:
    """Write registers or coils.

    Raises:
        DeviceGarbageError: The protocol does not allow this request.
    """
    try:
        request = _write_request(table, address, values)
        pdu = bytes((request.function_code,)) + request.encode()
    except TRANSLATED as error:
        message = f"unit {unit}: {list(values)} to {table} {address} cannot be written: {error}"
        raise DeviceGarbageError(message) from error
    # The answer repeats the address and the value or the count.
    return Question(unit, pdu, pdu[:5], 5, 0)


def _write_request(table: Table, address: int, values: Sequence[int]) -> ModbusPDU:
    if not 0 <= address <= 0xFFFF - len(values) + 1:
        message = f"address {address} + {len(values)} is beyond 65535"
        raise ValueError(message)
    single = len(values) == 1
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


def answer(question: Question, pdu: bytes) -> Sequence[int]:
    """Return what the PDU of an answer carries; nothing for a write.

    Raises:
        DeviceTimeoutError: A gateway says that the unit does not answer.
        DeviceRefusedError: An exception reply.
        DeviceGarbageError: Another function, length or echo than was asked for.
    """
    if len(pdu) > 1 and pdu[0] == question.code | _EXCEPTION:
        code = pdu[1]
        name = _EXCEPTION_NAMES.get(code, "unknown exception")
        if code in _NOBODY_THERE:
            raise DeviceTimeoutError(f"{question}: exception {code}, {name}")
        raise DeviceRefusedError(f"{question}: exception {code}, {name}", code=code)
    if len(pdu) != question.size or not pdu.startswith(question.head):
        message = f"{question}: asked {question.pdu.hex()}, got {pdu[:16].hex()}"
        raise DeviceGarbageError(f"{message} ({len(pdu)} bytes for {question.size})")
    if not question.wanted:
        return ()
    if question.code <= 2:  # noqa: PLR2004 (the two functions that read bits)
        bits = int.from_bytes(pdu[2:], "little")
        return [bits >> index & 1 for index in range(question.wanted)]
    return struct.unpack(f">{question.wanted}H", pdu[2:])


class MbapWire:
    """Modbus TCP: the transaction number ties an answer to its question, however late it is."""

    can_mistake_late = False

    def size(self, question: Question) -> int:
        """Return how many bytes an answer has."""
        return question.size + _MBAP.size

    def __init__(self) -> None:
        self._transaction = 0

    def frame(self, question: Question) -> bytes:
        """Return the bytes to send."""
        self._transaction = self._transaction % 0xFFFF + 1
        pdu = question.pdu
        return _MBAP.pack(self._transaction, 0, len(pdu) + 1, question.unit) + pdu

    def take(self, received: bytearray, question: Question | None) -> bytes | None:
        """Remove whole frames; return the PDU of the one that answers, None if it is not there.

        Raises:
            DeviceGarbageError: This is no Modbus TCP; the connection cannot be continued.
        """
        while len(received) >= _MBAP.size:
            transaction, protocol, length, unit = _MBAP.unpack_from(received)
            if protocol or not 1 < length <= _LONGEST_MBAP:
                raise DeviceGarbageError(f"no Modbus TCP frame: {received[:16].hex()}")
            end = length + 6
            if len(received) < end:
                return None
            pdu = bytes(received[7:end])
            del received[:end]
            if question and transaction == self._transaction and unit == question.unit:
                return pdu
        return None


class RtuWire:
    """Modbus RTU: found by unit, function, length and checksum; noise before it is passed over."""

    can_mistake_late = True

    def size(self, question: Question) -> int:
        """Return how many bytes an answer has."""
        return question.size + 3

    def frame(self, question: Question) -> bytes:
        """Return the bytes to send."""
        return FramerRTU(None).encode(question.pdu, question.unit, 0)  # pyright: ignore[reportArgumentType]

    def take(self, received: bytearray, question: Question | None) -> bytes | None:
        """Remove and return the PDU that answers, None if it is not there (yet)."""
        if question is None:
            return None
        unit = bytes((question.unit,))
        found = _find(received, unit + question.head, self.size(question))
        if found is None:
            exception = bytes((question.code | _EXCEPTION,))
            found = _find(received, unit + exception, _EXCEPTION_FRAME)
        if found is None:
            return None
        frame = bytes(received[found])
        del received[: found.stop]
        return frame[1:-2]


def _find(received: bytearray, head: bytes, size: int) -> slice | None:
    """Where a frame of this size with a right checksum begins with ``head``."""
    start = received.find(head)
    while start >= 0 and start + size <= len(received):
        end = start + size
        checksum = int.from_bytes(received[end - 2 : end], "big")
        if FramerRTU.check_CRC(bytes(received[start : end - 2]), checksum):
            return slice(start, end)
        start = received.find(head, start + 1)
    return None


class AsciiWire:
    """Modbus ASCII: a colon, two letters for each byte and for their sum, and the line's end."""

    can_mistake_late = True

    def size(self, question: Question) -> int:
        """Return how many bytes an answer has."""
        return 2 * (question.size + 2) + 3

    def frame(self, question: Question) -> bytes:
        """Return the bytes to send."""
        return FramerAscii(None).encode(question.pdu, question.unit, 0)  # pyright: ignore[reportArgumentType]

    def take(self, received: bytearray, question: Question | None) -> bytes | None:
        """Remove and return the PDU that answers, None if it is not there (yet)."""
        start = 0
        while question is not None and (end := received.find(b"\r\n", start)) >= 0:
            # A frame begins at the last colon: what is before it was cut off by noise.
            colon = received.rfind(b":", start, end)
            start = end + 2
            body = _unhex(received[colon + 1 : end]) if colon >= 0 else b""
            if _is_answer(body, question):
                del received[:start]
                return body[1:-1]
        return None


def _unhex(letters: bytearray) -> bytes:
    """Return unit, PDU and sum of an ASCII frame; nothing if it is none."""
    try:
        body = bytes.fromhex(letters.decode("ascii"))
    except ValueError:
        return b""
    return body if len(body) > 2 and not sum(body) & 0xFF else b""  # noqa: PLR2004


def _is_answer(body: bytes, question: Question) -> bool:
    if len(body) == question.size + 2 and body[1:-1].startswith(question.head):
        return body[0] == question.unit
    exception = bytes((question.unit, question.code | _EXCEPTION))
    return len(body) == _EXCEPTION_FRAME - 1 and body.startswith(exception)


Wire = MbapWire | RtuWire | AsciiWire

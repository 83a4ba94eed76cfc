"""Everything that pymodbus can raise is translated."""

import inspect
import struct

import pymodbus.exceptions
import pytest

from config.points import Table
from edge_agent.drivers.modbus import TRANSLATED, answer, read_request, write_request
from edge_agent.errors import DeviceGarbageError, DeviceRefusedError, DeviceTimeoutError

PYMODBUS = [
    kind
    for _, kind in inspect.getmembers(pymodbus.exceptions, inspect.isclass)
    if issubclass(kind, Exception)
]


def test_the_library_still_has_the_exceptions_that_were_checked() -> None:
    assert {kind.__name__ for kind in PYMODBUS} == {
        "ConnectionException",
        "MessageRegisterException",
        "ModbusException",
        "ModbusIOException",
        "NoSuchIdException",
        "NotImplementedException",
        "ParameterException",
    }


@pytest.mark.parametrize("kind", [*PYMODBUS, ValueError, struct.error], ids=lambda k: k.__name__)
def test_every_exception_of_the_library_is_translated(kind: type[Exception]) -> None:
    assert issubclass(kind, TRANSLATED)


@pytest.mark.parametrize(("address", "count"), [(0, 0), (0, 126), (-1, 1), (65536, 1), (70000, 3)])
def test_an_impossible_read_says_what_it_was(address: int, count: int) -> None:
    with pytest.raises(DeviceGarbageError, match=f"unit 3: {count} of holding {address}"):
        read_request(3, Table.HOLDING, address, count)


@pytest.mark.parametrize(
    ("address", "values"), [(0, [70000]), (0, [-1]), (65535, [1, 2]), (0, [1, 70000])]
)
def test_an_impossible_write_is_translated(address: int, values: list[int]) -> None:
    with pytest.raises(DeviceGarbageError, match="unit 3"):
        write_request(3, Table.HOLDING, address, values)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8, 99])
def test_an_exception_reply_keeps_its_code(code: int) -> None:
    with pytest.raises(DeviceRefusedError, match=f"exception {code}") as refusal:
        answer(read_request(1, Table.HOLDING, 0, 1), bytes((0x83, code)))
    assert refusal.value.code == code


@pytest.mark.parametrize("code", [10, 11])
def test_a_gateway_that_reaches_nobody_means_no_answer(code: int) -> None:
    with pytest.raises(DeviceTimeoutError):
        answer(read_request(1, Table.HOLDING, 0, 1), bytes((0x83, code)))


@pytest.mark.parametrize(
    "pdu", [b"", b"\x83", b"\x03", b"\x03\x02", b"\x03\x02\x00", b"\x03\x04\x00\x01"]
)
def test_a_torn_answer_is_garbage(pdu: bytes) -> None:
    with pytest.raises(DeviceGarbageError):
        answer(read_request(1, Table.HOLDING, 0, 1), pdu)


def test_a_write_that_is_echoed_wrongly_is_garbage() -> None:
    request = write_request(1, Table.HOLDING, 7, [5])
    assert answer(request, bytes.fromhex("0600070005")) == ()
    with pytest.raises(DeviceGarbageError):
        answer(request, bytes.fromhex("0600080005"))

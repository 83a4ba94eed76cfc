"""A meter by another hand: the package dlt645 on the other end of a line."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from config.ports import ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.dlt645.client import MeterClient
from edge_agent.drivers.dlt645.line import MeterLine
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import DeviceRefusedError, DeviceTimeoutError
from protocols.dlt645.codes import Edition
from protocols.dlt645.commands import Password, broadcast_time, write
from protocols.dlt645.identifiers import item
from protocols.reading import Value
from tests.fakes.joined_lines import JoinedLines
from tests.fakes.meter_line import PASSWORD, TIMEOUT_S, A, B, values_of
from tests.fakes.stranger_meter import stranger_meter

if TYPE_CHECKING:
    from dlt645 import MeterServerService

GIVEN: dict[int, Value] = {
    0x00000000: -12.34,
    0x00010000: 12345.67,
    0x00010300: 0.01,
    0x00020000: 1.26,
    0x02010100: 231.4,
    0x02010300: 0.1,
    0x02020200: -4.999,
    0x02030000: -1.2345,
    0x02040100: 0.4331,
    0x02060000: -0.501,
    0x02800001: 0.123,
    0x02800002: 49.98,
    0x02800007: -12.3,
    0x04000402: "000000000161",
    0x04000102: "06:40:05",
}


@pytest.fixture
async def stranger() -> AsyncIterator[tuple["MeterServerService", MeterClient]]:
    async with JoinedLines() as line, stranger_meter(line.right, baud=9600) as meter:
        port = ModbusRtuPort(kind="modbus_rtu", device=line.left, parity="N")
        thread = OwnThread()
        client = MeterClient(
            open_link=lambda: open_serial(port, thread),
            line=MeterLine(baud=115200, turnaround_s=0.0, timeout_s=TIMEOUT_S),
            clock=SystemClock(),
        )
        async with client:
            yield meter, client


def give(meter: "MeterServerService", identifier: int, value: Value) -> None:
    if identifier >> 24 == 4:  # parameters are digits there
        assert meter.set_04(identifier, str(value).replace(":", ""))
    elif identifier >> 24 == 2:
        assert meter.set_02(identifier, value)
    else:
        assert meter.set_00(identifier, value)


@pytest.mark.long
async def test_it_is_understood(stranger: tuple["MeterServerService", MeterClient]) -> None:
    meter, client = stranger
    assert await client.read_address(timeout_s=TIMEOUT_S) == A
    for identifier, value in GIVEN.items():
        give(meter, identifier, value)
        assert await values_of(client, A, identifier) == (value,), f"{identifier:08X}"
    with pytest.raises(DeviceRefusedError, match="no_such_data"):
        await client.read(A, 0x02FF0000, timeout_s=TIMEOUT_S)
    await takes_a_write(meter, client)
    await takes_the_time(meter, client)
    with pytest.raises((DeviceTimeoutError, DeviceRefusedError)):
        await client.read(B, 0x00010000, timeout_s=0.2)


async def takes_a_write(meter: "MeterServerService", client: MeterClient) -> None:
    assert meter.password_manager.set_password(bytearray(PASSWORD.encoded()))
    known = item(Edition.E2007, 0x04000102)
    assert known is not None
    data = known.encode(("11:22:33",))
    wrong = Password(2, "999999")
    with pytest.raises(DeviceRefusedError, match="not_authorised"):
        await client.command(write(A, 0x04000102, data, password=wrong), timeout_s=TIMEOUT_S)
    await client.command(write(A, 0x04000102, data, password=PASSWORD), timeout_s=TIMEOUT_S)
    assert await values_of(client, A, 0x04000102) == ("11:22:33",)


async def takes_the_time(meter: "MeterServerService", client: MeterClient) -> None:
    told = datetime(2026, 11, 29, 6, 40, 5)  # noqa: DTZ001 (as a meter shows it)
    await client.broadcast(broadcast_time(told, seconds_first=False))
    assert await client.read_address(timeout_s=TIMEOUT_S) == A
    assert meter.time == told

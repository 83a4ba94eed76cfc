"""A serial line: missing, taken, unplugged, and the silence on it."""

import asyncio
import errno
from pathlib import Path

import pytest
import serial

from config.points import Table
from config.ports import ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.errors import PortDownError
from simulators.line import LineTiming
from simulators.serial_line import SerialLine
from tests.contract.test_driver_lines import PATIENCE_S, TIMEOUT_S, EchoAddress


def serial_port(path: Path, parity: str = "N") -> ModbusRtuPort:
    return ModbusRtuPort.model_validate(
        {"kind": "modbus_rtu", "device": str(path), "parity": parity, "timeout_s": TIMEOUT_S}
    )


async def test_a_missing_serial_line_is_down_and_named(tmp_path: Path) -> None:
    with pytest.raises(PortDownError, match="nowhere"):
        async with open_modbus(serial_port(tmp_path / "nowhere"), SystemClock()):
            pytest.fail("opened")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "permission denied"),
        (errno.EBUSY, "in use by another program"),
        (errno.ENODEV, "is the adapter plugged in"),
    ],
)
async def test_a_line_that_cannot_be_had_says_why_and_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(number, "could not open port")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(PortDownError, match=f"line: .*{said}"):
        async with open_modbus(serial_port(tmp_path / "line"), SystemClock()):
            pytest.fail("opened")


async def test_a_serial_line_has_one_owner(tmp_path: Path) -> None:
    path = tmp_path / "line"
    async with (
        SerialLine({1: EchoAddress()}, path=path),
        open_modbus(serial_port(path), SystemClock()),
    ):
        with pytest.raises(PortDownError, match="in use by another program"):
            async with open_modbus(serial_port(path), SystemClock()):
                pytest.fail("opened twice")


async def test_an_unplugged_adapter_is_down_and_works_again_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "line"
    driver = open_modbus(serial_port(path), SystemClock())
    async with SerialLine({1: EchoAddress()}, path=path), driver:
        await driver.read(1, Table.HOLDING, 5, 1, timeout_s=PATIENCE_S)
        await SystemClock().sleep(0)
    async with SerialLine({1: EchoAddress()}, path=path), driver:
        reply = await driver.read(1, Table.HOLDING, 6, 1, timeout_s=PATIENCE_S)
    assert list(reply.values) == [6]


async def test_a_line_that_vanishes_while_open_is_down(tmp_path: Path) -> None:
    path = tmp_path / "line"
    line = SerialLine({1: EchoAddress()}, path=path)
    await line.__aenter__()
    async with open_modbus(serial_port(path), SystemClock()) as driver:
        await driver.read(1, Table.HOLDING, 5, 1, timeout_s=PATIENCE_S)
        await line.__aexit__(None, None, None)
        with pytest.raises(PortDownError):
            await driver.read(1, Table.HOLDING, 5, 1, timeout_s=PATIENCE_S)


async def test_a_serial_line_keeps_the_silence_between_frames(tmp_path: Path) -> None:
    path = tmp_path / "line"
    timing = LineTiming(baud=9600, turnaround_s=0.002)
    clock = SystemClock()
    async with (
        SerialLine({1: EchoAddress()}, path=path, timing=timing),
        open_modbus(serial_port(path), clock) as driver,
    ):
        began = clock.monotonic_s()
        for _ in range(5):
            await driver.read(1, Table.HOLDING, 0, 1, timeout_s=PATIENCE_S)
        took_s = clock.monotonic_s() - began
    # 15 bytes of 11 bits and the turnaround per read, 3.5 characters between them.
    assert took_s >= 5 * (15 * 11 / 9600 + 0.002) + 4 * 3.5 * 10 / 9600


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    async def open_and_close() -> None:
        path = tmp_path / "line"
        async with SerialLine({1: EchoAddress()}, path=path):
            for _ in range(20):
                async with open_modbus(serial_port(path), SystemClock()):
                    pass

    before = len(list(Path("/proc/self/fd").iterdir()))
    asyncio.run(open_and_close())
    assert len(list(Path("/proc/self/fd").iterdir())) == before

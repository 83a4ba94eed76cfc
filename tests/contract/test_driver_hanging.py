"""What hangs on one port - a name server, the driver of an adapter - is no other port's trouble."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial

from config.points import Table
from config.ports import ModbusTcpPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.errors import PortDownError
from simulators.modbus import ModbusServer
from simulators.serial_line import SerialLine
from tests.contract.test_driver_lines import EchoAddress
from tests.contract.test_driver_serial import serial_port

HANGING = 40
"""More than any shared pool of threads has."""


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What hangs, hangs until this is set, which happens at the end at the latest."""
    event = threading.Event()
    yield event
    event.set()


def named(port: int, name: str) -> ModbusTcpPort:
    return ModbusTcpPort(kind="modbus_tcp", host=name, port=port, timeout_s=1.0)


@pytest.mark.long
async def test_ports_whose_names_are_not_answered_for_delay_no_other_port(
    monkeypatch: pytest.MonkeyPatch, released: threading.Event
) -> None:
    look_up = socket.getaddrinfo

    def hang(host: str, *rest: Any, **options: Any) -> Any:
        if host == "nowhere.example":
            released.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    clock = SystemClock()

    async def enter(port: ModbusTcpPort) -> None:
        async with open_modbus(port, clock):
            pytest.fail("connected")

    async with ModbusServer({1: EchoAddress()}) as server:
        hanging = [
            asyncio.create_task(enter(named(server.port, "nowhere.example")))
            for _ in range(HANGING)
        ]
        await clock.sleep(0)
        for _ in range(3):
            async with (
                open_modbus(named(server.port, "localhost"), clock) as by_name,
                open_modbus(named(server.port, "127.0.0.1"), clock) as by_address,
            ):
                for driver in (by_name, by_address):
                    reply = await driver.read(1, Table.HOLDING, 7, 1, timeout_s=1.0)
                    assert list(reply.values) == [7]
        assert not any(task.done() for task in hanging)
        for outcome in await asyncio.gather(*hanging, return_exceptions=True):
            assert isinstance(outcome, PortDownError)
            assert "no connection within 1 s" in str(outcome)


async def test_an_adapter_that_hangs_while_it_is_opened_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, released: threading.Event, tmp_path: Path
) -> None:
    plain, opened = serial.Serial, asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(device: str, **options: Any) -> serial.Serial:
        if device.endswith("hung"):
            loop.call_soon_threadsafe(opened.set)
            released.wait()
        return plain(device, **options)

    monkeypatch.setattr(serial, "Serial", hang)
    clock = SystemClock()
    path, hung = tmp_path / "line", tmp_path / "hung"
    async with (
        SerialLine({1: EchoAddress()}, path=path),
        SerialLine({1: EchoAddress()}, path=hung),
    ):
        slow = open_modbus(serial_port(hung), clock)
        entering = asyncio.create_task(slow.__aenter__())
        await opened.wait()
        async with open_modbus(serial_port(path), clock) as driver:
            reply = await driver.read(1, Table.HOLDING, 7, 1, timeout_s=1.0)
        assert list(reply.values) == [7]
        assert not entering.done()
        released.set()
        await entering
        reply = await slow.read(1, Table.HOLDING, 8, 1, timeout_s=1.0)
        await slow.__aexit__(None, None, None)
        assert list(reply.values) == [8]


async def test_a_call_that_nobody_waits_for_any_more_gives_back_what_it_got(
    released: threading.Event,
) -> None:
    given_back: list[str] = []
    thread = OwnThread()

    def call() -> str:
        released.wait()
        return "line"

    with pytest.raises(TimeoutError):
        await thread.run(call, timeout_s=0.01, unwanted=given_back.append)
    assert not await thread.wait(timeout_s=0.01)
    with pytest.raises(TimeoutError):
        await thread.run(lambda: "another", timeout_s=0.01)
    released.set()
    assert await thread.run(lambda: "next", timeout_s=5.0) == "next"
    assert given_back == ["line"]


async def test_what_goes_wrong_in_a_thread_is_raised_where_it_is_waited_for() -> None:
    with pytest.raises(ZeroDivisionError):
        await OwnThread().run(lambda: 1 // 0, timeout_s=5.0)

"""Panels on serial lines: polled, listened to, lost and found again."""

import asyncio
import json
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.ports import ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.fire_delivery import Deliveries, SiteTime
from edge_agent.drivers.fire_line import PanelLine
from edge_agent.drivers.link import Link
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import PortDownError
from protocols.fire.model import State
from protocols.fire.session import Moment, PanelSession
from protocols.gb26875.options import SessionOptions
from protocols.gb26875.session import CentreSession
from protocols.panels.jbf193k import Jbf193k
from protocols.panels.session import AdapterSession
from protocols.panels.tx3004 import Tx3004
from simulators.fire_panel import JbfPanel
from simulators.fire_wire import (
    CONFIRM,
    SEND,
    SimulatedComponent,
    component_status,
    frame,
    messages,
)
from tests.fakes.fire_bench import HurriedClock, Kept, until


def jbf(moment: Moment) -> AdapterSession:
    return AdapterSession(Jbf193k(polls_every_s=0.02), moment=moment)


@asynccontextmanager
async def panel_line(
    kept: Kept, path: Path, new_session: Callable[[Moment], PanelSession] = jbf
) -> AsyncIterator[None]:
    port = ModbusRtuPort(kind="modbus_rtu", device=str(path), parity="N")
    thread, clock = OwnThread(), HurriedClock()

    async def open_link() -> Link:
        return await open_serial(port, thread)

    line = PanelLine(
        "panel",
        open_link=open_link,
        new_session=new_session,
        keep=kept.keep,
        on_notice=kept.notice,
        clock=clock,
        time=SiteTime(clock, UTC),
    )
    task = asyncio.create_task(line.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_panel_on_a_serial_line_is_polled(tmp_path: Path) -> None:
    kept, path = Kept(), tmp_path / "panel"
    async with JbfPanel(path) as panel, panel_line(kept, path):
        for point in (17, 18):
            order = {"do": "fire", "loop": 2, "point": point}
            assert panel.obey(json.dumps(order).encode()) == {"ok": True}
        await until(lambda: kept.state.count(State.FIRE) == 2)
        assert [one.place.point for one in kept.state.open()] == [17, 18]
        assert panel.obey(b'{"do": "mains_fault"}') == panel.obey(b'{"do": "reset"}')
        await until(lambda: kept.state.count(State.FIRE) == 0)
        assert kept.state.holds(State.MAINS_FAULT)
        assert panel.obey(b'{"do": "get"}')["waiting"] == 0
        assert "allowed: fire" in str(panel.obey(b'{"do": "explode"}')["error"])


async def test_a_transmission_device_on_a_serial_line(tmp_path: Path) -> None:
    kept = Kept()
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    path = tmp_path / "device"
    path.symlink_to(os.ttyname(slave))
    quiet = SessionOptions(sets_clock=False, asks_states=False)
    heard = bytearray()

    at = SimulatedComponent(1, 1, 40, 10, 2, 3, "1层走廊")
    now = datetime(2026, 11, 29)  # noqa: DTZ001 (the device's own)
    data = component_status([at], now)

    def is_confirmed() -> bool:
        os.write(master, frame(5, SEND, data, source=889, destination=1, local=now))
        with suppress(BlockingIOError):
            heard.extend(os.read(master, 100))
        return CONFIRM in [one.command for one in messages(heard)]

    async with panel_line(kept, path, lambda moment: CentreSession(quiet, moment=moment)):
        await until(is_confirmed)
        assert kept.state.count(State.FIRE) == 1
        assert len(kept.lines) == 1
    os.close(master)
    os.close(slave)


async def test_a_printer_whose_date_does_not_come(tmp_path: Path) -> None:
    kept = Kept()
    master, slave = os.openpty()
    tty.setraw(slave)
    path = tmp_path / "printer"
    path.symlink_to(os.ttyname(slave))
    line = "火警: 00102003 光电感烟火灾探测器\n".encode("gbk")
    async with panel_line(kept, path, lambda moment: AdapterSession(Tx3004(), moment=moment)):
        await asyncio.sleep(0.2)  # what comes before the line is open is not read
        os.write(master, line)
        await until(lambda: kept.state.count(State.FIRE) == 1)
    os.close(master)
    os.close(slave)


async def test_events_are_kept_although_the_wire_is_gone() -> None:
    kept = Kept()

    def send(_: bytes) -> None:
        raise PortDownError("unplugged")

    time_ = SiteTime(SystemClock(), UTC)
    session = CentreSession(moment=time_.now())
    deliveries = Deliveries(
        session, port="x", keep=kept.keep, on_notice=kept.notice, time=time_, send=send
    )
    now = datetime(2026, 11, 29)  # noqa: DTZ001 (the device's own)
    data = component_status([SimulatedComponent(1, 1, 40, 10, 2, 3, "")], now)
    message = frame(5, SEND, data, source=889, destination=1, local=now)
    with pytest.raises(PortDownError, match="unplugged"):
        await deliveries.carry_out(session.receive(message, time_.now()), source="889")
    assert kept.state.count(State.FIRE) == 1


async def test_a_line_that_is_lost_is_told_and_opened_again(tmp_path: Path) -> None:
    kept, path = Kept(), tmp_path / "panel"
    async with panel_line(kept, path):
        await until(lambda: kept.notices == [("panel", "link_lost")])
        async with JbfPanel(path) as panel:
            await until(lambda: panel.polls > 1)
    assert kept.notices == [("panel", "link_lost"), ("panel", "link_restored")]

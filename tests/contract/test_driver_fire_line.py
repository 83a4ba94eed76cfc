"""Panels on serial lines: polled, listened to, lost and found again."""

import asyncio
import json
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
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
from protocols.fire.session import Delivery, Moment, PanelSession
from protocols.gb26875.options import SessionOptions
from protocols.gb26875.session import CentreSession
from protocols.panels.jbf193k import Jbf193k
from protocols.panels.session import AdapterSession
from protocols.panels.tx3004 import Tx3004
from simulators.fire_panel import FirePanel
from simulators.fire_wire import (
    CONFIRM,
    SEND,
    SimulatedComponent,
    component_status,
    frame,
    messages,
)
from simulators.panel_formats import FORMATS
from tests.fakes.fire_bench import HurriedClock, Kept, serving, until
from tests.fakes.memory_line import MemoryLink, Silent


def jbf(moment: Moment) -> AdapterSession:
    return AdapterSession(Jbf193k(polls_every_s=0.02), moment=moment)


@asynccontextmanager
async def panel_line(
    kept: Kept, path: Path, new_session: Callable[[Moment], PanelSession] = jbf
) -> AsyncIterator[HurriedClock]:
    port = ModbusRtuPort(kind="modbus_rtu", device=str(path), parity="N")
    thread, clock = OwnThread(), HurriedClock()
    time = SiteTime(clock, UTC)

    async def open_link() -> Link:
        return await open_serial(port, thread)

    line = PanelLine(
        "panel",
        source="panel",
        open_link=open_link,
        session=new_session(time.now()),
        hearer=kept.hearer,
        clock=clock,
        time=time,
    )
    async with serving(line):
        yield clock


async def test_a_panel_on_a_serial_line_is_polled(tmp_path: Path) -> None:
    kept, path = Kept(), tmp_path / "panel"
    async with FirePanel(path, FORMATS["jbf-193k"]()) as panel, panel_line(kept, path):
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
    printer = AdapterSession(Tx3004(), moment=Moment(0, datetime.min))  # noqa: DTZ901 (no matter)
    async with panel_line(kept, path, lambda _: printer) as clock:
        os.write(master, line)
        await until(lambda: printer.counts["frames"] == 1)
        assert kept.lines == []
        clock.skip(1)
        await until(lambda: kept.state.count(State.FIRE) == 1)
    os.close(master)
    os.close(slave)


async def test_a_network_that_floods_a_line_is_given_up_before_it_takes_the_memory() -> None:
    kept, hangs = Kept(), asyncio.Event()

    async def keep(_: Delivery) -> bool:
        return await hangs.wait()

    async def open_link() -> Link:
        return link

    link = MemoryLink(Silent)
    time_ = SiteTime(SystemClock(), UTC)
    line = PanelLine(
        "panel",
        source="panel",
        open_link=open_link,
        session=AdapterSession(Tx3004(), moment=time_.now()),
        hearer=replace(kept.hearer, keep=keep),
        clock=SystemClock(),
        time=time_,
        most_unheard=10_000,
    )
    serving_it = asyncio.create_task(line.serve(lambda: None))
    fire = "火警: 00102003 光电感烟火灾探测器\n26/11/29 02:00\n".encode("gbk")
    link.hear(fire)
    await asyncio.sleep(0)
    most = 0
    while not link.lost:
        link.hear(fire)
        most = max(most, len(link.received))
        await asyncio.sleep(0)
    assert 10_000 < most <= 10_000 + len(fire)
    hangs.set()
    with pytest.raises(PortDownError, match="no panel's"):
        await serving_it


async def test_events_are_kept_although_the_wire_is_gone() -> None:
    kept = Kept()

    def send(_: bytes) -> None:
        raise PortDownError("unplugged")

    time_ = SiteTime(SystemClock(), UTC)
    session = CentreSession(moment=time_.now())
    deliveries = Deliveries(session, port="x", hearer=kept.hearer, time=time_, send=send)
    now = datetime(2026, 11, 29)  # noqa: DTZ001 (the device's own)
    data = component_status([SimulatedComponent(1, 1, 40, 10, 2, 3, "")], now)
    message = frame(5, SEND, data, source=889, destination=1, local=now)
    with pytest.raises(PortDownError, match="unplugged"):
        await deliveries.carry_out(session.receive(message, time_.now()), source="889")
    assert kept.state.count(State.FIRE) == 1

"""Modbus and DL/T 645 on one pair: one owner, two settings of the line."""

import asyncio
import os
import termios
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from config.errors import ConfigError
from config.gateway import ResolvedDevice
from config.identifiers import IdentifierPoint
from config.line_units import MeterSettings
from config.load import load_agent, load_profiles
from config.members import member_of
from config.meter_ports import Dlt645Port
from config.point_kinds import AnyPoint, identifiers_of
from config.ports import ModbusRtuPort
from config.protocol import Protocol
from edge_agent.drivers.base import Driver, OnLateResponse
from edge_agent.drivers.dlt645.targets import Broadcast
from edge_agent.drivers.lines import Lines
from edge_agent.drivers.link import LineSetting
from edge_agent.drivers.modbus_client import ModbusClient
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.pair import PairDriver
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import PortDownError
from edge_agent.health import Health
from edge_agent.planners import planner_of
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.dlt645.commands import broadcast_time
from protocols.dlt645.frames import BROADCAST
from simulators.line_protocols import meter_unit
from tests.contract.test_meters_polled import Silent, of_meter
from tests.fakes.devices import device, point
from tests.fakes.memory_line import LateUnit, value_of
from tests.fakes.memory_pair import Group, MemoryPair
from tests.fakes.meter_line import meter
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_loop import LoopClock, run_virtually

if TYPE_CHECKING:
    from simulators.line import Responder

PORT = ModbusRtuPort(
    kind="modbus_rtu", device="/dev/none", baud=9600, parity="N", meters=MeterSettings()
)
MODBUS, METERS = LineSetting(9600, 8, "N", 1), LineSetting(2400, 8, "E", 1)
NUMBERS = range(1, 11)
ENERGY = {"e": IdentifierPoint(identifier="00010000")}
ADDRESSES = [f"{number:012d}" for number in range(101, 111)]


class Bench:
    def __init__(self, pairs: list[MemoryPair], devices: list[ResolvedDevice]) -> None:
        left = iter(pairs)

        async def open_line() -> MemoryPair:
            return next(left)

        self.sink, self.health = ListSink(), Health()

        def open_driver(late: OnLateResponse) -> Driver:
            return Lines(line_of=lambda _: open_line).open(PORT, LoopClock(), late)

        self.port = PortOwner(
            "pair",
            settings=PORT,
            devices={one.id: one for one in devices},
            open_driver=open_driver,
            sink=self.sink,
            health=self.health,
            availability=MemoryAvailability(),
            clock=LoopClock(),
            rng=Random(7),  # noqa: S311 (jitter, not a secret)
        )

    async def run_for(self, seconds: float) -> None:
        task = asyncio.create_task(self.port.run())
        await asyncio.sleep(seconds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def gaps_s(self, name: str, of: str) -> list[float]:
        times = self.sink.times_s(name, of)
        return [b - a for a, b in pairwise(times)]


def site(
    *, silent: bool = False, asked: Mapping[str, AnyPoint] = ENERGY
) -> tuple[MemoryPair, list[ResolvedDevice]]:
    """Ten units of Modbus every 10 s, ten meters every 60 s; ``silent``: one of each is."""
    units: dict[int, Responder] = {one: LateUnit(one, lambda: 0.0) for one in NUMBERS}
    meters: dict[str, Responder] = {one: meter(one) for one in ADDRESSES}
    if silent:
        units[3], meters[ADDRESSES[3]] = Silent(), Silent()
    devices = [
        device(f"d{one}", {"p": point(0, period_s=10.0, report_all=True)}, unit=one)
        for one in NUMBERS
    ]
    points = identifiers_of(asked)
    by_number = {meter_unit(address): one for address, one in meters.items()}
    pair = MemoryPair(Group(MODBUS, "rtu", units), Group(METERS, "dlt645", by_number, 0.03))
    return pair, devices + [of_meter(one, points, 60.0) for one in ADDRESSES]


@pytest.mark.long
@pytest.mark.parametrize("silent", [False, True])
def test_each_class_keeps_its_period_within_two_percent(silent: bool) -> None:  # noqa: FBT001
    async def work() -> None:
        pair, devices = site(silent=silent)
        bench = Bench([pair], devices)
        assert bench.port.load < 0.8
        await bench.run_for(600)
        for number in NUMBERS:
            if silent and number == 3:
                continue
            values = {one.value for one in bench.sink.of(f"d{number}", "p")}
            assert values == {value_of(number, 0)}
            assert max(bench.gaps_s(f"d{number}", "p")) <= 10.0 + 1.3 * silent + 0.2
        for address in ADDRESSES:
            if silent and address == ADDRESSES[3]:
                continue
            gaps = bench.gaps_s(f"m{address}", "e")
            assert len(gaps) >= 9
            assert max(gaps) <= 60.0 * 1.02 + 1.3 * silent
        # Requests of one protocol go together: the settings change a few times a minute.
        assert pair.changes <= 2 * 10 * 4

    run_virtually(work())


@pytest.mark.long
def test_a_pair_with_many_questions_keeps_its_periods_as_well() -> None:
    async def work() -> None:
        pair, devices = site(asked=load_profiles()["dlt645-single-phase"].read_points())
        bench = Bench([pair], devices)
        assert 0.65 < bench.port.load < 0.8
        await bench.run_for(600)
        for number in NUMBERS:
            gaps = bench.gaps_s(f"d{number}", "p")
            assert len(gaps) >= 58
            assert 9.8 <= min(gaps) <= max(gaps) <= 10.2
        for address in ADDRESSES:
            gaps = bench.gaps_s(f"m{address}", "frequency")
            assert len(gaps) >= 9
            assert 58.8 <= min(gaps) <= max(gaps) <= 61.2

    run_virtually(work())


def test_a_lost_pair_is_opened_again_and_both_protocols_go_on() -> None:
    async def work() -> None:
        (first, devices), (second, _) = site(), site()
        bench = Bench([first, second], devices)
        asyncio.get_running_loop().call_later(100.0, first.close, "unplugged")
        asyncio.get_running_loop().call_later(100.0, first.on_change)
        await bench.run_for(300)
        assert len(bench.sink.times_s("d1", "p")) >= 28
        assert len(bench.sink.times_s(f"m{ADDRESSES[0]}", "e")) >= 5
        assert second.changes > 0

    run_virtually(work())


def test_a_command_goes_out_between_meters() -> None:
    async def work() -> None:
        pair, devices = site()
        from tests.fakes.port_bench import WRITABLE  # noqa: PLC0415

        devices[0] = device(
            "d1", {"p": point(0, period_s=10.0, report_all=True, writable=WRITABLE)}, unit=1
        )
        bench = Bench([pair], devices)
        task = asyncio.create_task(bench.port.run())
        await asyncio.sleep(61.0)
        written = await bench.port.write("d1", "p", 5)
        # The unit of this test does not keep what is written; it acknowledges it.
        assert not written.confirmed
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    run_virtually(work())


def test_the_time_goes_out_at_the_settings_of_the_meters() -> None:
    async def work() -> None:
        pair, _ = site()

        async def open_line() -> MemoryPair:
            return pair

        async with Lines(line_of=lambda _: open_line).open(PORT, LoopClock()) as driver:
            told = broadcast_time(datetime(2026, 11, 29, 3, 20))  # noqa: DTZ001 (a meter's)
            reply = await driver.tell(BROADCAST, Broadcast(told), (), timeout_s=1.0)
            assert (pair.setting, pair.changes) == (METERS, 1)
            # 22 bytes of 11 bits at 2400 baud.
            assert reply.took_s == pytest.approx(22 * 11 / 2400)

    run_virtually(work())


def test_the_change_of_settings_is_counted_in_the_plan() -> None:
    alone = PORT.model_copy(update={"meters": None})
    of_registers = device("d1", {"p": point(0)})
    question = planner_of(of_registers, PORT).alone("p")
    priced = [planner_of(of_registers, one).expected_s(question) for one in (alone, PORT)]
    assert priced[1] - priced[0] == pytest.approx(0.05)
    meters = of_meter(ADDRESSES[0], {"e": IdentifierPoint(identifier="00010000")})
    asked = planner_of(meters, PORT).alone("e")
    line = member_of(PORT, Protocol.DLT645)
    of_meters = [planner_of(meters, one).expected_s(asked) for one in (line, PORT)]
    assert of_meters[1] - of_meters[0] == pytest.approx(0.05)


def test_the_agent_file_puts_both_on_one_port(tmp_path: Path) -> None:
    text = """
site: s
gateway: g
ports:
  pair: {kind: modbus_rtu, device: /dev/ttyUSB0, baud: 9600, parity: N, meters: {baud: 2400}}
  plain: {kind: modbus_rtu, device: /dev/ttyUSB1}
devices:
  unit: {port: pair, unit: 3, profile: eastron-sdm120, name: {en: U, zh: 单}}
  meter: {port: PORT, meter: "201000000012", profile: dlt645-single-phase, name: {en: M, zh: 表}}
"""
    path = tmp_path / "agent.yaml"
    path.write_text(text.replace("PORT", "pair"), "utf-8")
    assert {one.unit for one in load_agent(path).devices.values()} == {3, "201000000012"}
    path.write_text(text.replace("PORT", "plain"), "utf-8")
    with pytest.raises(ConfigError, match="carries modbus; this device speaks dlt645"):
        load_agent(path)


async def test_a_line_changes_its_settings_while_it_is_open() -> None:
    far, near = os.openpty()
    try:
        port = ModbusRtuPort(kind="modbus_rtu", device=os.ttyname(near), baud=9600, parity="N")
        link = await open_serial(port, OwnThread())
        try:
            os.write(far, b"late")
            link.configure(LineSetting(2400, 8, "N", 1))
            assert termios.tcgetattr(near)[4] == termios.B2400
            link.send(b"asked")
            assert os.read(far, 16) == b"asked"
            await asyncio.sleep(0.01)
            assert not link.received
        finally:
            link.close()
            await link.closed()
        with pytest.raises(PortDownError, match="closed"):
            link.configure(MODBUS)
    finally:
        os.close(far)
        os.close(near)


def test_what_meters_want_is_said_on_the_shared_port(tmp_path: Path) -> None:
    passwords = tmp_path / "meters"
    passwords.write_text("* 2 123456 00000001\n", "utf-8")
    passwords.chmod(0o600)
    port = PORT.model_copy(update={"meters": MeterSettings(password_file=passwords, baud=1200)})
    line = member_of(port, Protocol.DLT645)
    assert isinstance(line, Dlt645Port)
    assert (line.password_file, line.baud, line.timeout_s) == (passwords, 1200, port.timeout_s)
    driver = Lines().open(port, LoopClock())
    assert isinstance(driver, PairDriver)
    assert isinstance(
        Lines().open(PORT.model_copy(update={"meters": None}), LoopClock()), ModbusClient
    )

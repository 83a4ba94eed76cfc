"""M-Bus slaves on a simulated line: telegrams, addresses, the search, noise, somebody else."""

import random
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.ports import ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.mbus import client as mbus_client
from edge_agent.drivers.mbus.client import MBUS_LINE, MbusClient
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)
from protocols.errors import ValueRangeError
from protocols.mbus.addresses import SecondaryAddress, parse_secondary
from protocols.mbus.record import Function
from protocols.mbus.search import slave_search
from simulators.equipment.flow_meters import HeatMeter
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming, Reply, Responder
from simulators.mbus import SimulatedSlave, SlaveSettings, refusal
from simulators.serial_line import SerialLine
from tests.fakes.memory_line import MemoryLink, line_of
from tests.fakes.virtual_loop import LoopClock, run_virtually

TIMING = LineTiming(baud=2400, turnaround_s=0.03)
ONE = SecondaryAddress("12345678", 0x2C2D, 1, 4)


class Library:
    """Runs what decodes at once: a virtual clock would not wait for a thread."""

    async def run(self, call: Callable[[], object], *, timeout_s: float) -> object:
        del timeout_s
        return call()


def slaves(*settings: SlaveSettings, primary: int = 0) -> dict[int, FaultyUnit]:
    units: dict[int, FaultyUnit] = {}
    for number, one in enumerate(settings):
        meter = SimulatedSlave(
            str(one.address),
            equipment=HeatMeter(seed=number, started_s=0),
            settings=one,
            started_s=0,
        )
        units[number << 8 | primary] = FaultyUnit(meter, seed=number, refusal=refusal)
    return units


def on_line(
    work: Callable[[MbusClient, MemoryLink], Awaitable[None]], units: Mapping[int, Responder]
) -> None:
    async def main() -> None:
        link = MemoryLink(line_of(units, "mbus", TIMING))

        async def open_link() -> MemoryLink:
            return link

        async with MbusClient(open_link=open_link, clock=LoopClock()) as client:
            await work(client, link)

    with_library(main)


def with_library(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mbus_client, "OwnThread", Library)
        run_virtually(main())


def test_all_telegrams_of_a_slave_are_read_again_and_again() -> None:
    async def work(client: MbusClient, _: MemoryLink) -> None:
        for _ in range(3):
            reading = await client.read(5, timeout_s=0.5)
            assert reading.telegrams == 2
            assert reading.header is not None
            assert reading.header.slave == ONE
            now, stored = (
                next(r for r in reading.records if r.quantity == "energy" and r.storage == at)
                for at in (0, 1)
            )
            assert (now.unit, stored.unit) == ("kWh", "kWh")
            assert isinstance(now.value, float)
            assert isinstance(stored.value, float)
            assert now.value > stored.value > 0
            assert [r for r in reading.records if r.problem] == []
            assert any(r.function is Function.MAXIMUM for r in reading.records)
            assert any(str(r.value).startswith("2070-01-01T08:00") for r in reading.records)

    on_line(work, slaves(SlaveSettings(ONE), primary=5))


def test_a_slave_that_takes_no_notice_of_the_frame_count_bit_is_read_once() -> None:
    async def work(client: MbusClient, _: MemoryLink) -> None:
        reading = await client.read(5, timeout_s=0.5)
        assert reading.telegrams == 1
        assert reading.records

    on_line(work, slaves(SlaveSettings(ONE, counts_frames=False), primary=5))


def test_slaves_with_one_primary_address_are_read_by_their_secondary_ones() -> None:
    many = [SecondaryAddress(f"1234567{digit}", 0x2C2D, 1, 4) for digit in range(4)]

    async def work(client: MbusClient, _: MemoryLink) -> None:
        for _ in range(2):
            for slave in many:
                reading = await client.read(slave, timeout_s=0.5)
                assert reading.header is not None
                assert reading.header.slave == slave
                assert reading.telegrams == 2
        with pytest.raises(DeviceTimeoutError):
            await client.read(parse_secondary("99999999"), timeout_s=0.5)

    on_line(work, slaves(*(SlaveSettings(one) for one in many)))


class Eager:
    """Takes every selection for its own."""

    def __init__(self, inner: FaultyUnit) -> None:
        self._inner = inner

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        is_selection = pdu[2:3] == b"\x52"
        return self._inner.respond(pdu[:3] + b"\xff" * 8 if is_selection else pdu, now_s)


def test_a_telegram_of_somebody_else_is_refused() -> None:
    async def work(client: MbusClient, _: MemoryLink) -> None:
        with pytest.raises(DeviceGarbageError, match="123456782D2C0104 answered instead"):
            await client.read(parse_secondary("87654321"), timeout_s=0.5)
        assert (await client.read(parse_secondary("1234567F"), timeout_s=0.5)).telegrams == 2

    on_line(work, {0: Eager(slaves(SlaveSettings(ONE))[0])})


def test_data_are_sent_and_taken() -> None:
    async def work(client: MbusClient, link: MemoryLink) -> None:
        await client.send(5, b"\x01\x7a\x06", timeout_s=0.5)
        assert link.sent[-1].hex() == "6806066873055101 7a06 4a16".replace(" ", "")

    on_line(work, slaves(SlaveSettings(ONE), primary=5))


def test_who_is_there_acknowledges() -> None:
    async def work(client: MbusClient, _: MemoryLink) -> None:
        there = [one for one in range(8) if await client.is_there(one, timeout_s=0.3)]
        assert there == [2, 5]
        with pytest.raises(ValueRangeError):
            await client.is_there(251, timeout_s=0.3)

    on_line(work, slaves(SlaveSettings(ONE), primary=5) | slaves(SlaveSettings(ONE), primary=2))


@pytest.mark.seeds(3, 40)
def test_the_search_finds_every_slave_of_a_line_where_answers_collide(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (repeatable)
    numbers = {f"{rng.choice((1, 7))}{rng.randrange(10**7):07}" for _ in range(rng.randrange(9))}
    line = [SecondaryAddress(number, 0x2C2D, 1, 4) for number in sorted(numbers)]

    async def work(client: MbusClient, _: MemoryLink) -> None:
        search = slave_search()
        found = await client.search(search, timeout_s=0.3)
        assert sorted(map(str, found)) == sorted(map(str, line))
        assert search.unresolved == []

    on_line(work, slaves(*(SlaveSettings(one) for one in line)))


@pytest.mark.seeds(2, 20)
def test_the_search_finds_every_slave_of_a_noisy_line(seed: int) -> None:
    line = [SecondaryAddress(f"{number:08}", 0x2C2D, 1, 4) for number in (3, 7, 12345678)]

    async def work(client: MbusClient, _: MemoryLink) -> None:
        search = slave_search()
        found = await client.search(search, timeout_s=0.3, tries=3)
        assert sorted(map(str, found)) == sorted(map(str, line))
        assert search.unresolved == []

    units = slaves(*(SlaveSettings(one) for one in line))
    for number, one in enumerate(units.values()):
        one.faults.rng.seed(100 * seed + number)
        one.faults.add(Fault(FaultKind.NOISE, chance=0.1))
    on_line(work, units)


def test_noise_is_garbage_or_silence_and_never_a_wrong_slave() -> None:
    counted: list[str] = []

    async def work(client: MbusClient, _: MemoryLink) -> None:
        for _ in range(60):
            try:
                reading = await client.read(5, timeout_s=0.5)
                assert reading.header is not None
                assert reading.header.slave == ONE
                counted.append("value")
            except DriverError as error:
                counted.append(error.reason)

    units = slaves(SlaveSettings(ONE), primary=5)
    units[5].faults.add(Fault(FaultKind.NOISE, chance=0.2))
    on_line(work, units)
    assert 10 < counted.count("value") < 55
    assert set(counted) <= {"value", "garbage", "timeout"}


def test_an_application_error_is_told_with_its_bytes() -> None:
    async def work(client: MbusClient, _: MemoryLink) -> None:
        reading = await client.read(5, timeout_s=0.5, reset=False)
        assert reading.records == ()
        assert re.search(r"application error .* 68 04 04 68 08 05 70", reading.problem)

    units = slaves(SlaveSettings(ONE), primary=5)
    units[5].faults.add(Fault(FaultKind.EXCEPTION, code=8))
    on_line(work, units)


def test_a_missing_package_is_named_when_the_line_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "meterbus", None)

    async def work(_: MbusClient, __: MemoryLink) -> None: ...

    with pytest.raises(PortDownError, match=r"plantroom\[mbus\]"):
        on_line(work, {})


def test_nothing_is_asked_that_a_late_acknowledgement_could_be_taken_for() -> None:
    late: list[object] = []

    async def main() -> None:
        link = MemoryLink(line_of(units, "mbus", TIMING))

        async def open_link() -> MemoryLink:
            return link

        line = replace(MBUS_LINE, late_s=2.0)
        async with MbusClient(
            open_link=open_link,
            clock=LoopClock(),
            line=line,
            on_late_response=lambda unit, _: late.append(unit),
        ) as client:
            assert not await client.is_there(5, timeout_s=0.3)
            assert not await client.is_there(7, timeout_s=0.3)

    units = slaves(SlaveSettings(ONE), primary=5)
    units[5].faults.add(Fault(FaultKind.LATE, seconds=0.5))
    with_library(main)
    assert late == [5]


async def test_a_slave_answers_on_a_serial_line(tmp_path: Path) -> None:
    path = tmp_path / "line"
    port = ModbusRtuPort(
        kind="modbus_rtu", device=str(path), baud=9600, data_bits=8, parity="N", stop_bits=1
    )
    thread = OwnThread()
    units = slaves(SlaveSettings(ONE), SlaveSettings(replace(ONE, identification="87654321")))
    async with (
        SerialLine(units, path=path, timing=LineTiming(baud=9600), framing="mbus"),
        MbusClient(
            open_link=lambda: open_serial(port, thread),
            clock=SystemClock(),
            line=replace(MBUS_LINE, baud=9600),
        ) as client,
    ):
        reading = await client.read(ONE, timeout_s=1)
        assert (reading.telegrams, reading.header and reading.header.slave) == (2, ONE)

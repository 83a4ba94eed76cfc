"""Meters of CJ/T 188 on a simulated line: answers, refusals, late ones, garbage, cuts."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from config.ports import ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.cjt188.client import Cjt188Client
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.serial_line import open_serial
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)
from protocols.cjt188 import identifiers
from protocols.cjt188.addresses import WILDCARD
from protocols.cjt188.dialect import Dialect, StatusBits, TimeOrder
from protocols.cjt188.frames import Frame
from protocols.cjt188.identifiers import ByteOrder
from protocols.cjt188.requests import CLOSE_VALVE, OPEN_VALVE, read
from protocols.errors import ValueRangeError
from simulators.cjt188 import MeterSettings, SimulatedMeter, meter_unit, refusal
from simulators.equipment.flow_meters import HeatMeter, WaterMeter
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming
from simulators.serial_line import SerialLine
from tests.fakes.memory_line import MemoryLink, Silent, line_of
from tests.fakes.virtual_loop import LoopClock, run_virtually

WATER, HEAT, OTHER = "78330011223344", "11110000000002", "11110000000003"
LINE = FrameLine(timeout_s=1.0)
TIMING = LineTiming(baud=2400, turnaround_s=0.05)
ODD = Dialect(
    byte_order=ByteOrder.LOW_FIRST,
    time_order=TimeOrder.YEAR_FIRST,
    status_bits=StatusBits.HIGH,
    layout="heat_short",
    echoes_serial=False,
)


def line() -> dict[int, FaultyUnit]:
    made = {
        (0x10, WATER): (WaterMeter, Dialect()),
        (0x20, HEAT): (HeatMeter, Dialect()),
        (0x20, OTHER): (HeatMeter, ODD),
    }
    units: dict[int, FaultyUnit] = {}
    for (kind, address), (model, dialect) in made.items():
        settings = MeterSettings(kind, address, dialect)
        meter = SimulatedMeter(
            address, equipment=model(seed=3, started_s=0), settings=settings, started_s=0
        )
        units[meter_unit(kind, address)] = FaultyUnit(meter, seed=1, refusal=refusal)
    return units


def fault(units: dict[int, FaultyUnit], kind: int, address: str, *faults: Fault) -> None:
    for one in faults:
        units[meter_unit(kind, address)].faults.add(one)


def on_line(
    work: Callable[[Cjt188Client, MemoryLink], Awaitable[None]],
    units: dict[int, FaultyUnit] | None = None,
    settings: FrameLine = LINE,
    **options: Any,
) -> None:
    async def main() -> None:
        link = MemoryLink(line_of(units or line(), "cjt188", TIMING))

        async def open_link() -> MemoryLink:
            return link

        async with Cjt188Client(
            open_link=open_link, line=settings, clock=LoopClock(), **options
        ) as client:
            await work(client, link)

    run_virtually(main())


def test_meters_of_several_kinds_answer_on_one_line() -> None:
    async def work(client: Cjt188Client, _: MemoryLink) -> None:
        water = await client.read(0x10, WATER, 0x901F, timeout_s=1)
        assert water.reading.value("volume").unit == "m3"
        assert water.reading.value("valve").value == "open"
        heat = await client.read(0x20, HEAT, 0x901F, timeout_s=1)
        assert heat.reading.layout == "heat"
        supply = heat.reading.value("supply_temperature").value
        back = heat.reading.value("return_temperature").value
        assert isinstance(supply, float)
        assert isinstance(back, float)
        assert 5 < supply - back < 25
        odd = await client.read(0x20, OTHER, 0x901F, timeout_s=1, dialect=ODD)
        assert (odd.reading.layout, odd.reading.value("valve").value) == ("heat_short", "open")
        assert str(odd.reading.value("time").value).startswith("1970-01-01T08:00")

    on_line(work)


def test_the_predicted_length_is_what_comes() -> None:
    async def work(client: Cjt188Client, _: MemoryLink) -> None:
        answered = await client.read(0x20, HEAT, 0x901F, timeout_s=1)
        asked = read(0x20, HEAT, 0x901F)
        on_wire = LINE.wire_s(len(asked.encode()) + asked.answer_bytes)
        assert answered.took_s == pytest.approx(on_wire + TIMING.turnaround_s, abs=0.01)

    on_line(work)


def test_the_valve_is_closed_and_opened() -> None:
    async def work(client: Cjt188Client, _: MemoryLink) -> None:
        for code, word in ((CLOSE_VALVE, "closed"), (OPEN_VALVE, "open")):
            told = await client.set_valve(0x10, WATER, code, timeout_s=1)
            assert told.reading.value("valve").value == word
            read = await client.read(0x10, WATER, 0x901F, timeout_s=1)
            assert read.reading.value("valve").value == word

    on_line(work)


def test_the_only_meter_of_a_line_says_its_address() -> None:
    async def work(client: Cjt188Client, _: MemoryLink) -> None:
        told = await client.read_address(timeout_s=1)
        assert (told.reading.meter_type, told.reading.address) == (0x10, WATER)

    units = line()
    only = meter_unit(0x10, WATER)
    on_line(work, {only: units[only]})


def test_several_answers_to_the_wildcard_are_garbage() -> None:
    async def work(client: Cjt188Client, _: MemoryLink) -> None:
        with pytest.raises(DeviceGarbageError):
            await client.read_address(timeout_s=1)

    on_line(work)


def test_a_refusal_is_told_with_its_status() -> None:
    async def work(client: Cjt188Client, _: MemoryLink) -> None:
        with pytest.raises(DeviceRefusedError, match="810BH"):
            await client.read(0x10, WATER, 0x810B, timeout_s=1)
        with pytest.raises(DeviceRefusedError, match=r"prices: refused, status 0000H"):
            await client.write(0x10, WATER, 0xA010, b"\x00", timeout_s=1)

    on_line(work)


def test_a_meter_that_is_silent_times_out_and_the_others_go_on() -> None:
    async def work(client: Cjt188Client, _: MemoryLink) -> None:
        for _ in range(3):
            with pytest.raises(DeviceTimeoutError):
                await client.read(0x10, WATER, 0x901F, timeout_s=0.5)
            await client.read(0x20, HEAT, 0x901F, timeout_s=1)

    units = line()
    fault(units, 0x10, WATER, Fault(FaultKind.OFFLINE))
    on_line(work, units)


def test_a_late_answer_is_reported_and_taken_for_no_other() -> None:
    late: list[tuple[object, float]] = []

    async def work(client: Cjt188Client, _: MemoryLink) -> None:
        for identifier, pause_s in ((0x901F, 2), (0xD120, 0), (0x901F, 0)):
            # The late answer may meet the next request on the line.
            with pytest.raises((DeviceTimeoutError, DeviceGarbageError)):
                await client.read(0x10, WATER, identifier, timeout_s=0.5)
            await asyncio.sleep(pause_s)
        units[meter_unit(0x10, WATER)].faults.clear()
        for _ in range(6):
            with suppress(DeviceTimeoutError, DeviceGarbageError):
                reading = (await client.read(0x10, WATER, 0x901F, timeout_s=1)).reading
                assert (reading.identifier, reading.layout) == (0x901F, "volume")

    units = line()
    fault(units, 0x10, WATER, Fault(FaultKind.LATE, seconds=0.9))
    on_line(work, units, on_late_response=lambda unit, after_s: late.append((unit, after_s)))
    assert [unit for unit, _ in late] == [WATER] * len(late)
    assert late
    assert all(0.5 < after_s < 3 for _, after_s in late)


def test_where_a_meter_numbers_no_answers_a_command_waits_for_the_one_before() -> None:
    async def work(client: Cjt188Client, link: MemoryLink) -> None:
        with pytest.raises(DeviceTimeoutError):
            await client.set_valve(0x20, OTHER, CLOSE_VALVE, timeout_s=0.5, dialect=ODD)
        sent = len(link.sent)
        with pytest.raises(DeviceTimeoutError, match="could be taken") as refusal:
            await client.set_valve(0x20, OTHER, OPEN_VALVE, timeout_s=0.5, dialect=ODD)
        assert not refusal.value.went_out
        assert len(link.sent) == sent
        await client.read(0x10, WATER, 0x901F, timeout_s=1)
        # A read may be repeated: whichever answer comes is one to it.
        units[meter_unit(0x20, OTHER)].faults.clear()
        for _ in range(2):
            await client.read(0x20, OTHER, 0x901F, timeout_s=1, dialect=ODD)

    units = line()
    fault(units, 0x20, OTHER, Fault(FaultKind.OFFLINE))
    on_line(work, units)


def test_noise_is_garbage_or_silence_and_never_a_wrong_value() -> None:
    counted: list[str] = []

    async def work(client: Cjt188Client, _: MemoryLink) -> None:
        for _ in range(100):
            try:
                reading = (await client.read(0x10, WATER, 0x901F, timeout_s=1)).reading
                assert reading.value("valve").value == "open"
                counted.append("value")
            except DriverError as error:
                counted.append(error.reason)

    units = line()
    fault(units, 0x10, WATER, Fault(FaultKind.NOISE, chance=0.5))
    on_line(work, units)
    assert 20 < counted.count("value") < 80
    assert counted.count("garbage") > 10


def test_garbage_before_an_answer_and_a_cut_one_before_it_do_no_harm() -> None:
    answer = Frame(0x10, WATER, 0x81, bytes.fromhex("901F01 00776655 2C 00776655 2C") + bytes(9))

    async def work(client: Cjt188Client, link: MemoryLink) -> None:
        asyncio.get_running_loop().call_later(
            0.2, link.hear, answer.encode()[:20] + b"\x68\x00" + answer.encode(wake_up=4)
        )
        reading = (await client.read(0x10, WATER, 0x901F, timeout_s=1)).reading
        assert reading.value("volume").value == 556677.0

    async def main() -> None:
        link = MemoryLink(Silent)

        async def open_link() -> MemoryLink:
            return link

        async with Cjt188Client(open_link=open_link, line=LINE, clock=LoopClock()) as client:
            await work(client, link)

    run_virtually(main())


def test_a_lost_line_and_a_wrong_address_are_told_as_such() -> None:
    async def work(client: Cjt188Client, link: MemoryLink) -> None:
        with pytest.raises(ValueRangeError, match="14 digits"):
            await client.read(0x10, "11", 0x901F, timeout_s=1)
        link.lost = "unplugged"
        with pytest.raises(PortDownError, match="unplugged"):
            await client.read(0x10, WATER, 0x901F, timeout_s=1)

    on_line(work)


def test_an_answer_of_an_unknown_layout_is_garbage_with_its_bytes() -> None:
    async def work(client: Cjt188Client, _: MemoryLink) -> None:
        with pytest.raises(DeviceGarbageError, match=r"'heat' has 43 bytes, .* has 19"):
            await client.read(
                0x10, WATER, identifiers.READING, timeout_s=1, dialect=Dialect(layout="heat")
            )

    on_line(work)


async def test_a_meter_answers_on_a_serial_line(tmp_path: Path) -> None:
    units = line()
    path = tmp_path / "line"
    port = ModbusRtuPort(
        kind="modbus_rtu", device=str(path), baud=9600, data_bits=8, parity="N", stop_bits=1
    )
    thread = OwnThread()
    async with (
        SerialLine(units, path=path, timing=LineTiming(baud=9600), framing="cjt188"),
        Cjt188Client(
            open_link=lambda: open_serial(port, thread),
            line=FrameLine(baud=9600),
            clock=SystemClock(),
        ) as client,
    ):
        answered = await client.read(0x10, WATER, 0x901F, timeout_s=2)
        assert answered.reading.address == WATER != WILDCARD

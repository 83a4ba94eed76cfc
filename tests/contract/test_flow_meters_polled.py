"""Meters of a CJ/T 188 line as the agent polls them, in the time of the loop."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import yaml

from config.base import Words
from config.cjt188 import Cjt188Settings, FieldPoint
from config.gateway import ResolvedDevice
from config.load import load_profiles
from config.meter_ports import Cjt188Port
from config.point_kinds import fields_of
from config.profiles import Limits
from config.protocol import Protocol
from edge_agent.drivers.base import OnLateResponse
from edge_agent.drivers.cjt188.client import Cjt188Client
from edge_agent.drivers.cjt188.driver import Cjt188Driver
from edge_agent.drivers.cjt188.valves import Valves
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.question import ALL_AVAILABLE
from edge_agent.health import Health
from edge_agent.planners import planner_of
from edge_agent.polling.availability_store import MemoryAvailability, points_digest
from edge_agent.polling.port import PortOwner
from protocols.cjt188.frames import decode_frame
from protocols.cjt188.identifiers import ByteOrder
from protocols.reading import Quality, Reading
from simulators.cjt188 import MeterSettings, SimulatedMeter, meter_unit, refusal
from simulators.equipment.flow_meters import HeatMeter, WaterMeter
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming
from tests.fakes.memory_line import MemoryLink, line_of
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_loop import LoopClock, run_virtually

PORT = Cjt188Port(kind="cjt188", device="/dev/none")
WATER, HEAT, GONE = "78330011223344", "11110000000002", "11110000000009"
WATER_POINTS = {
    "volume": FieldPoint(field="volume", unit="m³", totalizer=True),
    "litres": FieldPoint(field="volume", unit="L", scale=1000),
    "valve": FieldPoint(field="valve"),
    "battery_low": FieldPoint(field="battery_low"),
    "closed": FieldPoint(field="status", bit=0),
    "time": FieldPoint(field="time"),
    "last_month": FieldPoint(field="volume", identifier="D120", unit="m³"),
}
HEAT_POINTS = {
    "heat_energy": FieldPoint(field="heat", unit="kWh"),
    "supply": FieldPoint(field="supply_temperature", unit="°C", plausible=(0, 50)),
}


def device(
    address: str, kind: str, points: Mapping[str, FieldPoint], period_s: float = 10.0
) -> ResolvedDevice:
    name = Words(en="Meter", zh="表")
    timed = {"period_s": period_s, "max_silence_s": 300.0, "name": name, "report_all": True}
    return ResolvedDevice(
        id=f"m{address}",
        port="line",
        unit=address,
        profile="",
        equipment_class="",
        name=name,
        limits=Limits(),
        points={key: one.model_copy(update=timed) for key, one in points.items()},
        protocol=Protocol.CJT188,
        cjt188=Cjt188Settings(type=kind),
    )


def units() -> dict[int, FaultyUnit]:
    made: dict[int, FaultyUnit] = {}
    for kind, address, model in ((0x10, WATER, WaterMeter), (0x20, HEAT, HeatMeter)):
        meter = SimulatedMeter(
            address,
            equipment=model(seed=3, started_s=0),
            settings=MeterSettings(kind, address),
            started_s=0,
        )
        made[meter_unit(kind, address)] = FaultyUnit(meter, seed=1, refusal=refusal)
    return made


class Polled(NamedTuple):
    """A line that is polled."""

    port: PortOwner
    sink: ListSink
    link: MemoryLink


@asynccontextmanager
async def polling(
    devices: list[ResolvedDevice], line: Mapping[int, FaultyUnit], settings: Cjt188Port = PORT
) -> AsyncGenerator[Polled]:
    timing = LineTiming(baud=2400, turnaround_s=0.05)
    link = MemoryLink(line_of(line, "cjt188", timing))

    async def open_link() -> MemoryLink:
        return link

    def open_driver(late: OnLateResponse) -> Cjt188Driver:
        client = Cjt188Client(
            open_link=open_link,
            line=FrameLine.of(settings),
            clock=LoopClock(),
            on_late_response=late,
        )
        return Cjt188Driver(client, Valves(settings))

    sink = ListSink()
    port = PortOwner(
        "line",
        settings=settings,
        devices={one.id: one for one in devices},
        open_driver=open_driver,
        sink=sink,
        health=Health(),
        availability=MemoryAvailability(),
        clock=LoopClock(),
        rng=Random(7),  # noqa: S311 (jitter, not a secret)
    )
    task = asyncio.create_task(port.run())
    try:
        yield Polled(port, sink, link)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def polled(
    devices: list[ResolvedDevice], line: dict[int, FaultyUnit], seconds: float
) -> tuple[ListSink, MemoryLink]:
    async def main() -> tuple[ListSink, MemoryLink]:
        async with polling(devices, line) as one:
            await asyncio.sleep(seconds)
        return one.sink, one.link

    return run_virtually(main())


def of(sink: ListSink, address: str, point: str) -> list[Reading]:
    return sink.of(f"m{address}", point)


def good(sink: ListSink, address: str, point: str) -> list[Any]:
    return [one.value for one in of(sink, address, point) if one.quality is Quality.GOOD]


def test_fields_become_readings_and_each_identifier_is_asked_once() -> None:
    devices = [device(WATER, "10", WATER_POINTS), device(HEAT, "20", HEAT_POINTS)]
    sink, link = polled(devices, units(), 100)
    volumes = good(sink, WATER, "volume")
    assert len(volumes) >= 9
    assert volumes == sorted(volumes)
    assert good(sink, WATER, "litres")[0] == 1000 * volumes[0]
    assert set(good(sink, WATER, "valve")) == {"open"}
    assert set(good(sink, WATER, "battery_low")) == {False}
    assert set(good(sink, WATER, "closed")) == {False}
    assert good(sink, WATER, "time")[0].startswith("1970-01-01T08:00")
    assert len(good(sink, WATER, "last_month")) >= 9
    assert len(good(sink, HEAT, "heat_energy")) >= 9
    assert {one.reason for one in of(sink, HEAT, "supply")} == {"implausible"}
    assert len(link.sent) <= 3 * (len(volumes) + 1)


def test_a_meter_that_is_gone_does_not_keep_the_others_waiting() -> None:
    devices = [device(WATER, "10", WATER_POINTS), device(GONE, "20", HEAT_POINTS)]
    sink, _ = polled(devices, units(), 300)
    times = [one.taken_at for one in of(sink, WATER, "volume")]
    gaps = [b - a for a, b in pairwise(times)]
    assert max(gaps) < 12_000
    assert good(sink, GONE, "heat_energy") == []


def test_an_abnormal_valve_is_a_fault_and_a_refusal_is_told() -> None:
    line = units()
    unit = line[meter_unit(0x10, WATER)]
    unit._inner.hold("valve", "abnormal")  # type: ignore[attr-defined]
    line[meter_unit(0x20, HEAT)].faults.add(Fault(FaultKind.EXCEPTION, code=1))
    devices = [device(WATER, "10", WATER_POINTS), device(HEAT, "20", HEAT_POINTS)]
    sink, _ = polled(devices, line, 60)
    assert set(good(sink, WATER, "valve")) == {"fault"}
    assert good(sink, HEAT, "heat_energy") == []
    assert of(sink, HEAT, "heat_energy")


def test_a_damaged_answer_is_no_value_of_any_point() -> None:
    one = device(WATER, "10", WATER_POINTS)
    planner = planner_of(one, PORT)
    question = planner.alone("volume")
    read = planner.reader(question)
    assert read(b"\x90\x1f\x00\x01", 5) == [Reading("volume", None, Quality.BAD, 5, "undecodable")]
    body = bytes.fromhex("901F00 FFFFFFFF2C 0000000A2C") + bytes(9)
    assert read(body, 5)[0].reason in {"not_available", "undecodable"}


READ_AS = {
    ("cjt188-water", "water_2015_answer"): {
        "volume": 556677.0,
        "settled_volume": 556677.0,
        "valve": "closed",
        "battery_low": False,
        "meter_time": "2015-05-11T22:01:31",
    },
    ("cjt188-heat", "heat_answer"): {
        "heat_energy": 1367.45,
        "settled_energy": 1250.0,
        "heat_power": 8.32,
        "flow": 0.124,
        "volume": 7788.99,
        "supply_temperature": 75.34,
        "return_temperature": 43.21,
        "run_hours": 123456.0,
        "valve": "open",
        "battery_low": True,
        "meter_time": "2025-12-31T23:59:59",
    },
}
"""Device file and frame of tests/cases/cjt188 -> what is read."""


@pytest.mark.parametrize(("profile", "case"), READ_AS)
def test_a_device_file_reads_a_frame(profile: str, case: str) -> None:
    path = Path(__file__).parents[1] / "cases" / "cjt188" / f"{case}.yaml"
    frame = decode_frame(bytes.fromhex(yaml.safe_load(path.read_text("utf-8"))["frame"]))
    file = load_profiles()[profile]
    assert file.cjt188 is not None
    points = {name: one.model_copy(update={"period_s": 1.0}) for name, one in file.points.items()}
    one = device(frame.address, file.cjt188.type, fields_of(points), 1.0)
    planner = planner_of(one, PORT)
    (question,) = planner.plan(1.0, ALL_AVAILABLE)
    readings = planner.reader(question)(frame.data, 5)
    assert {r.point: r.value for r in readings} == READ_AS[profile, case]
    assert {r.quality for r in readings} == {Quality.GOOD}


def test_other_settings_of_a_meter_forget_what_it_did_not_give() -> None:
    one = device(WATER, "10", WATER_POINTS)
    other = replace(one, cjt188=Cjt188Settings(type="10", byte_order=ByteOrder.LOW_FIRST))
    assert points_digest(one) != points_digest(other)

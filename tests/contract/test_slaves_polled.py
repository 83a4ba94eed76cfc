"""Slaves of an M-Bus as the agent polls them, in the time of the loop."""

import asyncio
import importlib
from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from structlog.testing import capture_logs

from config.base import Words
from config.gateway import ResolvedDevice
from config.load import load_profiles
from config.mbus import MbusSettings, RecordPoint
from config.meter_ports import MbusPort
from config.point_kinds import records_of
from config.profiles import Limits
from config.protocol import Protocol
from edge_agent.drivers.base import OnLateResponse
from edge_agent.drivers.mbus import client as mbus_client
from edge_agent.drivers.mbus.client import MbusClient, SlaveReading
from edge_agent.drivers.mbus.driver import MbusDriver
from edge_agent.drivers.mbus.driver import records_of as read_records
from edge_agent.drivers.mbus.line import mbus_line
from edge_agent.drivers.mbus.records import decode_records
from edge_agent.drivers.question import ALL_AVAILABLE
from edge_agent.health import Health
from edge_agent.planners import planner_of
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.mbus.addresses import SecondaryAddress
from protocols.mbus.frames import LongFrame, decode_frame
from protocols.mbus.quantities import NUMBERS, TEXTS, UNITS
from protocols.mbus.record import Function
from protocols.reading import Quality, Reading
from simulators.equipment.base import Equipment
from simulators.equipment.flow_meters import HeatMeter, WaterMeter
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming
from simulators.mbus import SimulatedSlave, SlaveSettings, refusal
from tests.fakes.memory_line import MemoryLink, line_of
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_loop import LoopClock, run_virtually

PORT = MbusPort(kind="mbus", device="/dev/none")
CASES = Path(__file__).parents[1] / "cases" / "mbus"
HEAT, WATER, GONE = "12345678", "87654321", "00000009"
HEAT_POINTS = {
    "heat_energy": RecordPoint(quantity="energy", unit="kWh", totalizer=True),
    "mwh": RecordPoint(quantity="energy", unit="MWh", scale=0.001),
    "settled": RecordPoint(quantity="energy", storage=1, unit="kWh"),
    "part": RecordPoint(quantity="energy", storage=1, tariff=1, subunit=1, unit="kWh"),
    "peak": RecordPoint(quantity="power", function=Function.MAXIMUM, vif="2B", unit="kW"),
    "supply": RecordPoint(quantity="flow_temperature", unit="°C", plausible=(0, 20)),
    "battery_low": RecordPoint(quantity="status", bit=2),
    "ok": RecordPoint(quantity="status", bit=3, inverted=True),
    "time": RecordPoint(quantity="date_time"),
    "second": RecordPoint(quantity="energy", nth=1),
    "mass": RecordPoint(quantity="mass"),
}
WATER_POINTS = {
    "volume": RecordPoint(quantity="volume", unit="m³"),
    "settled": RecordPoint(quantity="volume", storage=1, unit="m³"),
}


class Library:
    """Runs what decodes at once: a virtual clock would not wait for a thread."""

    async def run(self, call: Any, *, timeout_s: float) -> object:
        del timeout_s
        return call()


def device(
    unit: int | str, points: Mapping[str, RecordPoint], period_s: float = 10.0, **settings: Any
) -> ResolvedDevice:
    name = Words(en="Meter", zh="表")
    timed = {"period_s": period_s, "max_silence_s": 300.0, "name": name, "report_all": True}
    return ResolvedDevice(
        id=f"m{unit}",
        port="line",
        unit=unit,
        profile="",
        equipment_class="",
        name=name,
        limits=Limits(),
        points={key: one.model_copy(update=timed) for key, one in points.items()},
        protocol=Protocol.MBUS,
        mbus=MbusSettings(**settings),
    )


def slave(number: str, model: type[Equipment], medium: int, primary: int) -> dict[int, FaultyUnit]:
    address = SecondaryAddress(number, 0x2C2D, 1, medium)
    meter = SimulatedSlave(
        number,
        equipment=model(seed=3, started_s=0),  # type: ignore[call-arg]
        settings=SlaveSettings(address),
        started_s=0,
    )
    return {int(number) << 8 | primary: FaultyUnit(meter, seed=1, refusal=refusal)}


def units() -> dict[int, FaultyUnit]:
    return slave(HEAT, HeatMeter, 4, 5) | slave(WATER, WaterMeter, 7, 6)


def polled(
    devices: list[ResolvedDevice],
    line: dict[int, FaultyUnit],
    seconds: float,
    port: MbusPort = PORT,
) -> tuple[ListSink, MemoryLink, Health]:
    async def main() -> tuple[ListSink, MemoryLink, Health]:
        timing = LineTiming(baud=2400, turnaround_s=0.05)
        link = MemoryLink(line_of(line, "mbus", timing))

        async def open_link() -> MemoryLink:
            return link

        def open_driver(late: OnLateResponse) -> MbusDriver:
            line = mbus_line(port)
            return MbusDriver(
                MbusClient(open_link=open_link, line=line, clock=LoopClock(), on_late_response=late)
            )

        sink, health = ListSink(), Health()
        owner = PortOwner(
            "line",
            settings=port,
            devices={one.id: one for one in devices},
            open_driver=open_driver,
            sink=sink,
            health=health,
            availability=MemoryAvailability(),
            clock=LoopClock(),
            rng=Random(7),  # noqa: S311 (jitter, not a secret)
        )
        task = asyncio.create_task(owner.run())
        await asyncio.sleep(seconds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return sink, link, health

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mbus_client, "OwnThread", Library)
        return run_virtually(main())


def of(sink: ListSink, unit: int | str, point: str) -> list[Reading]:
    return sink.of(f"m{unit}", point)


def good(sink: ListSink, unit: int | str, point: str) -> list[Any]:
    return [one.value for one in of(sink, unit, point) if one.quality is Quality.GOOD]


def test_records_of_slaves_become_readings_by_either_address() -> None:
    devices = [device(HEAT, HEAT_POINTS), device(6, WATER_POINTS)]
    sink, link, _ = polled(devices, units(), 100)
    energies = good(sink, HEAT, "heat_energy")
    assert len(energies) >= 9
    assert energies == sorted(energies)
    assert good(sink, HEAT, "mwh")[0] == pytest.approx(energies[0] / 1000)
    assert 0 < good(sink, HEAT, "settled")[0] < energies[0]
    assert good(sink, HEAT, "part") == good(sink, HEAT, "settled")
    assert good(sink, HEAT, "peak")[0] > 0
    assert set(good(sink, HEAT, "battery_low")) == {False}
    assert set(good(sink, HEAT, "ok")) == {True}
    assert good(sink, HEAT, "time")[0].startswith("2070-01-01T08:00")
    assert {one.reason for one in of(sink, HEAT, "supply")} == {"implausible"}
    for name in ("second", "mass"):
        assert {one.reason for one in of(sink, HEAT, name)} == {"not_available"}
    volumes = good(sink, 6, "volume")
    assert len(volumes) >= 9
    assert good(sink, 6, "settled")[0] < volumes[0]
    # Selected or reset, and two telegrams each.
    assert len(link.sent) <= 3 * 2 * (len(energies) + 1)


def test_a_slave_that_is_gone_does_not_keep_the_others_waiting() -> None:
    devices = [device(HEAT, HEAT_POINTS), device(GONE, HEAT_POINTS), device(99, WATER_POINTS)]
    sink, _, health = polled(devices, units(), 600)
    times = [one.taken_at for one in of(sink, HEAT, "heat_energy")]
    assert max(b - a for a, b in pairwise(times)) < 13_000
    assert good(sink, GONE, "heat_energy") == good(sink, 99, "volume") == []
    assert health.requests.of("line").busy_s < 400


def test_a_slave_that_comes_back_is_read_again() -> None:
    line = units()
    line[int(HEAT) << 8 | 5].faults.add(Fault(FaultKind.FLAPPING, 60.0))
    sink, _, _ = polled([device(HEAT, HEAT_POINTS)], line, 600)
    qualities = [one.quality for one in of(sink, HEAT, "heat_energy")]
    changes = sum(a is not b for a, b in pairwise(qualities))
    assert changes >= 4
    assert qualities.count(Quality.GOOD) > 15


def test_an_answer_that_cannot_be_decoded_is_a_bad_reading_and_its_bytes_are_told_once() -> None:
    line = units()
    # A general application error instead of a telegram.
    line[int(HEAT) << 8 | 5].faults.add(Fault(FaultKind.EXCEPTION, code=8))
    one = device(5, HEAT_POINTS, reset=False)
    with capture_logs() as logs:
        sink, _, _ = polled([one], line, 100)
    assert len(of(sink, 5, "heat_energy")) >= 9
    assert {r.reason for r in of(sink, 5, "heat_energy")} == {"undecodable"}
    told = [log for log in logs if log["event"] == "record_undecodable"]
    assert len(told) == 1
    assert (told[0]["unit"], told[0]["record"]) == (5, "telegram")
    assert "68 04 04 68 08 05 70 08" in told[0]["problem"]


def test_a_late_answer_is_waited_for_where_the_port_says_so() -> None:
    line = units()
    line[int(HEAT) << 8 | 5].faults.add(Fault(FaultKind.LATE, seconds=0.9, chance=0.3))
    port = PORT.model_copy(update={"late_s": 2.0, "timeout_s": 0.4})
    devices = [device(5, HEAT_POINTS), device(6, WATER_POINTS)]
    sink, _, _ = polled(devices, line, 600, port)
    assert len(good(sink, 6, "volume")) > 40
    assert max(good(sink, 6, "volume")) < 2000
    assert len(good(sink, 5, "heat_energy")) > 10


def test_the_plan_says_how_long_a_read_takes() -> None:
    one = device(HEAT, HEAT_POINTS, telegrams=2, answer_bytes=146)
    planner = planner_of(one, PORT, answer_s=0.05)
    (question,) = planner.plan(10.0, ALL_AVAILABLE)
    assert set(question.points) == set(HEAT_POINTS)
    assert (question.address, question.halves({}), question.apart({})) == ("all records", (), ())
    character_s = 11 / 2400
    assert planner.wire_s(question) == pytest.approx((17 + 1 + 2 * 5 + 146) * character_s)
    beside_s = planner.expected_s(question) - planner.wire_s(question)
    assert beside_s == pytest.approx(3 * (0.05 + 0.05))
    by_number = planner_of(device(5, HEAT_POINTS, reset=False), PORT).alone("peak")
    assert by_number.wire_s == pytest.approx((5 + 120) * character_s)


READ_AS: dict[tuple[str, str], dict[str, object]] = {
    ("mbus-heat", "example_data_01"): {
        "heat_energy": 1389817.0,
        "heat_power": 0.0,
        "flow": 0.0,
        "volume": 504647.0,
        "supply_temperature": 41.74,
        "return_temperature": 35.46,
        "battery_low": False,
        "fault": False,
    },
    ("mbus-heat", "elster_f96_plus"): {
        "heat_energy": 0.0,
        "settled_energy": 0.0,
        "volume": 0.0,
        "supply_temperature": 22.7,
        "return_temperature": 22.6,
        "temperature_difference": 0.1,
        "run_hours": 17520.0,
        "battery_low": False,
        "fault": False,
        "meter_time": "2014-03-13T13:09:00",
    },
    ("mbus-water", "siemens_wfh21"): {
        "volume": 0.101,
        "flow": 0.0,
        "battery_low": False,
        "fault": False,
        "meter_time": "2011-09-14T08:56:00",
    },
}
"""Device file and telegram of tests/cases/mbus -> what is read of it; the rest is not there."""


@pytest.mark.parametrize(("profile", "case"), READ_AS)
def test_a_device_file_reads_a_recorded_telegram(profile: str, case: str) -> None:
    known = yaml.safe_load((CASES / f"{case}.yaml").read_text("utf-8"))
    frame = decode_frame(bytes.fromhex(known["frame"]))
    assert isinstance(frame, LongFrame)
    telegram = decode_records(frame)
    file = load_profiles()[profile]
    points = {name: one.model_copy(update={"period_s": 1.0}) for name, one in file.points.items()}
    planner = planner_of(device("03575845", records_of(points), 1.0), PORT)
    (question,) = planner.plan(1.0, ALL_AVAILABLE)
    reading = SlaveReading(telegram.header, telegram.records, 5, 0.1, 1, len(frame.encode()))
    readings = planner.reader(question)(read_records(reading), 5)
    read = {r.point: r.value for r in readings if r.quality is Quality.GOOD}
    assert read == {
        name: pytest.approx(value, abs=0.006) if isinstance(value, float) else value
        for name, value in READ_AS[profile, case].items()
    }
    assert {r.reason for r in readings if r.quality is not Quality.GOOD} <= {"not_available"}


def test_texts_and_bits_of_records() -> None:
    points = {
        "serial": RecordPoint(quantity="fabrication_no", text=True),
        "kind": RecordPoint(quantity="parameter_set_id", text=True),
        "number": RecordPoint(quantity="parameter_set_id"),
        "bit": RecordPoint(quantity="model_version", bit=1),
        "no_bit": RecordPoint(quantity="volume", bit=1),
    }
    known = yaml.safe_load((CASES / "siemens_wfh21.yaml").read_text("utf-8"))
    frame = decode_frame(bytes.fromhex(known["frame"]))
    assert isinstance(frame, LongFrame)
    planner = planner_of(device("08021382", points, 1.0), PORT)
    (question,) = planner.plan(1.0, ALL_AVAILABLE)
    read = planner.reader(question)(decode_records(frame).records, 5)
    assert {one.point: one.value or one.reason for one in read} == {
        "serial": "8021382",
        "kind": "WFH21",
        "number": "undecodable",
        "bit": True,
        "no_bit": "undecodable",
    }


def test_the_known_quantities_are_those_of_the_library() -> None:
    meterbus = importlib.import_module("meterbus")
    renamed = {
        **dict.fromkeys(("energy_wh", "energy_j"), "energy"),
        **dict.fromkeys(("power_w", "power_j_h"), "power"),
        **dict.fromkeys(("volume_flow_ext", "volume_flow_ext_s"), "volume_flow"),
        "date_time_general": "date_time",
        "units_for_hca": "heat_cost_units",
        "volts": "voltage",
        "ampere": "current",
        "manufacturer_spec": "maker_specific",
    }
    kinds = (kind for _, _, kind in meterbus.VIFTable.lut.values())
    names = {str(getattr(k, "name", k)).lower().replace(" ", "_").replace("/", "or") for k in kinds}
    assert {renamed.get(name, name) for name in names} == NUMBERS | TEXTS
    assert set(UNITS) <= NUMBERS

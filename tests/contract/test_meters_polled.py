"""Meters of a DL/T 645 line as the agent polls them, in the time of the loop."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from config.base import Words
from config.gateway import ResolvedDevice
from config.identifiers import IdentifierPoint
from config.load import load_profiles
from config.meter_ports import Dlt645Port
from config.profiles import Limits
from config.protocol import Protocol
from edge_agent.drivers.dlt645.driver import MeterDriver
from edge_agent.drivers.dlt645.line import MeterLine
from edge_agent.drivers.dlt645.planner import IdentifierPlanner
from edge_agent.drivers.dlt645.relays import Relays
from edge_agent.drivers.question import ALL_AVAILABLE
from edge_agent.errors import CommandError
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.dlt645.codes import Edition
from protocols.dlt645.fields import Kind
from protocols.reading import Quality
from simulators.faults import Fault, FaultKind
from simulators.line import SILENT, Reply, Responder
from tests.fakes.meter_line import OLD, A, B, faulty, link_to, meter, meter_client
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_loop import LoopClock, run_virtually

PORT = Dlt645Port(kind="dlt645", device="/dev/none")
VOLTAGES = {f"u{n}": IdentifierPoint(identifier=f"02010{n}00", unit="V") for n in (1, 2, 3)}
ENERGY = {"e": IdentifierPoint(identifier="00010000", unit="kWh")}


def of_meter(
    address: str, points: Mapping[str, IdentifierPoint], period_s: float = 10.0
) -> ResolvedDevice:
    name = Words(en="Meter", zh="电表")
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
        protocol=Protocol.DLT645,
    )


class Counted:
    """A meter that counts what it is asked, and may lack what others have."""

    def __init__(self, unit: Responder, lacks: tuple[int, ...] = (), *, error: int = 2) -> None:
        self.unit = unit
        self.error = error
        self.asked: list[int] = []
        self.lacks = lacks

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        identifier = int.from_bytes(pdu[1:5], "little")
        self.asked.append(identifier)
        if identifier in self.lacks:
            return Reply(bytes((0xD1, self.error)))
        return self.unit.respond(pdu, now_s)


class Silent:
    def respond(self, pdu: bytes, now_s: float) -> Reply:
        del pdu, now_s
        return SILENT


class Line:
    def __init__(
        self,
        units: Mapping[str, Responder],
        devices: list[ResolvedDevice],
        availability: MemoryAvailability | None = None,
        port: Dlt645Port = PORT,
    ) -> None:
        self.sink, self.health = ListSink(), Health()
        self.availability = availability or MemoryAvailability()
        self.port = PortOwner(
            "line",
            settings=port,
            devices={one.id: one for one in devices},
            open_driver=lambda late: MeterDriver(
                meter_client(link_to(units), on_late_response=late), Relays(port, LoopClock())
            ),
            sink=self.sink,
            health=self.health,
            availability=self.availability,
            clock=LoopClock(),
            rng=Random(7),  # noqa: S311 (jitter, not a secret)
        )

    def values(self, address: str, point: str) -> list[Any]:
        return [r.value for r in self.sink.of(f"m{address}", point) if r.quality is Quality.GOOD]

    def reasons(self, address: str, point: str) -> set[str]:
        return {one.reason for one in self.sink.of(f"m{address}", point) if one.reason}


@asynccontextmanager
async def polling(line: Line) -> AsyncGenerator[Line]:
    task = asyncio.create_task(line.port.run())
    try:
        yield line
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_points_of_one_block_cost_one_request_and_absent_phases_are_no_values() -> None:
    async def work() -> None:
        counted = Counted(meter(A, phases=1))
        line = Line({A: counted}, [of_meter(A, VOLTAGES | ENERGY)])
        async with polling(line):
            await asyncio.sleep(35)
        assert set(counted.asked) == {0x0201FF00, 0x00010000}
        assert all(220 < value < 240 for value in line.values(A, "u1"))
        assert len(line.values(A, "u1")) == 4
        assert line.reasons(A, "u2") == line.reasons(A, "u3") == {"not_available"}
        assert line.values(A, "e")
        assert line.port.devices[f"m{A}"].unit.number == A

    run_virtually(work())


@pytest.mark.parametrize("error", [1, 2])
def test_a_meter_without_the_block_is_asked_for_its_members_from_then_on(error: int) -> None:
    async def work() -> None:
        counted = Counted(meter(A), lacks=(0x0201FF00,), error=error)
        store = MemoryAvailability()
        line = Line({A: counted}, [of_meter(A, VOLTAGES)], store)
        async with polling(line):
            await asyncio.sleep(45)
        # Before the block is tried again, a minute after it was found refused.
        assert counted.asked.count(0x0201FF00) <= 2
        assert len(line.values(A, "u1")) == 5
        assert not line.reasons(A, "u1")

    run_virtually(work())


@pytest.mark.long
def test_an_identifier_that_a_meter_lacks_is_left_out_and_tried_again_later() -> None:
    async def work() -> None:
        lacking = IdentifierPoint(identifier="00900200")
        counted = Counted(meter(A), lacks=(0x00900200,))
        line = Line({A: counted}, [of_meter(A, ENERGY | {"credit": lacking})])
        async with polling(line):
            await asyncio.sleep(300)
            assert line.reasons(A, "credit") == {"illegal_address"}
            assert counted.asked.count(0x00900200) <= 5
            assert len(line.values(A, "e")) >= 30
            counted.lacks = ()
            await asyncio.sleep(3600)
        assert line.values(A, "credit")

    run_virtually(work())


def test_what_a_meter_lacks_is_known_after_a_restart() -> None:
    async def work() -> None:
        store = MemoryAvailability()
        for _ in range(2):
            counted = Counted(meter(A), lacks=(0x0201FF00, 0x02010200))
            line = Line({A: counted}, [of_meter(A, VOLTAGES)], store)
            async with polling(line):
                await asyncio.sleep(150)
            again = MemoryAvailability()
            again.restore(store.dump())
            store = again
        assert counted.asked.count(0x0201FF00) <= 3
        assert line.values(A, "u1")
        assert line.values(A, "u3")
        assert line.reasons(A, "u2") == {"illegal_address"}

    run_virtually(work())


def test_a_silent_meter_and_a_noisy_one_cost_the_others_nothing() -> None:
    async def work() -> None:
        addresses = [f"{number:012d}" for number in range(1, 11)]
        units: dict[str, Responder] = {one: meter(one) for one in addresses}
        units[addresses[3]] = Silent()
        devices = [of_meter(one, ENERGY, 30.0) for one in addresses]
        line = Line(units, devices)
        async with polling(line):
            await asyncio.sleep(600)
        for one in addresses:
            times = line.sink.times_s(f"m{one}", "e")
            if one == addresses[3]:
                assert not times
                continue
            assert len(times) >= 20
            gaps = [b - a for a, b in pairwise(times)]
            assert max(gaps) < 31.5
        assert ("down", f"m{addresses[3]}", "timeout") in line.sink.events

    run_virtually(work())


@pytest.mark.seeds(1, 20)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.NOISE, chance=0.5),
        Fault(FaultKind.OUT_OF_ORDER, seconds=1.5, longest_s=4.0, chance=0.4),
        Fault(FaultKind.LATE, seconds=1.5, chance=0.4),
        Fault(FaultKind.EXCEPTION, chance=0.5, code=1),
        Fault(FaultKind.FLAPPING, seconds=40),
    ],
    ids=lambda fault: fault.kind.value,
)
def test_a_faulty_meter_gives_no_wrong_value_and_costs_the_others_nothing(
    fault: Fault, seed: int
) -> None:
    async def work() -> None:
        bad = faulty(meter(A), seed)
        bad.faults.add(fault)
        line = Line({A: bad, B: meter(B)}, [of_meter(A, VOLTAGES | ENERGY), of_meter(B, ENERGY)])
        async with polling(line):
            await asyncio.sleep(600)
        assert all(20_000 < value < 30_000 for value in line.values(A, "e"))
        assert all(200 < value < 250 for value in line.values(A, "u2"))
        assert len(line.values(A, "e")) >= 10
        assert len(line.values(B, "e")) >= 55

    run_virtually(work())


def test_meters_of_both_editions_share_a_line_and_a_word_is_bits() -> None:
    async def work() -> None:
        old = {"u": IdentifierPoint(identifier="B611"), "e": IdentifierPoint(identifier="9010")}
        word = {
            "closed": IdentifierPoint(identifier="04000503", bit=4, inverted=True),
            "relay": IdentifierPoint(identifier="04000503", bit=4, enum={0: "on", 1: "off"}),
            "word": IdentifierPoint(identifier="04000503"),
            "number": IdentifierPoint(identifier="04000402"),
            "kept": IdentifierPoint(identifier="00010000", scale=0.001),
        }
        units = {OLD: meter(OLD, edition=Edition.E1997), A: meter(A)}
        line = Line(units, [of_meter(OLD, old), of_meter(A, word)])
        async with polling(line):
            await asyncio.sleep(15)
        assert line.values(A, "closed") == [True, True]
        assert line.values(A, "relay") == ["on", "on"]
        assert line.values(A, "word") == [0, 0]
        assert line.values(A, "number") == [A, A]
        assert all(20 < value < 30 for value in line.values(A, "kept"))
        assert all(isinstance(value, int) for value in line.values(OLD, "u"))
        assert len(line.values(OLD, "e")) == 2

    run_virtually(work())


@pytest.mark.parametrize("profile", ["dlt645-single-phase", "dlt645-three-phase", "dlt645-1997"])
def test_the_packaged_device_files_read_a_simulated_meter(profile: str) -> None:
    async def work() -> None:
        found = load_profiles()[profile]
        edition = Edition.E1997 if profile.endswith("1997") else Edition.E2007
        points = {
            name: one
            for name, one in found.read_points().items()
            if isinstance(one, IdentifierPoint)
        }
        line = Line({A: meter(A, edition=edition)}, [of_meter(A, points, 30.0)])
        async with polling(line):
            await asyncio.sleep(60)
        missing = {name for name in points if not line.values(A, name)}
        assert not missing, {name: line.reasons(A, name) for name in missing}

    run_virtually(work())


def test_a_point_of_a_meter_is_never_written() -> None:
    async def work() -> None:
        line = Line({A: meter(A)}, [of_meter(A, ENERGY)])
        async with polling(line):
            await asyncio.sleep(15)
            with pytest.raises(CommandError, match="no point of a meter"):
                await line.port.write(f"m{A}", "e", 1.0)
            await asyncio.sleep(15)
        assert len(line.values(A, "e")) >= 3

    run_virtually(work())


@pytest.mark.long
def test_thirty_meters_at_2400_baud_keep_a_minute_beside_three_silent_ones() -> None:
    async def work() -> None:
        addresses = [f"{number:012d}" for number in range(1, 31)]
        silent = {addresses[4], addresses[14], addresses[24]}
        units = {one: Silent() if one in silent else meter(one) for one in addresses}
        points = {**VOLTAGES, **ENERGY, "p": IdentifierPoint(identifier="02030000")}
        line = Line(units, [of_meter(one, points, 60.0) for one in addresses])
        assert 0.4 < line.port.load < 0.6
        async with polling(line):
            await asyncio.sleep(1200)
        gaps: list[float] = []
        for one in sorted(set(addresses) - silent):
            times = line.sink.times_s(f"m{one}", "e")
            gaps += [b - a for a, b in pairwise(times)]
        assert len(gaps) == 27 * 19
        assert sorted(gaps)[int(0.99 * len(gaps))] <= 60.6
        name, labels = "plantroom_port_offline_seconds_total", {"port": "line"}
        offline_s = line.health.registry.get_sample_value(name, labels) or 0.0
        assert offline_s / 1200 <= 0.03

    run_virtually(work())


def test_one_identifier_may_be_read_in_two_codings() -> None:
    async def work() -> None:
        points = {
            "kwh": IdentifierPoint(identifier="00010000"),
            "raw": IdentifierPoint(identifier="00010000", decimals=0),
            "digits": IdentifierPoint(identifier="00010000", kind=Kind.DIGITS),
            "tariff": IdentifierPoint(identifier="00010100"),
        }
        line = Line({A: meter(A)}, [of_meter(A, points)])
        async with polling(line):
            await asyncio.sleep(5)
        kwh, raw = line.values(A, "kwh")[0], line.values(A, "raw")[0]
        assert raw == pytest.approx(100 * kwh, abs=2)
        assert line.values(A, "digits")[0].isdecimal()
        assert [len(line.values(A, name)) for name in points] == [1, 1, 1, 1]

    run_virtually(work())


@pytest.mark.seeds(20, 500)
def test_no_answer_of_any_bytes_ends_in_an_exception(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 (repeatable)
    points = {
        **VOLTAGES,
        "at": IdentifierPoint(identifier="01010000", part=1),
        "word": IdentifierPoint(identifier="04000503", bit=4),
        "state": IdentifierPoint(identifier="04000503", bit=1, width=2, enum={0: "mains"}),
        "scaled": IdentifierPoint(identifier="00010000", scale=0.001, plausible=(0, None)),
        "own": IdentifierPoint(identifier="0F0F0F01", kind=Kind.TEXT, bytes=8),
        "date": IdentifierPoint(identifier="04000101"),
    }
    planner = IdentifierPlanner(points, MeterLine())
    for question in planner.plan(1.0, ALL_AVAILABLE):
        read = planner.reader(question)
        for _ in range(20):
            readings = read(rng.randbytes(rng.choice((0, 1, question.size, rng.randrange(64)))), 1)
            assert [one.point for one in readings] == list(question.points)
            assert all((one.value is None) is bool(one.reason) for one in readings)

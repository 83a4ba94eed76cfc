"""A port on a pseudo terminal: dead, late and disturbed units beside healthy ones."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from config.ports import Framing, ModbusRtuPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming, Responder
from simulators.serial_line import SerialLine
from tests.contract.test_driver_lines import EchoAddress
from tests.fakes.devices import device, point
from tests.fakes.memory_line import LateUnit, value_of
from tests.fakes.reading_sink import ListSink
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.alone
PERIOD_S = 0.1
SECOND = 800
"""Address of each unit's second register."""
TIMING = LineTiming(baud=115200, turnaround_s=0.001)


class WatchedSink(ListSink):
    """Wakes a waiting test on each change."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = asyncio.Event()

    def device_up(self, device: str, at: int) -> None:
        super().device_up(device, at)
        self.changed.set()

    def device_down(self, device: str, at: int, reason: str) -> None:
        super().device_down(device, at, reason)
        self.changed.set()

    def publish(self, device: str, readings: object) -> None:
        super().publish(device, readings)  # type: ignore[arg-type]
        self.changed.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self.changed.clear()
            await self.changed.wait()


def build(
    path: Path,
    units: Mapping[int, Responder],
    sink: ListSink,
    *,
    framing: Framing = Framing.RTU,
    timeout_s: float = 0.1,
    period_s: float = PERIOD_S,
) -> PortOwner:
    settings = ModbusRtuPort(
        kind="modbus_rtu",
        device=str(path),
        baud=115200,
        parity="N",
        timeout_s=timeout_s,
        framing=framing,
    )
    options = {"period_s": period_s, "report_all": True}
    clock = SystemClock()
    return PortOwner(
        "bus",
        settings=settings,
        # Two blocks of one shape per unit: the trap for late answers.
        devices={
            f"d{unit}": device(
                f"d{unit}", {"a": point(10, **options), "b": point(SECOND, **options)}, unit=unit
            )
            for unit in units
        },
        open_driver=partial(open_modbus, settings, clock),
        sink=sink,
        health=Health(),
        availability=MemoryAvailability(),
        clock=clock,
    )


async def stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("framing", list(Framing))
async def test_bad_units_neither_delay_nor_falsify_the_others(
    tmp_path: Path, framing: Framing
) -> None:
    units = {number: FaultyUnit(EchoAddress(), seed=number) for number in range(1, 6)}
    units[2].faults.add(Fault(FaultKind.OFFLINE))
    units[3].faults.add(Fault(FaultKind.LATE, seconds=0.13, chance=0.4))
    units[4].faults.add(Fault(FaultKind.NOISE, chance=0.3))
    sink = WatchedSink()
    path = tmp_path / "line"
    async with SerialLine(units, path=path, timing=TIMING, framing=framing.value):
        port = asyncio.create_task(build(path, units, sink, framing=framing).run())
        await sink.until(lambda: len(sink.of("d1", "a")) >= 20)
        await stop(port)
    assert ("down", "d2", "timeout") in sink.events
    assert sink.of("d2", "a") == []
    good = [reading for _, reading in sink.log if reading.quality is Quality.GOOD]
    assert {(reading.point, reading.value) for reading in good} == {("a", 10), ("b", SECOND)}
    gaps = [b - a for a, b in pairwise(sink.times_s("d5", "a"))]
    assert sum(gaps) / len(gaps) < 2 * PERIOD_S


@pytest.mark.parametrize("framing", list(Framing))
async def test_two_late_units_a_slow_and_a_flapping_one_falsify_nothing_and_delay_nobody(
    tmp_path: Path, framing: Framing
) -> None:
    rng, period_s = Random(11), 0.4  # noqa: S311 (repeatable)

    # Who is never heard in time is asked hardly ever.
    in_time_s = [0.002] * 12

    def late_s() -> float:
        if in_time_s:
            return in_time_s.pop()
        return rng.choice((0.002, 0.002, rng.uniform(0.08, 0.25)))

    late_ones = LateUnit(2, late_s, half_duplex=True), LateUnit(3, late_s)
    units: dict[int, Responder] = {
        1: LateUnit(1, lambda: 0.002),
        2: late_ones[0],
        3: late_ones[1],
        4: LateUnit(4, lambda: 0.03),
        5: (flapping := FaultyUnit(LateUnit(5, lambda: 0.002), seed=5)),
        6: LateUnit(6, lambda: 0.002),
    }
    flapping.faults.add(Fault(FaultKind.FLAPPING, seconds=0.7))
    sink = WatchedSink()
    path = tmp_path / "line"
    async with SerialLine(units, path=path, timing=TIMING, framing=framing.value):
        port = asyncio.create_task(
            build(path, units, sink, framing=framing, period_s=period_s).run()
        )
        await sink.until(lambda: len(sink.of("d1", "a")) >= 15)
        await stop(port)
    good = [(device, one) for device, one in sink.log if one.quality is Quality.GOOD]
    expected = {
        (f"d{unit}", name, value_of(unit, address))
        for unit in units
        for name, address in (("a", 10), ("b", SECOND))
    }
    assert {(device, one.point, one.value) for device, one in good} <= expected
    assert {device for device, _ in good} >= {"d1", "d4", "d6"}
    assert min(late.asked for late in late_ones) > 4
    for healthy in ("d1", "d4", "d6"):
        gaps = [b - a for a, b in pairwise(sink.times_s(healthy, "a"))]
        assert sum(gaps) / len(gaps) < 1.25 * period_s, healthy


async def test_an_adapter_that_comes_back_under_another_number_is_polled_again(
    tmp_path: Path,
) -> None:
    """The path is a link, as in /dev/serial/by-id; a second port does not notice."""
    units = {1: FaultyUnit(EchoAddress(), seed=1)}
    by_id, other = tmp_path / "by-id", tmp_path / "other"
    sink, other_sink = WatchedSink(), WatchedSink()
    async with SerialLine(units, path=other, timing=TIMING):
        tasks = [asyncio.create_task(build(other, units, other_sink, timeout_s=1.0).run())]
        await other_sink.until(lambda: ("up", "d1", "") in other_sink.events)
        async with SerialLine(units, path=by_id, timing=TIMING):
            first = by_id.readlink()
            tasks.append(asyncio.create_task(build(by_id, units, sink, timeout_s=1.0).run()))
            await sink.until(lambda: ("up", "d1", "") in sink.events)
        await sink.until(lambda: ("down", "d1", "port_down") in sink.events)
        sink.events.clear()
        # Whoever holds the old number makes the adapter take another.
        async with (
            SerialLine({}, path=tmp_path / "squatter"),
            SerialLine(units, path=by_id, timing=TIMING),
        ):
            assert by_id.readlink() != first
            async with asyncio.timeout(PATIENCE_S):
                await sink.until(lambda: ("up", "d1", "") in sink.events)
            await sink.until(lambda: len(sink.times_s("d1", "a")) > 1)
            for task in tasks:
                await stop(task)
    assert [r.reason for r in sink.of("d1", "a") if r.quality is Quality.STALE] == ["port_down"]
    assert other_sink.events == [("up", "d1", "")]
    assert {reading.quality for _, reading in other_sink.log} == {Quality.GOOD}

"""Modbus, DL/T 645 and CJ/T 188 on one pair of wires: each at its settings, with its answers."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from config.gateway import ResolvedDevice
from config.members import LineMember, at_baud, change_s_of, member_of
from config.meter_ports import Dlt645Port
from config.ports import Port
from config.protocol import Protocol
from edge_agent.drivers.base import Driver, OnLateResponse
from edge_agent.drivers.lines import Lines
from edge_agent.health import Health
from edge_agent.planners import announcements_of, planner_of
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality
from tests.contract.test_meters_polled import Silent
from tests.fakes.memory_line import LateUnit
from tests.fakes.memory_pair import MemoryPair
from tests.fakes.meter_line import A
from tests.fakes.reading_sink import ListSink
from tests.fakes.stairwell import (
    ASKED,
    DEVICES,
    MIXED,
    PORTS,
    RIGHT,
    SHARED,
    UNIT,
    WATER,
    WATER_FIRST,
    AskedPair,
    devices_of,
    pair_of,
    units_of,
)
from tests.fakes.virtual_loop import LoopClock, run_virtually


@pytest.mark.parametrize(("name", "changes"), [("shared", 0), ("mixed", 3), ("water_first", 6)])
def test_each_is_asked_at_its_settings_which_change_no_oftener_than_they_must(
    name: str, changes: int
) -> None:
    async def work() -> None:
        pair = pair_of(PORTS[name], units_of())
        asked_pair = AskedPair(PORTS[name], pair, [])
        async with asked_pair.driver:
            for framing in ("rtu", "dlt645", "cjt188") * 2:
                assert await asked_pair.value(framing) == RIGHT[framing]
        assert pair.changes == changes
        # The meters' turnaround or the silence after a change, and 3.5 characters of Modbus.
        assert pair.shortest_gap_s >= (0.016 if name == "shared" else 0.05) - 1e-6

    run_virtually(work())


def test_the_silence_of_a_line_is_kept_whoever_spoke_before() -> None:
    async def work() -> None:
        pair = pair_of(SHARED, units_of())
        asked_pair = AskedPair(SHARED, pair, [])
        async with asked_pair.driver:
            for framing in ("dlt645", "cjt188") * 3:
                await asked_pair.value(framing)
        assert pair.changes == 0
        assert pair.shortest_gap_s >= 0.05 - 1e-6

    run_virtually(work())


def test_a_change_is_counted_where_settings_differ_and_nowhere_else() -> None:
    for port, counted in ((SHARED, 0.0), (MIXED, 0.05), (WATER_FIRST, 0.05)):
        assert change_s_of(port) == counted
        for framing, device in DEVICES.items():
            alone = member_of(port, device.protocol)
            question = planner_of(device, port).alone(ASKED[framing])
            shared_s, alone_s = (
                planner_of(device, one).expected_s(question) for one in (port, alone)
            )
            assert shared_s - alone_s == pytest.approx(counted)


def test_each_protocol_may_be_faster_alone() -> None:
    faster = at_baud(MIXED, Protocol.CJT188, 9600)
    bauds = [
        getattr(member_of(faster, one), "baud", 0) for one in Protocol if one in faster.protocols
    ]
    assert sorted(bauds) == [2400, 9600, 9600]
    assert (
        member_of(at_baud(MIXED, Protocol.MODBUS, 19200), Protocol.MODBUS).model_dump()["baud"]
        == 19200
    )


def test_the_clocks_of_meters_are_set_whoever_owns_the_line() -> None:
    meters = SHARED.model_copy(update={"clock_at": "03:20"})
    assert announcements_of(meters) is not None
    also = [one.model_copy(update={"clock_at": "03:20"}) for one in WATER_FIRST.also[:1]]
    assert announcements_of(WATER_FIRST.with_others(also)) is not None
    assert announcements_of(WATER_FIRST) is None


def with_files(port: LineMember, folder: Path) -> LineMember:
    """Return a port whose meters may be commanded."""
    passwords, valves = folder / "meters", folder / "valves"
    passwords.write_text("* 2 123456 00000001\n", "utf-8")
    valves.write_text("* 55 99\n", "utf-8")
    for file in (passwords, valves):
        file.chmod(0o600)
    files = {"dlt645": {"password_file": passwords}, "cjt188": {"valve_code_file": valves}}
    others = [one.model_copy(update=files.get(one.kind, {})) for one in port.others]
    return port.with_others(others).model_copy(update=files.get(port.kind, {}))


def owner_of(
    port: Port, pairs: Sequence[MemoryPair], sink: ListSink, devices: Mapping[str, ResolvedDevice]
) -> PortOwner:
    left = iter(pairs)

    async def open_line() -> MemoryPair:
        return next(left)

    def open_driver(late: OnLateResponse) -> Driver:
        return Lines(line_of=lambda _: open_line).open(port, LoopClock(), late)

    return PortOwner(
        "pair",
        settings=port,
        devices={one.id: one for one in devices.values()},
        open_driver=open_driver,
        sink=sink,
        health=Health(),
        availability=MemoryAvailability(),
        clock=LoopClock(),
        rng=Random(7),  # noqa: S311 (jitter, not a secret)
    )


@pytest.mark.parametrize("name", PORTS)
def test_what_may_be_written_is_written_in_its_protocol(name: str, tmp_path: Path) -> None:
    async def work() -> None:
        port = with_files(PORTS[name], tmp_path)
        gateway = LateUnit(UNIT, lambda: 0.0)
        pair = pair_of(port, units_of(silent={"rtu": gateway}))
        owner = owner_of(port, [pair], ListSink(), devices_of(writable={}))
        task = asyncio.create_task(owner.run())
        await asyncio.sleep(25)
        for value in (False, True):
            assert (await owner.write(f"m{A}", "relay", value)).confirmed
            word = "open" if value else "closed"
            assert (await owner.write(f"m{WATER}", "valve", word)).confirmed
        await owner.write("gateway", "setpoint", 7)
        assert len(gateway.written) == 1
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    run_virtually(work())


@pytest.mark.parametrize("name", PORTS)
def test_a_lost_pair_is_opened_again_and_all_go_on(name: str) -> None:
    async def work() -> None:
        port, sink = PORTS[name], ListSink()
        first, second = (pair_of(port, units_of()) for _ in range(2))
        owner = owner_of(port, [first, second], sink, DEVICES)
        task = asyncio.create_task(owner.run())
        await asyncio.sleep(60)
        first.close("unplugged")
        first.on_change()
        await asyncio.sleep(60)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        for framing, device in DEVICES.items():
            readings = sink.of(device.id, ASKED[framing])
            good = [one.value for one in readings if one.quality is Quality.GOOD]
            assert set(good) == {RIGHT[framing]}
            assert len(good) >= 11
        assert second.sent
        assert second.lost == "closed"

    run_virtually(work())


def test_a_silent_meter_keeps_nobody_from_its_period() -> None:
    async def work() -> None:
        sink = ListSink()
        pair = pair_of(MIXED, units_of(silent={"dlt645": Silent()}))
        owner = owner_of(MIXED, [pair], sink, DEVICES)
        task = asyncio.create_task(owner.run())
        await asyncio.sleep(300)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        for name, of in (("gateway", "level"), (f"m{WATER}", "volume")):
            assert len(sink.times_s(name, of)) >= 29
        assert not sink.times_s(f"m{A}", "energy")

    run_virtually(work())


def test_a_line_that_is_given_up_while_it_opens_is_given_back() -> None:
    async def work() -> None:
        port = MIXED.model_copy(update={"connect_delay_s": 5.0})
        pair = pair_of(port, units_of())
        asked_pair = AskedPair(port, pair, [])

        async def enter() -> Any:
            async with asked_pair.driver:
                pytest.fail("it is still waiting")

        task = asyncio.create_task(enter())
        await asyncio.sleep(1)
        assert not pair.lost
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pair.lost == "closed"

    run_virtually(work())


def test_the_time_is_told_in_the_protocol_of_the_meters() -> None:
    async def work() -> None:
        port = WATER_FIRST
        pair = pair_of(port, units_of())
        asked_pair = AskedPair(port, pair, [])
        meters = member_of(port, Protocol.DLT645)
        assert isinstance(meters, Dlt645Port)
        told = announcements_of(meters.model_copy(update={"clock_at": "03:20"}))
        assert told is not None
        said = told.announcement(LoopClock().now_ms())
        async with asked_pair.driver:
            await asked_pair.driver.tell(said.unit, said.target, (), timeout_s=1.0)
        assert [setting.baud for _, setting, _ in pair.sent] == [1200]

    run_virtually(work())

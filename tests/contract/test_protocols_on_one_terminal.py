"""An agent file with three protocols on one line: polled, commanded, and looked at by the tools."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from config.load import load_agent
from config.meter_ports import Cjt188Port, Dlt645Port
from edge_agent.__main__ import cli
from edge_agent.clock import SystemClock
from edge_agent.drivers.lines import Lines
from edge_agent.errors import DeviceTimeoutError
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality
from simulators.line import LineTiming, Responder
from simulators.serial_line import Party, SerialLine
from tests.fakes.memory_line import value_of
from tests.fakes.meter_line import A
from tests.fakes.reading_sink import ListSink
from tests.fakes.stairwell import KWH, M3, UNIT, WATER, units_of
from tests.patience import PATIENCE_S

MODBUS, METERS = 38400, 19200
FILE = """
site: s
gateway: g
ports:
  pair:
    kind: modbus_rtu
    device: DEVICE
    baud: MODBUS
    parity: N
    timeout_s: 0.4
    change_s: 0.01
    also:
      - {kind: dlt645, baud: 19200, parity: N, turnaround_s: 0.01, password_file: meters}
      - {kind: cjt188, baud: 19200, parity: N, turnaround_s: 0.01, valve_code_file: valves}
devices:
  gateway:
    port: pair
    unit: 3
    name: {en: Gateway, zh: 网关}
    period_s: 0.5
    points:
      level: {table: holding, address: 0, type: uint16, report_all: true}
  electricity:
    port: pair
    meter: "201000000012"
    protocol: dlt645
    name: {en: Electricity, zh: 电表}
    period_s: 0.5
    points:
      energy: {identifier: "00010000", report_all: true}
      relay: {identifier: "04000503", bit: 4, inverted: true, writable: {min_interval_s: 0}}
  water:
    port: pair
    meter: "78330011223344"
    protocol: cjt188
    name: {en: Water, zh: 水表}
    period_s: 0.5
    points:
      volume: {field: volume, report_all: true}
      valve: {field: valve, writable: {min_interval_s: 0}}
"""
WANTED = {
    ("gateway", "level"): value_of(UNIT, 0),
    ("electricity", "energy"): KWH,
    ("water", "volume"): M3,
}


@asynccontextmanager
async def stairwell(
    folder: Path, *, modbus: int = MODBUS, **delays_s: list[float]
) -> AsyncIterator[Path]:
    """The pair, and its agent file."""
    units = units_of(delays_s)
    parties = [
        Party(dict([units[framing]]), framing, LineTiming(baud=METERS, turnaround_s=0.005))
        for framing in ("dlt645", "cjt188")
    ]
    for name, text in (("meters", "* 2 123456 00000001\n"), ("valves", "* 55 99\n")):
        (folder / name).write_text(text, "utf-8")
        (folder / name).chmod(0o600)
    line = folder / "line"
    file = folder / "agent.yaml"
    file.write_text(FILE.replace("DEVICE", str(line)).replace("MODBUS", str(modbus)), "utf-8")
    timing = LineTiming(baud=modbus, turnaround_s=0.005)
    async with SerialLine(dict([units["rtu"]]), path=line, timing=timing, others=parties):
        yield file


class Polled:
    """The owner of the pair of a file."""

    def __init__(self, file: Path) -> None:
        gateway, clock = load_agent(file), SystemClock()
        settings = gateway.settings.ports["pair"]
        self.sink = ListSink()
        self.port = PortOwner(
            "pair",
            settings=settings,  # pyright: ignore[reportArgumentType]
            devices=gateway.devices,
            open_driver=partial(Lines().open, settings, clock),  # pyright: ignore[reportArgumentType]
            sink=self.sink,
            health=Health(),
            availability=MemoryAvailability(),
            clock=clock,
        )

    def good(self, device: str, point: str) -> list[Any]:
        return [one.value for one in self.sink.of(device, point) if one.quality is Quality.GOOD]

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                await asyncio.sleep(0.02)


@asynccontextmanager
async def polled(file: Path) -> AsyncIterator[Polled]:
    one = Polled(file)
    task = asyncio.create_task(one.port.run())
    try:
        yield one
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.long
@pytest.mark.parametrize("modbus", [MODBUS, METERS], ids=["two settings", "one setting"])
async def test_all_are_polled_and_commanded_on_one_line(tmp_path: Path, modbus: int) -> None:
    async with stairwell(tmp_path, modbus=modbus) as file, polled(file) as one:
        await one.until(lambda: all(len(one.good(*place)) > 2 for place in WANTED))
        for value in (False, True):
            assert (await one.port.write("electricity", "relay", value)).confirmed
            word = "open" if value else "closed"
            assert (await one.port.write("water", "valve", word)).confirmed
        seen = {place: len(one.good(*place)) for place in WANTED}
        await one.until(lambda: all(len(one.good(*place)) > seen[place] for place in WANTED))
    for place, value in WANTED.items():
        assert set(one.good(*place)) == {value}


@pytest.mark.long
@pytest.mark.parametrize("modbus", [MODBUS, METERS], ids=["two settings", "one setting"])
async def test_late_answers_on_a_line_are_nobody_elses(tmp_path: Path, modbus: int) -> None:
    # Each answers late in its turn, some while another is asked.
    late = {"dlt645": [0.0, 0.5, 0.0], "cjt188": [0.0, 0.0, 0.55], "rtu": [0.0, 0.47]}
    async with stairwell(tmp_path, modbus=modbus, **late) as file, polled(file) as one:
        await one.until(lambda: all(len(one.good(*place)) > 3 for place in WANTED))
    for place, value in WANTED.items():
        assert set(one.good(*place)) == {value}


async def run(*arguments: str) -> Result:
    """The command runs in a thread of its own: it brings its own event loop."""
    return await asyncio.to_thread(CliRunner().invoke, cli, list(arguments))


@pytest.mark.long
async def test_the_tools_work_on_the_line_as_on_three(tmp_path: Path) -> None:
    async with stairwell(tmp_path) as file:
        spec = f"{file}#pair"
        found = await run("scan", spec, "--units", "1-4", "--timeout", "0.2", "--budget", "20")
        registers = await run("read", spec, "--unit", "3", "--count", "2")
        energy = await run("read", spec, "--meter", A, "--identifier", "00010000")
        volume = await run("read", spec, "--meter", WATER, "--profile", "cjt188-water")
        alone = await run("read", f"{spec},cjt188")
        points = await run("read", spec, "--profile", "dlt645-single-phase")
    for one in (found, registers, energy, volume, alone, points):
        assert one.exit_code == 0, one.output
    assert "found unit 3 at" in found.output
    assert f"meter {A}: DL/T 645-2007" in found.output
    assert f"meter {WATER}: CJ/T 188, type 10" in found.output
    assert str(value_of(UNIT, 0)) in registers.output
    assert f"{KWH}" in energy.output
    assert f"{M3}" in volume.output
    assert f"meter {WATER}, type 10" in alone.output
    assert "import_energy" in points.output


async def test_the_plan_and_the_check_tell_all_of_the_line(tmp_path: Path) -> None:
    async with stairwell(tmp_path) as file:
        plan, data = await run("plan", str(file)), await run("plan", str(file), "--json")
        check = await run("check", str(file))
        wrong = await run("read", f"{file}#pair,mbus")
    where = f"{tmp_path}/line 38400 8N1 and 19200 8N1 DL/T 645 and 19200 8N1 CJ/T 188"
    assert f"port pair: {where}, load" in plan.output
    also = ", also dlt645 19200 8N1, also cjt188 19200 8N1"
    assert re.search(f"port +pair: modbus_rtu .*{also}, timeout", check.output)
    (port,) = json.loads(data.output)["ports"].values()
    assert {one["device"] for one in port["classes"]} == {"gateway", "electricity", "water"}
    # Bytes, silences and the change of the settings, 10 ms of it.
    assert all(one["ms"] > 20 for kind in port["classes"] for one in kind["requests"])
    assert wrong.exit_code == 2
    assert "on its line are: modbus_rtu, dlt645, cjt188" in wrong.output


@pytest.mark.parametrize("asked", ["dlt645", "cjt188"])
async def test_a_line_may_change_its_protocol_with_answers_outstanding(
    tmp_path: Path, asked: str
) -> None:
    """What an earlier owner of the line has asked is compared with frames of its protocol alone."""
    units: dict[str, tuple[int, Responder]] = units_of({"dlt645": [0.2], "cjt188": [0.2]})
    lines, clock, path = Lines(), SystemClock(), tmp_path / "line"
    given = {"device": str(path), "baud": METERS, "parity": "N", "timeout_s": 0.1}
    electricity = Dlt645Port.model_validate({"kind": "dlt645", **given})
    water = Cjt188Port.model_validate({"kind": "cjt188", **given})
    timing = LineTiming(baud=METERS, turnaround_s=0.005)
    others = [Party(dict([units["cjt188"]]), "cjt188", timing)]

    async def ask(what: str, wait_s: float) -> None:
        if what == "dlt645":
            async with lines.open_meters(electricity, clock) as meters:
                await meters.read(A, 0x00010000, timeout_s=wait_s)
        else:
            async with lines.open_flow_meters(water, clock) as flow_meters:
                await flow_meters.read(0x10, WATER, 0x901F, timeout_s=wait_s)

    async with SerialLine(
        dict([units["dlt645"]]), path=path, timing=timing, framing="dlt645", others=others
    ):
        for what in ("dlt645", "cjt188"):
            with pytest.raises(DeviceTimeoutError):
                await ask(what, 0.1)
        await clock.sleep(0.25)
        await ask(asked, 1.0)

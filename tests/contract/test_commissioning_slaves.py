"""The integrator's commands on an M-Bus: a pseudo terminal, and a serial server, with slaves."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.__main__ import cli
from edge_agent.commissioning import slave_scan
from protocols.mbus.addresses import SecondaryAddress
from simulators.clock import SystemClock
from simulators.equipment.flow_meters import HeatMeter, WaterMeter
from simulators.line import LineOfUnits, LineTiming, Responder
from simulators.mbus import SimulatedSlave, SlaveSettings
from simulators.serial_line import SerialLine

QUICK = LineTiming(baud=19200, turnaround_s=0.002)
HEAT, WATER = SecondaryAddress("12345678", 0x2C2D, 1, 4), SecondaryAddress("87654321", 0x2C2D, 2, 7)
SETTING = "mbus,19200,8N1"


async def run(*arguments: str) -> Result:
    """The command runs in a thread of its own: it brings its own event loop."""
    return await asyncio.to_thread(CliRunner().invoke, cli, list(arguments))


def slaves() -> dict[int, Responder]:
    heat = SimulatedSlave(
        "heat", equipment=HeatMeter(seed=1, started_s=0), settings=SlaveSettings(HEAT), started_s=0
    )
    heat.hold("supply_temperature", 61.5)
    heat.hold("battery_low", value=True)
    water = SimulatedSlave(
        "water",
        equipment=WaterMeter(seed=2, started_s=0),
        settings=SlaveSettings(WATER, telegrams=1),
        started_s=0,
    )
    return {0x1205: heat, 0x1306: water}


def line_of(path: Path, units: dict[int, Responder]) -> SerialLine:
    return SerialLine(units, path=path, timing=QUICK, framing="mbus")


@asynccontextmanager
async def serial_server(units: dict[int, Responder]) -> AsyncIterator[str]:
    """A line behind TCP; yields its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = LineOfUnits(
            units,
            write=writer.write,
            clock=SystemClock(),
            rng=random.Random(1),  # noqa: S311 (repeatable)
            timing=QUICK,
            framing="mbus",
        )
        while data := await reader.read(300):
            line.receive(data)
        line.close()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"mbus:127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.long
async def test_scan_finds_all_slaves_and_its_lines_are_an_agent_file(tmp_path: Path) -> None:
    async with line_of(tmp_path / "line", slaves()) as line:
        printed = await run("scan", f"{line.path},{SETTING}", "--timeout", "0.05")
    assert printed.exit_code == 0, printed.output
    assert "found slave 123456782D2C0104" in printed.output
    assert "number 87654321, KAM version 2, water" in printed.output
    path = tmp_path / "agent.yaml"
    snippet = printed.output[printed.output.index("ports:") :]
    assert 'meter: "12345678", profile: mbus-heat, mbus: {telegrams: 2, answer_bytes:' in snippet
    assert 'meter: "87654321", profile: mbus-water, mbus: {telegrams: 1, answer_bytes:' in snippet
    path.write_text(f"site: s\ngateway: g\n{snippet}", "utf-8")
    checked = await run("check", str(path))
    assert checked.exit_code == 0, checked.output
    assert "slave 12345678, mbus-heat" in checked.output


@pytest.mark.long
async def test_scan_behind_a_serial_server_and_when_the_time_is_up() -> None:
    async with serial_server(slaves()) as address:
        printed = await run("scan", address, "--timeout", "0.05")
        ended = await run("scan", address, "--timeout", "0.4", "--budget", "1")
    assert printed.exit_code == 0, printed.output
    assert 'kind: mbus, host: "127.0.0.1", port: ' in printed.output
    assert "slave 876543212D2C0207" in printed.output
    assert "ended by the budget" in ended.output
    assert "addresses were not asked" in ended.output


async def test_slaves_without_secondary_addresses_are_found_by_their_primary_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slave_scan, "LAST_PRIMARY", 3)

    class Old:
        """Knows no selection."""

        def __init__(self, inner: Responder) -> None:
            self.respond = lambda pdu, now_s: inner.respond(
                pdu[:1] if pdu[1] == 253 else pdu, now_s
            )

    units: dict[int, Responder] = {2: Old(slaves()[0x1205])}
    async with line_of(tmp_path / "line", units) as line:
        printed = await run("scan", f"{line.path},{SETTING}", "--timeout", "0.15")
    assert printed.exit_code == 0, printed.output
    assert "meter-1: {port: meters, unit: 2, profile: mbus-heat" in printed.output


async def test_a_line_without_slaves_says_what_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slave_scan, "LAST_PRIMARY", 4)
    async with serial_server({}) as address:
        printed = await run("scan", address, "--timeout", "0.01")
    assert printed.exit_code == 1
    assert "no slave answered at 1 settings" in printed.output


@pytest.mark.long
async def test_read_shows_all_records_and_a_device_files_points(tmp_path: Path) -> None:
    async with line_of(tmp_path / "line", slaves()) as line:
        spec, wait = f"{line.path},{SETTING}", ("--timeout", "0.3")
        records = await run("read", spec, "--meter", "FFFFFFFF", *wait)
        heat = await run("read", spec, "--meter", "12345678", *wait)
        primary = await run("read", spec, "--unit", "6", *wait)
        points = await run("read", spec, "--unit", "5", "--profile", "mbus-heat", *wait)
        nobody = await run("read", spec, "--unit", "9", *wait)
    assert records.exit_code == 1, "two slaves answer at once"
    assert heat.exit_code == 0, heat.output
    assert "number 12345678, KAM version 1, heat" in heat.output
    assert "2 telegrams of" in heat.output
    assert "status 04: power low" in heat.output
    rows = [row.split() for row in heat.output.splitlines()]
    assert ["flow_temperature", "0", "0", "0", "instantaneous", "5B", "61.5", "degC"] in rows
    assert [row[1:5] for row in rows if row and row[0] == "energy"] == [
        ["0", "0", "0", "instantaneous"],
        ["1", "0", "0", "instantaneous"],
        ["1", "1", "1", "instantaneous"],
    ]
    assert primary.exit_code == 0, primary.output
    assert "water" in primary.output
    assert points.exit_code == 0, points.output
    shown = [row.split() for row in points.output.splitlines()]
    assert ["supply_temperature", "flow_temperature", "61.5", "°C"] in shown
    assert ["battery_low", "status", "True"] in shown
    assert ["run_hours", "operating_time", "-", "not_available"] in shown
    assert nobody.exit_code == 1
    assert "unit 9, all records" in nobody.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--meter", "1234567"], "--meter: secondary address '1234567': 8 digits"),
        (["--unit", "251"], "--unit: primary address 251: 0..250"),
        (["--profile", "cjt188-heat"], "it speaks cjt188"),
    ],
)
async def test_an_impossible_wish_is_refused(options: list[str], message: str) -> None:
    printed = await run("read", "/dev/none,mbus", *options)
    assert printed.exit_code == 2
    assert message in printed.output


async def test_the_plan_counts_telegrams(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    meters = {
        f"m{number}": {
            "port": "line",
            "meter": f"{number:08d}",
            "profile": "mbus-heat",
            "mbus": {"telegrams": 2, "answer_bytes": 300},
            "name": {"en": f"M{number}", "zh": f"表{number}"},
        }
        for number in range(1, 11)
    }
    settings = {"site": "s", "gateway": "g", "devices": meters}
    settings["ports"] = {"line": {"kind": "mbus", "device": "/dev/ttyUSB0"}}
    path.write_text(json.dumps(settings), "utf-8")
    printed = await run("plan", str(path), "--json")
    assert printed.exit_code == 0, printed.output
    first = json.loads(printed.output)["ports"]["line"]["classes"][0]
    (request,) = first["requests"]
    assert (request["address"], first["unit"]) == ("all records", "00000001")
    assert 1500 < request["ms"] < 2500


async def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "meterbus", None)
    async with line_of(tmp_path / "line", slaves()) as line:
        printed = await run("read", f"{line.path},{SETTING}")
    assert printed.exit_code == 1
    assert "plantroom[mbus]" in printed.output

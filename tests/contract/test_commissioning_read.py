"""Looking at simulated units: decodings, device files, holes, silence, and what the errors say."""

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import serial
from click.testing import CliRunner, Result

from edge_agent.__main__ import cli
from simulators.line import Responder
from simulators.modbus import ModbusServer
from simulators.serial_line import SerialLine
from tests.fakes.site_line import PlainUnit, simulated


def swapped_float(value: float) -> dict[int, int]:
    high, low = struct.unpack(">2H", struct.pack(">f", value))
    return {0: low, 1: high}


UNITS: dict[int, Responder] = {
    1: PlainUnit({**swapped_float(229.5), **{k + 2: v for k, v in swapped_float(50.02).items()}}),
    2: PlainUnit({at: at for at in range(100, 120) if at not in {107, 108}}),
    3: simulated("xy-md02", "room"),
}


@pytest.fixture
async def port() -> AsyncIterator[str]:
    async with ModbusServer(UNITS) as server:
        yield f"127.0.0.1:{server.port}"


async def run(*arguments: str) -> Result:
    """The command runs in a thread of its own: it brings its own event loop."""
    return await asyncio.to_thread(CliRunner().invoke, cli, ["read", *arguments])


async def test_all_orders_stand_side_by_side_and_the_likely_one_is_named(port: str) -> None:
    printed = await run(port, "--unit", "1", "--count", "4")
    assert printed.exit_code == 0
    row = next(line for line in printed.output.splitlines() if line.startswith("0..1"))
    assert row.split()[2] == "229.5"
    assert "float32: order CDAB makes everyday numbers of 2 of 2 pairs" in printed.output


async def test_registers_around_an_unavailable_one_are_shown_and_it_is_named(port: str) -> None:
    printed = await run(port, "--unit", "2", "--address", "100", "--count", "20")
    assert printed.exit_code == 0
    shown = {line.split()[0] for line in printed.output.splitlines() if line.startswith("    1")}
    assert shown == {str(at) for at in range(100, 120)} - {"107", "108"}
    assert "refused (exception 2, illegal data address): holding 107..108" in printed.output


async def test_the_points_of_a_device_file_are_decoded(port: str) -> None:
    printed = await run(port, "--unit", "3", "--profile", "xy-md02")
    assert printed.exit_code == 0
    row = next(line for line in printed.output.splitlines() if line.startswith("temperature"))
    assert row.split()[1:3] == ["input", "1"]
    assert row.endswith("°C")


async def test_what_points_make_of_each_other_is_shown(port: str, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        """
profile: own
maker: m
model: m
class: electricity_meter
source: s
confidence: c
points:
  sf: {table: holding, address: 110, type: uint16}
  digits: {table: holding, address: 102, type: uint16, scale: 0.01}
  bad: {table: holding, address: 100, type: int16, decimals_from: sf}
  good: {table: holding, address: 101, type: int16, ratio_from: [digits], unit: A}
computed:
  sum: {expression: good + digits, unit: A}
  lost: {expression: bad * 2}
""",
        "utf-8",
    )
    printed = await run(port, "--unit", "2", "--profile", str(file))
    assert printed.exit_code == 0, printed.output
    rows = {line.split()[0]: line.split()[1:] for line in printed.output.splitlines()[1:] if line}
    # 110 decimal places are none.
    assert rows["bad"] == ["holding", "100", "-", "no_factor"]
    assert rows["good"] == ["holding", "101", "103.02", "A"]
    assert rows["sum"] == ["good", "+", "digits", "104.04", "A"]
    assert rows["lost"][-5:] == ["2", "-", "no_factor", "of", "bad"]


async def test_a_device_file_that_does_not_fit_shows_bad_points_not_zeros(port: str) -> None:
    printed = await run(port, "--unit", "2", "--profile", "xy-md02")
    row = next(line for line in printed.output.splitlines() if line.startswith("temperature"))
    assert row.split()[3] == "-"
    assert "exception 2, illegal data address" in row


async def test_watching_goes_on_over_silence(port: str) -> None:
    printed = await run(
        port, "--unit", "9", "--timeout", "0.02", "--watch", "--every", "0.05", "--times", "2"
    )
    assert printed.exit_code == 0
    assert printed.output.count("no answer in time") == 2


async def test_an_exception_is_reported_with_unit_and_register_and_in_words(port: str) -> None:
    printed = await run(port, "--unit", "2", "--address", "5", "--count", "3")
    assert printed.exit_code == 1
    assert f"Modbus TCP {port}, unit 2, holding 5..7: exception 2, illegal data address" in (
        printed.stderr
    )
    assert "0-based" in printed.stderr


async def test_silence_on_a_line_says_where_to_look(tmp_path: Path) -> None:
    async with SerialLine({}, path=tmp_path / "line") as line:
        printed = await run(f"{line.path},9600,8N1", "--unit", "7", "--timeout", "0.05")
    assert printed.exit_code == 1
    assert f"{line.path} 9600 8N1, unit 7, holding 0..9: no answer in time" in printed.stderr
    assert "A and B swapped" in printed.stderr


async def test_ports_that_cannot_be_used_are_distinguished(tmp_path: Path) -> None:
    missing = await run("/dev/ttyMISSING")
    assert missing.exit_code == 1
    assert "port missing: there is no /dev/ttyMISSING" in missing.stderr
    silent = await run("127.0.0.1:1")
    assert "nothing listens on TCP port 1" in silent.stderr
    async with SerialLine({}, path=tmp_path / "line") as line:
        with serial.Serial(str(line.path), exclusive=True):
            taken = await run(f"{line.path},8N1")
    assert taken.exit_code == 1
    assert "in use by another program" in taken.stderr


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["--count", "126"], "at most 125 registers; asked: unit 1, holding 0..125"),
        (["--address", "65530"], "beyond 65535"),
        (["--profile", "xy-md20"], "did you mean 'xy-md02'"),
        (["--profile", "none.yaml"], "no such file"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_a_port_is_touched(
    arguments: list[str], reported: str
) -> None:
    printed = CliRunner().invoke(cli, ["read", "192.0.2.1", *arguments])
    assert printed.exit_code == 2
    assert reported in printed.stderr


def test_unit_0_is_refused_on_a_line() -> None:
    printed = CliRunner().invoke(cli, ["read", "/dev/ttyUSB0", "--unit", "0"])
    assert printed.exit_code == 2
    assert "broadcast" in printed.stderr

"""The integrator's commands on a line of meters: a pseudo terminal with simulated ones."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.__main__ import cli
from protocols.dlt645 import search
from simulators.line import LineTiming, Reply, Responder
from simulators.line_protocols import meter_unit
from simulators.serial_line import SerialLine
from tests.fakes.meter_line import A, B, meter

QUICK = LineTiming(baud=19200, turnaround_s=0.002)
PROFILE = "dlt645-single-phase"


async def run(*arguments: str) -> Result:
    """The command runs in a thread of its own: it brings its own event loop."""
    return await asyncio.to_thread(CliRunner().invoke, cli, list(arguments))


def line_of(path: Path, units: Mapping[str, Responder]) -> SerialLine:
    by_number = {meter_unit(address): one for address, one in units.items()}
    return SerialLine(by_number, path=path, timing=QUICK, framing="dlt645")


async def test_scan_finds_the_one_meter_and_its_lines_are_an_agent_file(tmp_path: Path) -> None:
    async with line_of(tmp_path / "line", {A: meter(A)}) as line:
        printed = await run("scan", f"{line.path},dlt645,19200,8N1", "--timeout", "0.2")
    assert printed.exit_code == 0, printed.output
    assert f"meter {A}: DL/T 645-2007" in printed.output
    path = tmp_path / "agent.yaml"
    snippet = printed.output[printed.output.index("ports:") :]
    path.write_text(f"site: s\ngateway: g\n{snippet}", "utf-8")
    checked = await run("check", str(path))
    assert checked.exit_code == 0, checked.output
    assert f"meter {A}, dlt645-three-phase" in checked.output


@pytest.mark.long
async def test_scan_finds_several_meters_by_narrowing_the_wildcard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two of them share their last two digits.
    monkeypatch.setattr(search, "_PAIRS", tuple(f"{number:02}" for number in range(12, 16)))
    addresses = ("201011121312", "201011121412", "000000000015")
    units = {address: meter(address) for address in addresses}
    async with line_of(tmp_path / "line", units) as line:
        spec = f"{line.path},dlt645,19200,8N1"
        printed = await run("scan", spec, "--timeout", "0.3")
        ended = await run("scan", spec, "--timeout", "0.4", "--budget", "1")
    assert printed.exit_code == 0, printed.output
    for address in addresses:
        assert f"found meter {address}" in printed.output
        assert f'meter: "{address}", profile: dlt645-three-phase' in printed.output
    assert "ended by the budget" in ended.output
    assert "addresses were not asked" in ended.output


async def test_a_line_without_a_meter_says_what_to_look_at(tmp_path: Path) -> None:
    async with line_of(tmp_path / "line", {}) as line:
        printed = await run("scan", f"{line.path},dlt645,19200,8N1", "--timeout", "0.05")
    assert printed.exit_code == 1
    assert "no meter answered at 1 settings" in printed.output
    assert "A and B swapped" in printed.output


@pytest.mark.long
async def test_read_shows_identifiers_with_their_bytes_and_what_is_refused(tmp_path: Path) -> None:
    async with line_of(tmp_path / "line", {A: meter(A, phases=1), B: meter(B)}) as line:
        spec = f"{line.path},dlt645,19200,8N1"
        asked = ("0201FF00", "0F0F0F0F", "04000503")
        options = [word for one in asked for word in ("--identifier", one)]
        printed = await run("read", spec, "--meter", A, *options, "--timeout", "0.3")
        points = await run("read", spec, "--meter", A, "--profile", PROFILE, "--timeout", "0.3")
        silent = await run("read", spec, "--meter", "1" * 12, "--timeout", "0.05")
    assert printed.exit_code == 0, printed.output
    assert "ffff" in printed.output
    assert "not_available" in printed.output
    assert "no_such_data" in printed.output
    assert "status_word_3" in printed.output
    assert points.exit_code == 0, points.output
    assert "identifier 00010000" in points.output
    assert "kWh" in points.output
    assert silent.exit_code == 1
    assert f"meter {'1' * 12}" in silent.output
    assert "A and B swapped" in silent.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--meter", "20100000001"], "expected the 12 digits of a meter"),
        (["--identifier", "0201"], ""),
        (["--identifier", "02010"], "expected 8 hexadecimal digits"),
        (["--identifier", "B611", "--identifier", "02010100"], "two editions"),
        (["--profile", "eastron-sdm120"], "it speaks modbus"),
    ],
)
async def test_an_impossible_wish_is_refused(options: list[str], message: str) -> None:
    printed = await run("read", "/dev/none,dlt645", *options)
    assert printed.exit_code == (2 if message else 1)
    assert message in printed.output


@pytest.mark.long
async def test_the_plan_counts_blocks_and_the_load_of_a_slow_line(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    meters = {
        f"m{number}": {
            "port": "line",
            "meter": f"{number:012d}",
            "profile": "dlt645-three-phase",
            "name": {"en": f"M{number}", "zh": f"表{number}"},
            "period_s": 60,
        }
        for number in range(1, 31)
    }
    settings = {"site": "s", "gateway": "g", "devices": meters}
    settings["ports"] = {"line": {"kind": "dlt645", "device": "/dev/ttyUSB0"}}
    path.write_text(json.dumps(settings), "utf-8")
    printed = await run("plan", str(path), "--json")
    page = json.loads(printed.output[: printed.output.rindex("}") + 1])
    first = page["ports"]["line"]["classes"][0]
    asked = {one["address"] for one in first["requests"]}
    assert {"0201FF00", "0202FF00", "0203FF00"} <= asked
    assert first["unit"] == f"{1:012d}"
    assert all(200 < one["ms"] < 500 for one in first["requests"])
    shown = await run("plan", str(path), "--requests")
    assert "identifier" in shown.output
    assert "0201FF00" in shown.output


@pytest.mark.long
@pytest.mark.parametrize("error", [0x01, 0x02])
async def test_a_meter_without_blocks_is_read_member_by_member(tmp_path: Path, error: int) -> None:
    class Plain:
        """Refuses each block."""

        def respond(self, pdu: bytes, now_s: float) -> Reply:
            if pdu[1:5] == bytes.fromhex("00ff0102"):
                return Reply(bytes((0xD1, error)))
            return inner.respond(pdu, now_s)

    inner = meter(A)
    async with line_of(tmp_path / "line", {A: Plain()}) as line:
        spec = f"{line.path},dlt645,19200,8N1"
        shown = await run("read", spec, "--meter", A, "--profile", "dlt645-three-phase")
    assert shown.exit_code == 0, shown.output
    rows = [row.split() for row in shown.output.splitlines() if row.startswith("voltage_l")]
    assert [row[-1] for row in rows] == ["V", "V", "V"]

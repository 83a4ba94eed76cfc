"""A running simulation: its control port, its script and its command line."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from simulators.__main__ import cli
from simulators.control import ControlServer, obey
from simulators.estate import Estate
from simulators.framing import mbap_frame
from simulators.simulation import Simulation, until_stopped
from tests.fakes.plant_clock import PlantClock

NAME = {"en": "Name", "zh": "名称"}
ESTATE: dict[str, Any] = {
    "endpoints": {"tcp": {"kind": "modbus_tcp"}},
    "units": {
        "pump-1": {
            "endpoint": "tcp",
            "unit": 1,
            "equipment": "pump",
            "profile": "grundfos-magna3",
            "name": NAME,
        },
        "counter": {"endpoint": "tcp", "unit": 2, "equipment": "counter", "name": NAME},
    },
    "script": [
        {"at_s": 12, "unit": "pump-1", "do": "trip"},
        {"at_s": 90, "unit": "pump-1", "do": "clear"},
    ],
}


class Told(list[dict[str, object]]):
    """Keeps what a simulation reports."""

    def __call__(self, event: str, **fields: object) -> None:
        self.append({"event": event, **fields})


@asynccontextmanager
async def _running() -> AsyncIterator[tuple[Simulation, Told, PlantClock]]:
    told, clock = Told(), PlantClock()
    estate = Estate.model_validate(ESTATE)
    async with Simulation(estate, report=told, clock=clock) as simulation:
        yield simulation, told, clock


async def _ask(simulation: Simulation, unit: int, pdu: bytes, *, within_s: float = 5.0) -> bytes:
    address = simulation.addresses["tcp"]
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(mbap_frame(1, unit, pdu))
        header = await asyncio.wait_for(reader.readexactly(7), within_s)
        return await reader.readexactly(int.from_bytes(header[4:6], "big") - 1)
    finally:
        writer.close()
        await writer.wait_closed()


READ_STATUS = bytes.fromhex("0400C80001")
FAULT_BIT = 1 << 10


async def test_the_script_happens_at_its_times_and_is_told() -> None:
    async with _running() as (simulation, told, clock):
        stop = asyncio.Event()
        running = asyncio.create_task(until_stopped(simulation, stop))
        states: list[bool] = []
        for seconds in (11, 1, 78):
            await asyncio.sleep(0)
            clock.advance(seconds)
            await asyncio.sleep(0)
            status = await _ask(simulation, 1, READ_STATUS)
            states.append(bool(int.from_bytes(status[2:], "big") & FAULT_BIT))
        assert states == [False, True, False]
        stop.set()
        await running
    assert told == [{"event": "trip", "unit": "pump-1"}, {"event": "clear", "unit": "pump-1"}]


async def test_stopping_does_not_wait_for_the_script() -> None:
    async with _running() as (simulation, told, _):
        stop = asyncio.Event()
        stop.set()
        await asyncio.wait_for(until_stopped(simulation, stop), 1)
    assert told == []


async def test_orders_over_tcp_are_obeyed_and_answered() -> None:
    async with _running() as (simulation, told, _), ControlServer(simulation) as control:
        reader, writer = await asyncio.open_connection(control.host, control.port)

        async def order(**fields: object) -> dict[str, Any]:
            writer.write(json.dumps(fields).encode() + b"\n")
            return json.loads(await reader.readline())

        assert await order(do="trip", unit="pump-1") == {"ok": True}
        assert await order(do="get", unit="pump-1", point="fault") == {"ok": True, "value": True}
        assert await order(do="clear") == {"ok": True}
        assert await order(do="get", unit="pump-1", point="fault") == {"ok": True, "value": False}
        assert await order(do="set", unit="pump-1", point="flow", value=7.5) == {"ok": True}
        assert (await _ask(simulation, 1, bytes.fromhex("04012D0001")))[2:] == b"\x00\x4b"
        assert await order(do="fault", unit="counter", kind="offline") == {"ok": True}
        with pytest.raises(TimeoutError):
            await _ask(simulation, 2, bytes.fromhex("0300000002"), within_s=0.1)
        assert await order(do="clear", unit="counter") == {"ok": True}
        assert (await _ask(simulation, 2, bytes.fromhex("0300000002")))[-1] == 1
        assert await order(do="get", unit="counter", point="count") == {"ok": True, "value": 1}
        assert await order(do="cut", endpoint="tcp") == {"ok": True}
        listed = await order(do="list")
        assert "trip" in listed["value"]["pump-1"]["events"]
        writer.close()
        await writer.wait_closed()
    assert {"event": "fault", "unit": "counter", "kind": "offline"} in told


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"nonsense\n", "Expecting value"),
        (b"[1]\n", "expected a JSON object"),
        (b"\xff\n", "decode"),
        (b'{"do": "trip"}\n', "unit"),
        (b'{"do": "trip", "unit": "x"}\n', "pump-1"),
        (b'{"do": "explode", "unit": "pump-1"}\n', "dry_run"),
        (b'{"do": "fault", "unit": "pump-1", "kind": "odd"}\n', "offline"),
        (b'{"do": "fault", "unit": "pump-1", "kind": "slow", "second": 1}\n', "second"),
        (b'{"do": "set", "unit": "pump-1", "point": "flow", "value": -5}\n', "does not fit"),
        (b'{"do": "set", "unit": "pump-1", "point": "flow", "value": "x"}\n', "none of"),
        (b'{"do": "cut", "endpoint": "x"}\n', "tcp"),
        (b'{"do": "get", "unit": "counter", "point": "value_00"}\n', "pump-1"),
    ],
)
async def test_a_wrong_order_is_answered_with_what_is_allowed(line: bytes, message: str) -> None:
    async with _running() as (simulation, told, _):
        answer = obey(simulation, line)
    assert answer["ok"] is False
    assert message in str(answer["error"])
    assert told == []


def test_a_wrong_estate_file_exits_with_2_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "estate.yaml"
    path.write_text("endpoints: {a: {kind: modbus_tcp, prot: 1}}\nunits: {}\n")
    result = CliRunner().invoke(cli, ["run", str(path)])
    assert result.exit_code == 2
    assert "endpoints.a.prot" in result.output


def test_an_agent_file_needs_fixed_ports(tmp_path: Path) -> None:
    path = tmp_path / "estate.yaml"
    path.write_text(json.dumps(ESTATE))
    result = CliRunner().invoke(cli, ["agent-file", str(path)])
    assert result.exit_code == 2
    assert "the port of tcp is 0" in result.output
    path.write_text(json.dumps(ESTATE | {"endpoints": {"tcp": {"kind": "modbus_tcp", "port": 1}}}))
    result = CliRunner().invoke(cli, ["agent-file", str(path), "--mqtt-port", "1999"])
    assert result.exit_code == 0
    content = json.loads(result.output)
    assert content["mqtt"] == {"port": 1999}
    assert content["ports"]["tcp"]["port"] == 1


def test_a_port_in_use_exits_with_1_and_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = {"kind": "modbus_tcp", "port": taken.getsockname()[1]}
        path = tmp_path / "estate.yaml"
        path.write_text(json.dumps(ESTATE | {"endpoints": {"tcp": endpoint}}))
        result = CliRunner().invoke(cli, ["run", str(path)])
    assert result.exit_code == 1
    assert str(endpoint["port"]) in result.output


@pytest.mark.parametrize("command", ["run", "bench", "agent-file"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    assert f"plantroom simulate {command}" in result.output


@pytest.mark.long
async def test_the_process_says_where_it_is_and_stops_on_sigterm(tmp_path: Path) -> None:
    estate = tmp_path / "estate.yaml"
    line = {"kind": "pty", "path": str(tmp_path / "line")}
    endpoints = ESTATE["endpoints"] | {"line": line}
    estate.write_text(json.dumps(ESTATE | {"endpoints": endpoints}))
    agent_file = tmp_path / "agent.yaml"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators", "run", str(estate), "--control", "0"),
        *("--agent-file", str(agent_file)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    ready = json.loads(await process.stdout.readline())
    assert ready["event"] == "ready"
    assert ready["endpoints"]["tcp"]["port"] > 0
    assert ready["control"]["port"] > 0
    assert json.loads(agent_file.read_text())["ports"]["line"]["device"] == line["path"]
    assert (tmp_path / "line").is_symlink()
    process.send_signal(signal.SIGTERM)
    rest = await process.stdout.read()
    assert json.loads(rest) == {"event": "stopped"}
    assert await process.wait() == 0
    assert not (tmp_path / "line").is_symlink()


async def test_a_box_gets_a_fault_and_loses_it_again() -> None:
    async with _running() as (simulation, told, _):
        on = b'{"do": "box", "endpoint": "tcp", "kind": "banner", "text": "login: "}'
        assert obey(simulation, on) == {"ok": True}
        address = simulation.addresses["tcp"]
        reader, writer = await asyncio.open_connection(address.host, address.port)
        assert await reader.readexactly(7) == b"login: "
        writer.close()
        await writer.wait_closed()
        assert obey(simulation, b'{"do": "box", "endpoint": "tcp", "kind": "none"}') == {"ok": True}
        wrong = obey(simulation, b'{"do": "box", "endpoint": "tcp", "kind": "none at all"}')
        assert not wrong["ok"]
        assert [one["kind"] for one in told if one["event"] == "box"] == ["banner", "none"]

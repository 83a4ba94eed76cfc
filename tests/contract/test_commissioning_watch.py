"""plantroom agent watch against the status page of an agent and against what is none."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.edge import JournalSettings, StatusSettings
from config.ports import ModbusTcpPort
from edge_agent.__main__ import cli
from edge_agent.clock import SystemClock
from edge_agent.commissioning.watch_command import WatchError, watch
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.health import Health
from edge_agent.journal.memory import MemoryJournal
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from edge_agent.status import StatusPage
from edge_agent.status_report import StatusReport
from edge_agent.uplink.uplink import Uplink
from simulators.modbus import ModbusServer
from tests.fakes.devices import device, point
from tests.fakes.gateway import gateway
from tests.fakes.reading_sink import ListSink
from tests.fakes.site_line import PlainUnit


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The status page of an agent that polls one unit."""
    clock, health = SystemClock(), Health()
    journal = MemoryJournal(JournalSettings(path=tmp_path / "unused"), clock)
    uplink = Uplink(gateway(), journal, clock)
    async with ModbusServer({1: PlainUnit({0: 7})}) as server:
        settings = ModbusTcpPort(kind="modbus_tcp", host=server.host, port=server.port)
        sink = ListSink()
        port = PortOwner(
            "bus",
            settings=settings,
            devices={"d1": device("d1", {"level": point(0, unit="m", period_s=0.05)})},
            open_driver=partial(open_modbus, settings, clock),
            sink=sink,
            health=health,
            availability=MemoryAvailability(),
            clock=clock,
        )
        report = StatusReport(
            gateway().settings,
            ports={"bus": port},
            health=health,
            journal=journal,
            uplink=uplink,
            clock=clock,
        )
        page = StatusPage(
            StatusSettings(port=0), health=health, journal=journal, uplink=uplink, report=report
        )
        async with page:
            polling = asyncio.create_task(port.run())
            while not port.devices["d1"].latest:
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{page.port}"
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)


async def run(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, cli, ["watch", *arguments])


async def test_one_page_shows_port_unit_and_value(url: str) -> None:
    printed = await run("--url", url, "--once")
    assert printed.exit_code == 0, printed.output
    lines = printed.output.splitlines()
    assert lines[0].startswith("gateway gw of site site, up for")
    assert any(line.startswith("bus   up") for line in lines)
    assert any(line.split()[:4] == ["d1", "bus", "1", "online"] for line in lines)
    assert any(line.split()[:5] == ["d1", "level", "7", "m", "good"] for line in lines)
    assert "\x1b" not in printed.output


async def test_pages_follow_each_other_as_plain_text(url: str) -> None:
    pages: list[str] = []
    two = asyncio.Event()

    def out(text: str) -> None:
        pages.append(text)
        if len(pages) == 2:
            two.set()

    task = asyncio.create_task(watch(url, "d1", out, SystemClock(), every_s=0.05, once=False))
    await asyncio.wait_for(two.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert all(text.startswith("gateway gw") for text in pages)


async def test_an_unknown_device_is_reported_with_those_there_are(url: str) -> None:
    printed = await run("--url", url, "--once", "--device", "d2")
    assert printed.exit_code == 1
    assert "no device 'd2'; there are: d1" in printed.stderr


async def test_where_no_agent_answers_that_is_logged() -> None:
    printed = await run("--url", "http://127.0.0.1:1", "--once")
    assert printed.exit_code == 1
    assert "http://127.0.0.1:1: no agent answers" in printed.stderr
    for address in ("http://127.0.0.1:99999", "http://[::1", "http://h:x", "http://h:0"):
        wrong = await run("--url", address)
        assert (wrong.exit_code, "expected http://HOST:PORT" in wrong.output) == (2, True)
    wrong = await run("--url", "127.0.0.1:9464")
    assert wrong.exit_code == 2
    assert "expected http://HOST:PORT" in wrong.stderr


@pytest.mark.parametrize(
    ("answer", "reported"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "what answers is no agent"),
        (b"SSH-2.0-OpenSSH\r\n", "no agent answers"),
    ],
)
async def test_what_is_no_agent_is_reported(answer: bytes, reported: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(WatchError, match=reported):
            await watch(url, None, print, SystemClock(), every_s=1, once=True)

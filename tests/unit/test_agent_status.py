"""The status page, asked over loopback."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.edge import JournalSettings, StatusSettings
from edge_agent.health import Health
from edge_agent.journal.memory import MemoryJournal
from edge_agent.status import AgentCollector, StatusPage
from edge_agent.uplink.uplink import Uplink
from tests.fakes.agent_clock import FakeClock
from tests.fakes.gateway import NOW, gateway, reading
from tests.patience import PATIENCE_S


class Site:
    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.journal = MemoryJournal(JournalSettings(path=Path("unused")), self.clock)
        self.uplink = Uplink(gateway(), self.journal, self.clock)
        self.health = Health()
        self.health.registry.register(AgentCollector(self.journal, self.uplink, self.clock))

    def page(self, port: int = 0) -> StatusPage:
        return StatusPage(
            StatusSettings(port=port),
            health=self.health,
            journal=self.journal,
            uplink=self.uplink,
        )


async def ask(port: int, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.fixture
def site() -> Site:
    return Site()


async def test_metrics_show_journal_and_uplink_as_they_are_now(site: Site) -> None:
    site.uplink.publish("p1", [reading(1.0, at=NOW - 4000)])
    async with site.page() as page:
        status, body = await ask(page.port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")

    lines = body.decode().splitlines()
    assert status == 200
    assert "plantroom_journal_messages 1.0" in lines
    assert "plantroom_journal_oldest_seconds 4.0" in lines
    assert "plantroom_uplink_online 0.0" in lines
    assert "plantroom_journal_dropped_messages_total 0.0" in lines
    assert "plantroom_clock_synchronised 1.0" in lines
    # The second is the deprecated name of the first.
    assert "plantroom_uplink_provisional_readings 0.0" in lines
    assert "plantroom_uplink_held_readings 0.0" in lines
    assert "plantroom_uplink_given_up_readings_total 0.0" in lines
    assert "plantroom_journal_recovering 0.0" in lines
    assert "plantroom_journal_salvaging 0.0" in lines


async def test_health_names_what_is_down(site: Site) -> None:
    site.health.device("p1", up=False, at=NOW, reason="timeout")
    site.health.device("p2", up=True, at=NOW)
    async with site.page() as page:
        status, body = await ask(page.port, b"GET /healthz?verbose HTTP/1.1\r\n\r\n")

    health = json.loads(body)
    assert status == 200
    assert health["status"] == "degraded"
    assert health["uplink"] == "offline"
    assert health["devices_down"] == ["p1"]
    assert health["journal"]["writable"] is False


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\n\r\n", 405),
        (b"\x00\xff\r\n\r\n", 405),
    ],
)
async def test_anything_else_is_refused(site: Site, request_: bytes, expected: int) -> None:
    async with site.page() as page:
        assert (await ask(page.port, request_))[0] == expected


async def test_an_endless_request_is_cut_off(site: Site) -> None:
    async with site.page() as page:
        reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
        writer.write(b"x" * 100_000)
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()


async def test_a_taken_port_costs_the_page_and_not_the_agent(site: Site) -> None:
    async with site.page() as first:
        with capture_logs() as logs:
            async with site.page(first.port) as second:
                assert second.port == 0
    assert [entry["event"] for entry in logs] == ["status_page_unavailable"]

"""What /status says of ports, units and last values."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from random import Random

from config.edge import JournalSettings, StatusSettings
from config.points import Table
from config.ports import ModbusTcpPort
from edge_agent.health import Health
from edge_agent.journal.memory import MemoryJournal
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from edge_agent.status import StatusPage
from edge_agent.status_report import StatusReport
from edge_agent.uplink.uplink import Uplink
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeDriver, FakeUnit
from tests.fakes.gateway import gateway
from tests.fakes.jumping_clock import JumpingClock
from tests.fakes.reading_sink import ListSink


class Site:
    """A port with a unit that answers and one that does not."""

    def __init__(self) -> None:
        self.clock = JumpingClock()
        self.health = Health()
        self.journal = MemoryJournal(JournalSettings(path=Path("unused")), self.clock)
        self.uplink = Uplink(gateway(), self.journal, self.clock)
        devices = [device("alive", {"t": point(0, unit="°C"), "h": point(1)}, unit=1)]
        devices += [device("dead", {"t": point(0)}, unit=2)]
        registers = {(Table.HOLDING, 0): 21, (Table.HOLDING, 1): 40}
        self.port = PortOwner(
            "bus",
            settings=ModbusTcpPort(kind="modbus_tcp", host="127.0.0.1"),
            devices={one.id: one for one in devices},
            open_driver=FakeDriver({1: FakeUnit(registers)}, self.clock).opened,
            sink=ListSink(),
            health=self.health,
            availability=MemoryAvailability(),
            clock=self.clock,
            rng=Random(1),  # noqa: S311 (jitter, not a secret)
        )
        self.report = StatusReport(
            gateway().settings,
            ports={"bus": self.port},
            health=self.health,
            journal=self.journal,
            uplink=self.uplink,
            clock=self.clock,
        )

    async def poll(self, seconds: float) -> None:
        task = asyncio.create_task(self.port.run())
        await self.clock.run_for(seconds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_ports_units_and_values_are_reported_as_they_are() -> None:
    site = Site()
    await site.poll(5)
    status = json.loads(json.dumps(site.report.of(None)))

    bus = status["ports"]["bus"]
    assert bus["up"] is True
    assert bus["requests"] > 3
    assert bus["replies"] > 3
    assert bus["errors"]["timeout"] >= 1
    assert 0 < bus["busy_s"] < status["uptime_s"]
    alive, dead = bus["devices"]
    assert (alive["id"], alive["unit"], alive["state"], alive["up"]) == ("alive", 1, "online", True)
    assert alive["response_ms"] > 0
    assert (dead["state"], dead["up"], dead["reason"]) == ("offline", False, "timeout")
    assert [(v["device"], v["point"], v["value"], v["unit"]) for v in status["values"]] == [
        ("alive", "t", 21, "°C"),
        ("alive", "h", 40, ""),
    ]
    assert status["values"][0]["quality"] == "good"
    assert status["journal"]["rows"] == 0
    assert status["uplink"]["online"] is False


async def test_the_values_of_one_device_are_reported_on_demand() -> None:
    site = Site()
    await site.poll(2)
    assert site.report.of("dead")["values"] == []
    page = StatusPage(
        StatusSettings(port=0),
        health=site.health,
        journal=site.journal,
        uplink=site.uplink,
        report=site.report,
    )
    async with page:
        reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
        writer.write(b"GET /status?device=alive HTTP/1.1\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    assert b"200 OK" in head
    assert {one["point"] for one in json.loads(body)["values"]} == {"t", "h"}


def test_a_port_that_was_not_opened_yet_is_neither_up_nor_down() -> None:
    bus = Site().report.of(None)["ports"]
    assert isinstance(bus, dict)
    assert bus["bus"]["up"] is None

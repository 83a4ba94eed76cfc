"""The composition root: builds everything one gateway needs, runs it, ends it in order."""

import asyncio
import signal
from collections.abc import Generator, Mapping
from contextlib import AsyncExitStack, contextmanager

import structlog
from prometheus_client import ProcessCollector

from config.edge import JournalSettings
from config.resolve import Gateway
from edge_agent.clock import Clock
from edge_agent.commands.service import CommandService
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.errors import JournalFullError
from edge_agent.health import Health
from edge_agent.journal.base import Journal
from edge_agent.journal.memory import MemoryJournal
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.polling.holes import MemoryHoles
from edge_agent.polling.port import PortOwner
from edge_agent.polling.sink import ReadingSink
from edge_agent.status import AgentCollector, StatusPage
from edge_agent.status_report import StatusReport
from edge_agent.uplink.uplink import Uplink

log = structlog.get_logger()


class _StopAskedError(Exception):
    """SIGTERM or SIGINT arrived."""


async def run(gateway: Gateway, clock: Clock) -> None:
    """Run the agent until SIGTERM or SIGINT.

    Raises JournalError when the journal belongs to another process or to a newer version.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        journal = await _open_journal(gateway.settings.journal, clock, stack)
        health = Health()
        uplink = Uplink(gateway, journal, clock)
        ports = _build_ports(gateway, sink=uplink, health=health, clock=clock)
        commands = CommandService(devices=gateway.devices, ports=ports, health=health, clock=clock)
        report = StatusReport(
            gateway.settings,
            ports=ports,
            health=health,
            journal=journal,
            uplink=uplink,
            clock=clock,
        )
        page = await stack.enter_async_context(
            StatusPage(
                gateway.settings.status,
                health=health,
                journal=journal,
                uplink=uplink,
                report=report,
            )
        )
        health.registry.register(AgentCollector(journal, uplink, clock))
        ProcessCollector(registry=health.registry)
        log.info(
            "agent_ready",
            site=gateway.settings.site,
            gateway=gateway.settings.gateway,
            devices=len(gateway.devices),
            ports=len(ports),
            status_port=page.port,
        )
        with _ends_quietly():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(journal.run(), name="journal")
                tasks.create_task(uplink.run(commands), name="uplink")
                for name, port in ports.items():
                    tasks.create_task(port.run(), name=f"port:{name}")
                await stop.wait()
                raise _StopAskedError
    log.info("agent_stopped")


@contextmanager
def _ends_quietly() -> Generator[None]:
    """A wish to stop is no error; anything else in the group ends the process loudly."""
    try:
        yield
    except* _StopAskedError:
        log.info("agent_stopping")


async def _open_journal(settings: JournalSettings, clock: Clock, stack: AsyncExitStack) -> Journal:
    try:
        return await stack.enter_async_context(SqliteJournal(settings, clock))
    except JournalFullError as error:
        why = str(error)
    # Polling goes on: live values still reach the server, and a restart finds the old rows.
    log.error("journal_in_memory_only", path=str(settings.path), error=why)
    return await stack.enter_async_context(MemoryJournal(settings, clock))


def _build_ports(
    gateway: Gateway, *, sink: ReadingSink, health: Health, clock: Clock
) -> Mapping[str, PortOwner]:
    """Return the owner of each port that has devices."""
    holes = MemoryHoles()
    used = sorted({device.port for device in gateway.devices.values()})
    return {
        name: PortOwner(
            name,
            settings=gateway.settings.ports[name],
            devices={
                device.id: device for device in gateway.devices.values() if device.port == name
            },
            driver=open_modbus(gateway.settings.ports[name], clock),
            sink=sink,
            health=health,
            holes=holes,
            clock=clock,
            # Spread over a tenth of a second: no burst of all ports in one millisecond.
            phase_s=0.1 * number / len(used),
        )
        for number, name in enumerate(used)
    }

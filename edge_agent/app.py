"""The composition root: builds everything one gateway needs, runs it, ends it in order."""

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack, contextmanager

import structlog
from prometheus_client import ProcessCollector

from config.gateway import Gateway
from config.machine_clock import synchronised
from edge_agent.clock import Clock
from edge_agent.commands.ledger import SqliteLedger
from edge_agent.commands.service import CommandService, Writer
from edge_agent.drivers.lines import Lines
from edge_agent.health import Health
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.journal_place import refuse_hopeless_place
from edge_agent.linkages.device import with_linkages
from edge_agent.linkages.joined import Joined
from edge_agent.linkages.service import LinkageService
from edge_agent.linkages.store import LinkageFile
from edge_agent.listeners import opener
from edge_agent.polling.availability_store import AvailabilityFile
from edge_agent.polling.port_manager import PortManager
from edge_agent.port_metrics import PortMetrics
from edge_agent.reload import Reloader
from edge_agent.service_manager import ServiceManager
from edge_agent.status import AgentCollector, StatusPage
from edge_agent.status_report import StatusReport
from edge_agent.uplink.uplink import Uplink

log = structlog.get_logger()


class _StopAskedError(Exception):
    """SIGTERM or SIGINT arrived."""


async def run(
    gateway: Gateway, clock: Clock, *, load: Callable[[], Gateway], manager: ServiceManager
) -> None:
    """Run the agent until SIGTERM or SIGINT; SIGHUP calls ``load`` and takes over the outcome.

    Raises JournalError when there can be no journal at its path, when it belongs to another
    process or to a newer version, ConfigError when a device cannot be asked what it shall be.
    """
    stop, hang_up = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, hang_up.set)
    settings = gateway.settings
    async with AsyncExitStack() as stack:
        refuse_hopeless_place(settings.journal.path)
        journal = await stack.enter_async_context(SqliteJournal(settings.journal, clock))
        beside = settings.journal.path
        ledger = SqliteLedger(beside.with_suffix(".commands.sqlite"))
        await stack.enter_async_context(ledger)
        health = Health()
        availability = AvailabilityFile(
            beside.with_suffix(".availability.json"), before=beside.with_suffix(".holes.json")
        )
        stack.callback(availability.close)
        metrics = PortMetrics(health, clock)
        uplink = Uplink(
            with_linkages(gateway),
            journal,
            clock,
            synchronised=synchronised,
            loads=metrics.load,
        )
        port_manager = PortManager(
            sink=uplink,
            health=health,
            availability=availability,
            clock=clock,
            open_driver=Lines().open,
            open_listener=opener(
                sink=uplink, journal=journal, health=health, clock=clock, beside=beside
            ),
        )
        linkages = LinkageService(
            ports=port_manager.ports,
            sink=uplink,
            store=LinkageFile(beside.with_suffix(".linkages.json")),
            health=health,
            clock=clock,
        )
        commands = CommandService(
            devices=Joined(port_manager.devices, linkages.devices),
            ports=Joined[Writer](port_manager.ports, linkages.ports),
            ledger=ledger,
            health=health,
            clock=clock,
        )
        report = StatusReport(
            settings,
            ports=port_manager.ports,
            health=health,
            journal=journal,
            uplink=uplink,
            linkages=linkages.status,
            clock=clock,
        )
        page = StatusPage(
            settings.status, health=health, journal=journal, uplink=uplink, report=report
        )
        await stack.enter_async_context(page)
        health.registry.register(AgentCollector(journal, uplink, clock))
        health.registry.register(metrics)
        ProcessCollector(registry=health.registry)
        first = port_manager.prepare(gateway)
        with _ends_quietly():
            async with asyncio.TaskGroup() as tasks:
                for name, work in {
                    "journal": journal.run(uplink.journal_renamed),
                    "uplink": uplink.run(commands),
                    "linkages": linkages.run(commands),
                    "availability": availability.run(),
                    "metrics": metrics.run(),
                    "watchdog": manager.run(clock),
                }.items():
                    tasks.create_task(work, name=name)
                port_manager.start(first, tasks)
                await linkages.enter(gateway)
                log.info(
                    "agent_ready",
                    site=settings.site,
                    gateway=settings.gateway,
                    devices=len(port_manager.devices),
                    ports=len(port_manager.ports),
                    status_port=page.port,
                )
                reloader = Reloader(
                    gateway,
                    load=load,
                    port_manager=port_manager,
                    uplink=uplink,
                    linkages=linkages,
                    health=health,
                    tasks=tasks,
                )
                reloads = _reload_when_asked(hang_up, reloader, port_manager, manager, clock)
                tasks.create_task(reloads, name="reloads")
                await stop.wait()
                manager.stopping()
                raise _StopAskedError
    log.info("agent_stopped")


async def _reload_when_asked(
    hang_up: asyncio.Event,
    reloader: Reloader,
    port_manager: PortManager,
    manager: ServiceManager,
    clock: Clock,
) -> None:
    while True:
        status = f"polling {len(port_manager.devices)} devices on {len(port_manager.ports)} ports"
        if reloader.refusal:
            status = f"reload refused: {reloader.refusal}; still {status}"
        manager.ready(status)
        await hang_up.wait()
        hang_up.clear()
        manager.reloading(clock)
        await reloader.reload()


@contextmanager
def _ends_quietly() -> Generator[None]:
    """A wish to stop is no error; anything else in the group ends the process loudly."""
    try:
        yield
    except* _StopAskedError:
        log.info("agent_stopping")

"""The composition root of the server: builds every object, starts the tasks, stops them.

The main flow: MQTT -> ingest -> chain (alarm, incident, order and message in one transaction) and
history -> HTTP, live stream, outbox.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from typing import Any

from sqlalchemy import text
from structlog import get_logger

from config.load import load_classes
from config.server import ServerSettings
from server.alarms.engine import AlarmEngine
from server.api.context import Services
from server.api.feed import EventFeed
from server.api.http import build_app
from server.api.serving import HttpServer
from server.assets.registry import Registry
from server.chain import TIMER_KINDS, Chain
from server.core.clock import Clock
from server.core.lock import claim_folder
from server.core.records import Records
from server.core.schema import upgrade
from server.history.base import History
from server.history.duckdb import DuckHistory
from server.ingest.writer import Ingest
from server.jobs.outbox import OutboxWorker
from server.jobs.silence import SilenceSweep
from server.jobs.timers import TimerSweep
from server.notifications.receivers import open_channels
from server.upkeep import Upkeep

ROLES = ("ingest", "api", "jobs")
"""ingest: broker, history and the alarms that follow from time; api: HTTP; jobs: messages."""

Work = Callable[[], Coroutine[Any, Any, None]]
log = get_logger()


class Server:
    """The objects of one process; entered once, run once."""

    def __init__(self, settings: ServerSettings, clock: Clock, roles: AbstractSet[str]) -> None:
        self._settings = settings
        self._clock = clock
        self._roles = roles
        self._works: dict[str, Work] = {}
        self._checks: dict[str, Callable[[], bool]] = {}
        self._feed: EventFeed | None = None
        self._http: HttpServer | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Build, run until ``stop`` is set, end in the opposite order."""
        async with AsyncExitStack() as stack:
            stack.enter_context(claim_folder(self._settings.data_dir, self._roles))
            await asyncio.to_thread(upgrade, self._settings.records.url)
            records = stack.enter_context(Records.open(self._settings.records.url))
            self._checks["records"] = lambda: _answers(records)
            if self._roles & {"ingest", "api"}:
                await self._build_plant(stack, records)
            if "jobs" in self._roles:
                await self._build_jobs(stack, records)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(run(), name=name) for name, run in self._works.items()]
                if self._http is None:
                    log.info("server_ready", url=None, roles=sorted(self._roles))
                await stop.wait()
                log.info("server_stopping")
                await self._hang_up(tasks)
        log.info("server_stopped")

    async def _build_plant(self, stack: AsyncExitStack, records: Records) -> None:
        settings = self._settings
        history = DuckHistory(
            settings.history.path,
            memory_limit_mb=settings.history.memory_limit_mb,
            retention_days=settings.history.retention_days,
        )
        stack.callback(history.close)
        classes = load_classes(settings.class_files)
        engine = AlarmEngine(classes, self._clock)
        registry = Registry(
            records,
            self._clock,
            on_series=lambda series, asset: engine.attach(
                series, equipment_class=asset.equipment_class
            ),
        )
        await asyncio.to_thread(registry.load)
        if "ingest" in self._roles:
            await self._build_ingest(stack, records, history, registry, engine)
        if "api" in self._roles:
            self._feed = EventFeed(records)
            services = Services(
                settings=settings,
                records=records,
                clock=self._clock,
                classes=classes,
                history=history,
                values=registry,
                feed=self._feed,
                checks=self._checks,
            )
            self._http = http = HttpServer(build_app(services), settings.http)
            stack.enter_context(http)
            self._works["feed"] = self._feed.run
            self._works["http"] = lambda: http.run(lambda: self._ready(http.url))

    async def _build_ingest(
        self,
        stack: AsyncExitStack,
        records: Records,
        history: History,
        registry: Registry,
        engine: AlarmEngine,
    ) -> None:
        chain = Chain(records, engine, self._settings.messages, self._clock)
        await asyncio.to_thread(chain.restore)
        ingest = Ingest(
            self._settings,
            records=records,
            history=history,
            registry=registry,
            clock=self._clock,
            suspects=chain.on_samples,
        )
        await stack.enter_async_context(ingest)
        self._checks["ingest"] = lambda: ingest.alive
        self._checks["broker"] = lambda: ingest.link.connected
        self._works["ingest"] = ingest.run
        self._works["timers"] = TimerSweep(
            records, dict.fromkeys(TIMER_KINDS, chain.on_timer), self._clock
        ).run
        self._works["silence"] = SilenceSweep(chain, self._clock).run
        self._works["upkeep"] = Upkeep(history, self._clock).run

    async def _build_jobs(self, stack: AsyncExitStack, records: Records) -> None:
        messages = self._settings.messages
        channels = await stack.enter_async_context(open_channels(messages, self._clock))
        self._works["outbox"] = OutboxWorker(records, channels, messages, self._clock).run

    def _ready(self, url: str) -> None:
        log.info("server_ready", url=url, roles=sorted(self._roles))

    async def _hang_up(self, tasks: list[asyncio.Task[None]]) -> None:
        """End streams and answers first, so that nobody is cut in the middle."""
        if self._feed is not None and self._http is not None:
            self._feed.close()
            self._http.stop()
            await asyncio.wait([task for task in tasks if task.get_name() == "http"])
        for task in tasks:
            task.cancel()


async def run(settings: ServerSettings, clock: Clock, roles: AbstractSet[str]) -> None:
    """Run these roles until SIGTERM or SIGINT.

    Raises:
        ServerError: The port or the data folder is taken, or a store cannot be opened.
        ConfigError: A receiver of messages cannot be used.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Server(settings, clock, roles).run(stop)


def _answers(records: Records) -> bool:
    return records.read(lambda session: session.scalar(text("SELECT 1"))) == 1

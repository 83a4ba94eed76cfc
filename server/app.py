"""The composition root of the server: builds every object, starts the tasks, stops them.

The main flow: MQTT -> ingest -> chain (alarm, incident, order and message in one transaction) and
history -> HTTP, live stream, outbox.
"""

import asyncio
import gc
import sys
from collections.abc import Callable, Coroutine, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from structlog import get_logger

from config.classes import EquipmentClass
from config.load import load_classes
from config.server import ServerSettings
from server.alarming.wiring import Alarming
from server.api.context import Services
from server.api.feed import EventFeed
from server.api.http import build_app
from server.api.serving import listen, url_of
from server.assets.registry import Registry
from server.commands.sender import CommandSender, answers
from server.core.auth import has_users
from server.core.clock import Clock
from server.core.errors import NobodyError
from server.core.isolation import ErrorIsolation
from server.core.lateness import Lateness
from server.core.lock import claim_folder
from server.core.records import Records
from server.core.schema import upgrade
from server.core.steady_clock import SteadyClock, newest_record
from server.history.duckdb import DuckHistory
from server.history_damage import DamageWatch
from server.ingest.metrics import IngestMetrics
from server.ingest.writer import Ingest, Stored, ignore
from server.jobs.calls import start_calls
from server.live.hub import LiveHub
from server.live.values import LiveValues
from server.notifications.delivery import open_delivery
from server.notifications.registry import load_link_key
from server.upkeep import Upkeep
from server.web.desk import Desk
from server.web.supervisor import Supervisor

ROLES = ("ingest", "api", "jobs")
"""ingest: broker, history and the alarms that follow from time; api: HTTP; jobs: messages."""

_SWITCH_S = 0.001
"""So long a busy ingest thread keeps the interpreter's lock from the alarm chain, after each of
its some thirty calls of the database; 5 ms is Python's own."""

log = get_logger()


class Server:
    """One process; run once."""

    def __init__(
        self,
        settings: ServerSettings,
        clock: Clock,
        roles: AbstractSet[str],
        *,
        log_level: str = "info",
    ) -> None:
        self._settings = settings
        self._log_level = log_level
        self._clock = SteadyClock(clock)
        self._roles = roles
        self._stack = AsyncExitStack()
        self._metrics = CollectorRegistry()
        ProcessCollector(registry=self._metrics)
        self._poison = ErrorIsolation(self._metrics)
        self._lateness = Lateness(
            self._clock, limit_s=settings.alarms.late_after_s, metrics=self._metrics
        )
        self._works: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "lateness": self._lateness.run
        }
        self._notes: dict[str, Callable[[], str]] = {}
        self._checks: dict[str, Callable[[], bool]] = {}
        self._hang_up: list[Callable[[], None]] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Build, run until ``stop`` is set, end in the opposite order."""
        sys.setswitchinterval(_SWITCH_S)
        async with self._stack:
            await self._build()
            async with asyncio.TaskGroup() as group:
                tasks = {name: group.create_task(run()) for name, run in self._works.items()}
                if "http" not in tasks:
                    self._say_ready(None)
                await stop.wait()
                log.info("server_stopping")
                for end in self._hang_up:
                    end()
                if "http" in tasks:
                    await asyncio.wait([tasks["http"]])
                for task in tasks.values():
                    task.cancel()
        log.info("server_stopped")

    async def _build(self) -> None:
        settings, roles = self._settings, self._roles
        self._stack.enter_context(claim_folder(settings.data_dir, roles))
        await asyncio.to_thread(upgrade, settings.records.url)
        records = self._stack.enter_context(Records.open(settings.records.url))
        if "api" in roles and not await records.read_async(has_users):
            raise NobodyError("nobody can log in yet; make the first administrator")
        self._clock.start(await records.read_async(newest_record))
        if "jobs" in roles:
            delivery = open_delivery(
                settings,
                records,
                self._clock,
                wall=self._clock.wall,
                checks=self._checks,
                lateness=self._lateness,
                isolation=self._poison,
            )
            self._works |= await self._stack.enter_async_context(delivery)
            calls = await asyncio.to_thread(
                start_calls, records, settings, self._clock, isolation=self._poison
            )
            self._checks["calls"] = lambda: calls.works
            # Who should have been called while the server was away is called first.
            await asyncio.to_thread(calls.sweep)
            self._works["calls"] = calls.run
            # Nor do they, and what waits to be sent, wait for the history and the rules.
            for name in ("calls", "outbox"):
                self._begin(name)
        if not roles & {"ingest", "api"}:
            return
        history = DuckHistory(
            settings.history.path,
            memory_limit_mb=settings.history.memory_limit_mb,
            retention_days=settings.history.retention_days,
        )
        self._stack.callback(history.close)
        damage = DamageWatch(history, records, settings.messages, self._clock, self._metrics)
        self._notes["history"] = damage.note
        self._works["history-damage"] = damage.run
        classes = load_classes(settings.class_files)
        alarming = Alarming(
            settings,
            records=records,
            history=history,
            classes=classes,
            clock=self._clock,
            isolation=self._poison,
        )
        registry = Registry(
            records,
            self._clock,
            on_series=alarming.attach,
            limits=settings.sparkplug.limits,
        )
        await asyncio.to_thread(registry.load)
        stored: Stored = ignore
        if "api" in roles:
            stored = (await self._open_http(records, history, registry, classes)).changed
        if "ingest" in roles:
            last = await asyncio.to_thread(history.last_values)
            self._clock.start(
                max((one.taken_at for one in last), default=0),
                tolerance_ms=round(settings.sparkplug.max_future_s * 1000),
            )
            await asyncio.to_thread(alarming.restore)
            alarming.follow(registry)
            ingest = Ingest(
                settings,
                records=records,
                history=history,
                registry=registry,
                clock=self._clock,
                on_suspects=alarming.pipeline.on_samples,
                answers=answers(records, self._clock),
                stored=stored,
                doubtful=alarming.gateways_to_confirm,
                metrics=IngestMetrics(self._clock, self._metrics),
            )
            await self._stack.enter_async_context(ingest)
            self._add_ingest(ingest, alarming)
            sender = CommandSender(
                records,
                publish=ingest.link.publish,
                connected=lambda: ingest.link.connected,
                alias_of=ingest.aliases.find,
                clock=self._clock,
            )
            self._works["commands"] = sender.run
            self._works["upkeep"] = Upkeep(history, self._clock).run
            with self._poison.isolate_errors("rehearsal"):
                await asyncio.to_thread(alarming.warm_up)

    async def _open_http(
        self,
        records: Records,
        history: DuckHistory,
        registry: Registry,
        classes: Mapping[str, EquipmentClass],
    ) -> Desk:
        """Take the port; the web process is started with the other tasks."""
        settings, values = self._settings, LiveValues(registry)
        services = Services(
            settings=settings,
            records=records,
            clock=self._clock,
            classes=classes,
            history=history,
            values=values,
            hub=LiveHub(values, self._clock),
            feed=EventFeed(records),
            checks=self._checks,
            late_s=self._lateness.late_s,
            notes=self._notes,
            metrics=self._metrics,
            links=load_link_key(settings.messages.links),
        )
        desk = Desk(build_app(services), services, history=history, registry=registry)
        listener = self._stack.enter_context(await listen(settings.http, self._clock))
        web = Supervisor(
            settings,
            desk,
            listener,
            self._clock,
            log_level=self._log_level,
            metrics=self._metrics,
        )
        url = url_of(listener, settings.http)
        self._checks["http"] = lambda: web.works
        self._works["desk"] = desk.run
        self._works["http"] = lambda: web.run(lambda: self._say_ready(url))
        self._hang_up.append(web.stop)
        return desk

    def _begin(self, name: str) -> None:
        """Start a work now; what it meets is told when everything runs."""
        task = asyncio.create_task(self._works[name](), name=name)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        async def go_on() -> None:
            await task

        # The channels are open as long as it runs, also if something else cannot be built.
        self._stack.push_async_callback(end)
        self._works[name] = go_on

    def _add_ingest(self, ingest: Ingest, alarming: Alarming) -> None:
        self._works["ingest"] = ingest.run
        self._works |= alarming.works
        self._checks |= alarming.checks
        alarming.hears = lambda: ingest.hears
        alarming.set_behind(ingest.is_behind)
        self._checks["ingest"] = lambda: ingest.alive and not ingest.stuck
        self._checks["history"] = lambda: "history" not in ingest.stuck
        self._checks["alarm_chain"] = self._lateness.watch("alarm_chain", lambda: ingest.late_s)
        self._checks["broker"] = lambda: ingest.link.connected
        self._notes["broker"] = lambda: ingest.link.problem

    def _say_ready(self, url: str | None) -> None:
        # What was built stays; without this the collector stops every thread to look at it again.
        gc.collect()
        gc.freeze()
        # DuckDB's binding writes pages about leaks when its objects outlive the interpreter.
        self._stack.callback(gc.unfreeze)
        log.info("server_ready", url=url, roles=sorted(self._roles))

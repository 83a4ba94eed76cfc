"""The composition root of the server: builds the roles of this process, runs them, ends them.

The main flow: MQTT -> ingest -> alarming (alarm, incident, order and message in one transaction)
and history -> HTTP, live stream, outbox.
"""

import asyncio
import gc
import sys
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry, ProcessCollector
from structlog import get_logger

from config.server import ServerSettings
from server.core.auth import has_users
from server.core.clock import Clock
from server.core.errors import NobodyError
from server.core.isolation import ErrorIsolation
from server.core.lateness import Lateness
from server.core.lock import claim_folder
from server.core.records import Records
from server.core.schema import upgrade
from server.core.steady_clock import SteadyClock, newest_record
from server.ingest.writer import ignore
from server.roles.api import build_api
from server.roles.ingest import build_ingest
from server.roles.jobs import build_jobs
from server.roles.parts import Parts, RoleContext, Work
from server.roles.plant import open_plant

ROLES = ("ingest", "api", "jobs")
"""ingest: broker, history and the alarms that follow from time; api: HTTP; jobs: messages."""

_SWITCH_S = 0.001
"""So long a busy ingest thread keeps the interpreter's lock from the alarm pipeline, after each of
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
        self._clock = clock
        self._roles = roles
        self._log_level = log_level

    async def run(self, stop: asyncio.Event) -> None:
        """Build, run until ``stop`` is set, end in the opposite order.

        Raises:
            PlantroomError: Something cannot be opened, read or made.
        """
        sys.setswitchinterval(_SWITCH_S)
        async with AsyncExitStack() as stack:
            context = await self._open_context(stack)
            parts = context.parts
            if "jobs" in self._roles:
                parts.add(await build_jobs(context))
                # Calls, and what waits to be sent, do not wait for the history and the rules.
                for name in ("calls", "outbox"):
                    parts.works[name] = _start_now(name, parts.works[name], stack)
            web, stored = None, ignore
            if self._roles & {"ingest", "api"}:
                plant = await open_plant(context, ingests="ingest" in self._roles)
                parts.add(plant.parts)
                if "api" in self._roles:
                    api = await build_api(
                        context, plant, log_level=self._log_level, on_ready=self._note_ready
                    )
                    parts.add(api.parts)
                    web, stored = api.web, api.stored
                if "ingest" in self._roles:
                    parts.add(await build_ingest(context, plant, stored=stored))
            # DuckDB's binding writes pages about leaks when its objects outlive the interpreter.
            stack.callback(gc.unfreeze)
            async with asyncio.TaskGroup() as group:
                tasks = {name: group.create_task(run()) for name, run in parts.works.items()}
                if web is None:
                    self._note_ready(None)
                await stop.wait()
                log.info("server_stopping")
                if web is not None:
                    web.stop()
                    await asyncio.wait([tasks["http"]])
                for task in tasks.values():
                    task.cancel()
        log.info("server_stopped")

    async def _open_context(self, stack: AsyncExitStack) -> RoleContext:
        settings, clock = self._settings, SteadyClock(self._clock)
        metrics = CollectorRegistry()
        ProcessCollector(registry=metrics)
        lateness = Lateness(clock, limit_s=settings.alarms.late_after_s, metrics=metrics)
        stack.enter_context(claim_folder(settings.data_dir, self._roles))
        await asyncio.to_thread(upgrade, settings.records.url)
        records = stack.enter_context(Records.open(settings.records.url))
        if "api" in self._roles and not await records.read_async(has_users):
            raise NobodyError("nobody can log in yet; make the first administrator")
        clock.start(await records.read_async(newest_record))
        return RoleContext(
            settings=settings,
            clock=clock,
            records=records,
            stack=stack,
            metrics=metrics,
            isolation=ErrorIsolation(metrics),
            lateness=lateness,
            parts=Parts(works={"lateness": lateness.run}),
        )

    def _note_ready(self, url: str | None) -> None:
        # What was built stays; without this the collector stops every thread to look at it again.
        gc.collect()
        gc.freeze()
        log.info("server_ready", url=url, roles=sorted(self._roles))


def _start_now(name: str, run: Work, stack: AsyncExitStack) -> Work:
    """Start a work; what it raises is raised when everything runs."""
    task = asyncio.create_task(run(), name=name)

    async def end() -> None:
        task.cancel()
        await asyncio.wait([task])

    async def go_on() -> None:
        await task

    # The channels are open as long as it runs, also if something else cannot be built.
    stack.push_async_callback(end)
    return go_on

"""The composition root of the server: builds the roles of this process, runs them, ends them.

The main flow: MQTT -> ingest -> alarming (alarm, incident, order and message in one transaction)
and history -> HTTP, live stream, outbox.
"""

import asyncio
import gc
import sys
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, closing

from structlog import get_logger

from config.server import ServerSettings
from server.core.clock import Clock
from server.core.shard import WHOLE, Shard
from server.ingest.writer import ignore
from server.live.broadcast import LiveSender
from server.live.values import LiveValues
from server.roles.api import build_api
from server.roles.health import build_health
from server.roles.ingest import build_ingest
from server.roles.jobs import build_jobs
from server.roles.opening import open_context
from server.roles.parts import Work
from server.roles.plant import open_plant
from server.web.fork_server import ForkServer

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
        forks: ForkServer | None = None,
        shard: Shard = WHOLE,
        log_level: str = "info",
        tells_health: bool = False,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            settings: Of the server file.
            clock: The machine's.
            roles: What the process does.
            forks: Makes the web process of the role ``api``; without, one is started.
            shard: Whose sites it ingests.
            log_level: Of its web process.
            tells_health: Answer for its health at http.port, without the role ``api``.
        """
        self._forks = forks
        self._tells_health = tells_health
        self._shard = shard
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
            context = await open_context(
                self._settings, self._clock, self._roles, self._shard, stack
            )
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
                    forks = self._forks or stack.enter_context(closing(ForkServer.spawn()))
                    api = await build_api(
                        context,
                        plant,
                        forks=forks,
                        log_level=self._log_level,
                        on_ready=self._note_ready,
                    )
                    parts.add(api.parts)
                    web, stored = api.web, api.stored
                else:
                    sender = LiveSender(
                        self._settings.mqtt, LiveValues(plant.registry), context.clock
                    )
                    parts.works["live"], stored = sender.run, sender.changed
                if "ingest" in self._roles:
                    parts.add(await build_ingest(context, plant, stored=stored))
            if self._tells_health:
                parts.add(await build_health(context))
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

    def _note_ready(self, url: str | None) -> None:
        # What was built stays; without this the collector stops every thread to look at it again.
        gc.collect()
        gc.freeze()
        log.info("server_ready", url=url, roles=sorted(self._roles), shard=str(self._shard))


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

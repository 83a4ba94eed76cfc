"""The role ``api``: HTTP, pages and the live stream, in a process of their own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from server.access.login_provider import LoginProvider
from server.api.context import Services
from server.api.feed import EventFeed
from server.api.http import build_app
from server.api.serving import listen, url_of
from server.core.attachments import Attachments
from server.core.sweep import Sweep
from server.ingest.writer import Stored
from server.live.broadcast import LiveReceiver, stored_values
from server.live.hub import LiveHub
from server.live.values import LiveValues, MirroredValues
from server.notifications.registry import load_link_key
from server.roles.parts import Parts, RoleContext, Work
from server.roles.plant import Plant
from server.web.desk import Desk
from server.web.fork_server import ForkServer
from server.web.supervisor import Supervisor
from server.workorders.attachments import sweep_attachments

_SWEEP_FILES_S = 3600.0


@dataclass(frozen=True, slots=True)
class Api:
    """The web process and its desk in this one.

    Attributes:
        stored: Takes the ids of the series of each stored batch, for the live stream.
        web: Ends with its last request after ``stop``.
        parts: ``http`` runs the web process.
    """

    stored: Stored
    web: Supervisor
    parts: Parts


async def build_api(
    context: RoleContext,
    plant: Plant,
    *,
    forks: ForkServer,
    log_level: str,
    on_ready: Callable[[str], None],
) -> Api:
    """Take the port; the web process is started with the other tasks.

    Args:
        context: What every role stands on.
        plant: What is shown.
        forks: Makes the web process.
        log_level: Of the web process.
        on_ready: Called with the address when the web process answers for the first time.

    Raises:
        ServerError: The port is taken.
        ConfigError: The key of the links or the secret of the login provider cannot be read.
    """
    settings, clock = context.settings, context.clock
    values: LiveValues | MirroredValues = LiveValues(plant.registry)
    if "ingest" not in context.roles:
        values = await asyncio.to_thread(stored_values, context.records, plant.history)
    services = Services(
        settings=settings,
        records=context.records,
        clock=clock,
        classes=plant.classes,
        history=plant.history,
        values=values,
        hub=LiveHub(values, clock),
        feed=EventFeed(context.records),
        checks=context.parts.checks,
        late_s=context.lateness.late_s,
        notes=context.parts.notes,
        metrics=context.metrics,
        login_provider=settings.login_provider and LoginProvider(settings.login_provider, clock),
        links=load_link_key(settings.messages.links),
        plans=plant.plans,
    )
    desk = Desk(
        build_app(services),
        services,
        history=plant.history,
        reader=plant.reader,
    )
    listener = context.stack.enter_context(await listen(settings.http, clock))
    web = Supervisor(
        settings,
        desk,
        listener,
        clock,
        forks=forks,
        log_level=log_level,
        metrics=context.metrics,
    )
    url = url_of(listener, settings.http)
    files = Sweep(
        "attachments",
        partial(sweep_attachments, context.records, Attachments(settings.data_dir), clock),
        clock,
        interval_s=_SWEEP_FILES_S,
        isolation=context.isolation,
    )
    works: dict[str, Work] = {
        "desk": desk.run,
        "http": lambda: web.run(lambda: on_ready(url)),
        "attachments": files.run,
    }
    notes: dict[str, Callable[[], str]] = {}
    checks: dict[str, Callable[[], bool]] = {"http": lambda: web.works}
    if isinstance(values, MirroredValues):
        received = LiveReceiver(settings.mqtt, values, desk.changed)
        works["live"] = received.run
        checks["broker"] = lambda: received.connected
        notes["broker"] = lambda: received.problem
    return Api(desk.changed, web, Parts(works=works, checks=checks, notes=notes))

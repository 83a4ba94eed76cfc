"""The role ``api``: HTTP, pages and the live stream, in a process of their own."""

from collections.abc import Callable
from dataclasses import dataclass

from server.api.context import Services
from server.api.feed import EventFeed
from server.api.http import build_app
from server.api.serving import listen, url_of
from server.ingest.writer import Stored
from server.live.hub import LiveHub
from server.live.values import LiveValues
from server.notifications.registry import load_link_key
from server.roles.parts import Parts, RoleContext, Work
from server.roles.plant import Plant
from server.web.desk import Desk
from server.web.supervisor import Supervisor


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
    context: RoleContext, plant: Plant, *, log_level: str, on_ready: Callable[[str], None]
) -> Api:
    """Take the port; the web process is started with the other tasks.

    Args:
        context: What every role stands on.
        plant: What is shown.
        log_level: Of the web process.
        on_ready: Called with the address when the web process answers for the first time.

    Raises:
        ServerError: The port is taken.
        ConfigError: The key of the links cannot be read.
    """
    settings, clock = context.settings, context.clock
    values = LiveValues(plant.registry)
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
        links=load_link_key(settings.messages.links),
    )
    desk = Desk(build_app(services), services, history=plant.history, registry=plant.registry)
    listener = context.stack.enter_context(await listen(settings.http, clock))
    web = Supervisor(settings, desk, listener, clock, log_level=log_level, metrics=context.metrics)
    url = url_of(listener, settings.http)
    works: dict[str, Work] = {"desk": desk.run, "http": lambda: web.run(lambda: on_ready(url))}
    return Api(desk.changed, web, Parts(works=works, checks={"http": lambda: web.works}))

"""What a process without the role ``api`` says of itself over HTTP, when it is given a port."""

import asyncio

from server.api.context import BasicServices
from server.api.http import build_health_app
from server.api.principals import Principals
from server.api.serving import HttpServer, listen
from server.roles.parts import Parts, RoleContext


async def build_health(context: RoleContext) -> Parts:
    """Take the port.

    Raises:
        ServerError: It is taken.
    """
    settings = context.settings.http
    services = BasicServices(
        settings=context.settings,
        records=context.records,
        clock=context.clock,
        metrics=context.metrics,
        checks=context.parts.checks,
        late_s=context.lateness.late_s,
        notes=context.parts.notes,
        principals=Principals(context.clock),
    )
    listener = context.stack.enter_context(await listen(settings, context.clock))
    http = HttpServer(build_health_app(services), settings, listener, context.clock)

    async def run() -> None:
        answering = asyncio.create_task(http.run(lambda: None), name="health")
        try:
            await asyncio.shield(answering)
        finally:
            http.stop()
            await answering

    return Parts(works={"health": run})

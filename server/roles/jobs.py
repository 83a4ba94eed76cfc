"""The role ``jobs``: messages and the calls that time makes."""

import asyncio

from server.jobs.calls import start_calls
from server.notifications.delivery import open_delivery
from server.roles.parts import Parts, RoleContext


async def build_jobs(context: RoleContext) -> Parts:
    """Open the channels; who should have been called while the server was away is called now.

    Raises:
        ConfigError: A secret cannot be read.
        StoreError: The records cannot be written.
    """
    delivery = open_delivery(
        context.settings,
        context.records,
        context.clock,
        wall=context.clock.wall,
        checks=context.parts.checks,
        lateness=context.lateness,
        isolation=context.isolation,
    )
    works = await context.stack.enter_async_context(delivery)
    calls = await asyncio.to_thread(
        start_calls, context.records, context.settings, context.clock, isolation=context.isolation
    )
    await asyncio.to_thread(calls.sweep)
    return Parts(works={**works, "calls": calls.run}, checks={"calls": lambda: calls.works})

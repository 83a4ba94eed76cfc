"""The role ``jobs``: messages and the calls that time makes."""

import asyncio

from server.jobs.calls import start_calls
from server.notifications.delivery import open_delivery
from server.roles.parts import Ground, Parts


async def build_jobs(ground: Ground) -> Parts:
    """Open the channels; who should have been called while the server was away is called now.

    Raises:
        ConfigError: A secret cannot be read.
        StoreError: The records cannot be written.
    """
    delivery = open_delivery(
        ground.settings,
        ground.records,
        ground.clock,
        wall=ground.clock.wall,
        checks=ground.parts.checks,
        lateness=ground.lateness,
        isolation=ground.isolation,
    )
    works = await ground.stack.enter_async_context(delivery)
    calls = await asyncio.to_thread(
        start_calls, ground.records, ground.settings, ground.clock, isolation=ground.isolation
    )
    await asyncio.to_thread(calls.sweep)
    return Parts(works={**works, "calls": calls.run}, checks={"calls": lambda: calls.works})

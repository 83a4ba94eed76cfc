"""The role ``jobs``: messages and the calls that time makes."""

import asyncio

from server.core.sweep import Sweep
from server.jobs.calls import start_calls
from server.notifications.delivery import open_delivery
from server.requests.erasure import Erasure
from server.roles.parts import Parts, RoleContext

_ERASE_S = 3600.0
"""How often residents are forgotten whose time has come."""


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
    erasure = Erasure(context.records, context.settings.repair_requests, context.clock)
    residents = Sweep(
        "residents",
        erasure.sweep,
        context.clock,
        interval_s=_ERASE_S,
        isolation=context.isolation,
    )
    return Parts(
        works={**works, "calls": calls.run, "residents": residents.run},
        checks={"calls": lambda: calls.works, "residents": lambda: residents.works},
    )

"""Opens what every role stands on: folder, lease, records, clock, figures."""

import asyncio
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry, ProcessCollector

from config.server import ServerSettings
from server.access.users import has_users
from server.core.clock import Clock
from server.core.errors import NobodyError
from server.core.isolation import ErrorIsolation
from server.core.lateness import Lateness
from server.core.lease import hold_shard
from server.core.lock import claim_folder, refuse_unfinished
from server.core.records import Records
from server.core.schema import upgrade
from server.core.shard import Shard
from server.core.steady_clock import SteadyClock, newest_record
from server.roles.part_metrics import PartMetrics
from server.roles.parts import Parts, RoleContext
from server.roles.split import is_sqlite


async def open_context(
    settings: ServerSettings,
    machine: Clock,
    roles: AbstractSet[str],
    shard: Shard,
    stack: AsyncExitStack,
) -> RoleContext:
    """Claim the folder, bring the schema up to date and open the records; ``stack`` closes all.

    Raises:
        PlantroomError: Something cannot be opened, read or made.
    """
    clock = SteadyClock(machine)
    metrics = CollectorRegistry()
    ProcessCollector(registry=metrics)
    lateness = Lateness(clock, limit_s=settings.alarms.late_after_s, metrics=metrics)
    shared = _shared_roles(roles, shard)
    stack.enter_context(claim_folder(settings.data_dir, roles, shared=shared))
    refuse_unfinished(settings.data_dir)
    await asyncio.to_thread(upgrade, settings.records.url)
    records = stack.enter_context(Records.open(settings.records.url))
    parts = Parts(works={"lateness": lateness.run})
    if "ingest" in roles and not is_sqlite(settings.records.url):
        held = hold_shard(settings.records.url, shard, clock)
        parts.works["shard"] = stack.enter_context(held).watch
    stack.enter_context(records.hear_others())
    if "api" in roles and not await records.read_async(has_users):
        raise NobodyError("nobody can log in yet; make the first administrator")
    clock.start(await records.read_async(newest_record))
    metrics.register(PartMetrics(parts.checks))
    return RoleContext(
        settings=settings,
        clock=clock,
        records=records,
        stack=stack,
        metrics=metrics,
        isolation=ErrorIsolation(metrics),
        lateness=lateness,
        parts=parts,
        roles=roles,
        shard=shard,
    )


def _shared_roles(roles: AbstractSet[str], shard: Shard) -> set[str]:
    """Which roles other processes may have beside this one with the same data folder."""
    if roles == {"api"}:
        return {"api"}
    return set() if shard.is_whole else {"ingest"}

"""Builds everything that delivers messages."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from socket import gethostname
from typing import Any

from config.server import ServerSettings
from server.core.clock import Clock
from server.core.isolation import ErrorIsolation
from server.core.lateness import Lateness
from server.core.records import Records
from server.notifications.channels.outbound import warm_up
from server.notifications.heartbeat import Heartbeat
from server.notifications.receipts import ReceiptSweep
from server.notifications.registry import allowing_private, load_link_key, open_channels
from server.notifications.worker import OutboxWorker

Works = dict[str, Callable[[], Coroutine[Any, Any, None]]]


@asynccontextmanager
async def open_delivery(
    settings: ServerSettings,
    records: Records,
    clock: Clock,
    *,
    wall: Clock,
    checks: dict[str, Callable[[], bool]],
    lateness: Lateness,
    isolation: ErrorIsolation | None = None,
) -> AsyncGenerator[Works]:
    """Open the channels and yield the tasks by name.

    Args:
        wall: The machine's own clock, against which others check signatures.
        checks: Parts that must work for the heartbeat to beat; the delivery adds its own, and
            others may be added later.
        lateness: Takes how long due messages wait.

    Raises:
        ConfigError: A secret cannot be read.
    """
    messages = settings.messages
    links = load_link_key(messages.links)
    async with open_channels(messages, wall) as channels:
        # The same after a restart, and another one for every other process.
        process = f"{gethostname()}:{settings.data_dir}"
        worker = OutboxWorker(
            records, channels, messages, clock, name=process, links=links, isolation=isolation
        )
        receipts = ReceiptSweep(records, channels, messages, clock, isolation=isolation)
        in_time = lateness.watch("outbox", lambda: worker.late_s)
        checks["outbox"] = lambda: worker.works and in_time()
        checks["receipts"] = lambda: receipts.works
        works: Works = {"outbox": worker.run, "receipts": receipts.run}
        if messages.heartbeat is not None:
            works["heartbeat"] = Heartbeat(
                allowing_private(messages, messages.heartbeat),
                records,
                checks,
                clock,
                process=process,
            ).run
        await warm_up()
        yield works

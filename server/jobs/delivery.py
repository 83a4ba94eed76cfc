"""Everything that delivers messages, built in one place."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from socket import gethostname
from typing import Any

from config.server import ServerSettings
from server.core.clock import Clock
from server.core.records import Records
from server.jobs.heartbeat import Heartbeat
from server.jobs.outbox import OutboxWorker
from server.jobs.receipts import ReceiptSweep
from server.notifications.registry import load_link_key, open_channels

Works = dict[str, Callable[[], Coroutine[Any, Any, None]]]


@asynccontextmanager
async def open_delivery(
    settings: ServerSettings,
    records: Records,
    clock: Clock,
    *,
    checks: Mapping[str, Callable[[], bool]],
) -> AsyncGenerator[Works]:
    """Open the channels and yield the tasks by name.

    Attributes:
        checks: Parts that must work for the heartbeat to beat; may be filled later.

    Raises:
        ConfigError: A secret cannot be read.
    """
    messages = settings.messages
    links = load_link_key(messages.links)
    async with open_channels(messages, clock) as channels:
        worker = OutboxWorker(
            records,
            channels,
            messages,
            clock,
            # The same after a restart, and another one for every other process.
            name=f"{gethostname()}:{settings.data_dir}",
            links=links,
        )
        works: Works = {
            "outbox": worker.run,
            "receipts": ReceiptSweep(records, channels, messages, clock).run,
        }
        if messages.heartbeat is not None:
            works["heartbeat"] = Heartbeat(messages.heartbeat, records, checks, clock).run
        yield works

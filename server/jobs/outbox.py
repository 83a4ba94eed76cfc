"""Delivers messages: woken by the commit that wrote them, and by the clock for what waits."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from config.server import MessageSettings
from server.core.clock import Clock
from server.core.errors import StoreError
from server.core.model import Event
from server.core.outbox import (
    QUEUED,
    Outgoing,
    claim_due,
    mark_failed,
    mark_sent,
    release_claims,
)
from server.core.records import Records
from server.notifications.channels.base import Channel, Failed, Outcome, Refused, Sent
from server.notifications.receivers import Route
from server.notifications.retry import retry_delay_s

log = structlog.get_logger()

_AT_ONCE = 20
_LEASE_MARGIN_S = 5.0


class OutboxWorker:
    """Claims due messages, sends them, writes down how it went.

    A message that was sent when the process was killed is sent again under the same key.
    """

    def __init__(
        self,
        records: Records,
        channels: Mapping[Route, Channel],
        settings: MessageSettings,
        clock: Clock,
        *,
        interval_s: float = 1.0,
    ) -> None:
        self._records = records
        self._channels = channels
        self._settings = settings
        self._clock = clock
        self._interval_s = interval_s
        longest_s = max((one.timeout_s for one in settings.webhooks), default=10.0)
        self._lease_ms = round((longest_s + _LEASE_MARGIN_S) * 1000)
        self._wake = asyncio.Event()
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._released = False
        self._failing = False
        self._random = random.Random()  # noqa: S311 (jitter, not a secret)

    async def run(self) -> None:
        """Deliver until cancelled; what is on its way then is claimed again at the next start."""
        loop = asyncio.get_running_loop()
        self._records.listen(partial(self._heard, loop))
        async with asyncio.TaskGroup() as sending:
            while True:
                self._wake.clear()
                try:
                    await self._send_due(sending)
                    self._say(failing=False)
                except StoreError as error:
                    self._say(failing=True, error=str(error))
                await self._sleep()

    async def _send_due(self, sending: asyncio.TaskGroup) -> None:
        """Start the delivery of everything that is due."""
        if not self._released:
            await self._records.write_async(partial(release_claims, now=self._clock.now_ms()))
            self._released = True
        while True:
            await self._free.acquire()
            self._free.release()
            claimed = await self._claim()
            for message in claimed:
                sending.create_task(self._deliver(message), name=f"message:{message.id}")
            if len(claimed) < _AT_ONCE:
                return

    async def _claim(self) -> list[Outgoing]:
        now = self._clock.now_ms()
        claim = partial(claim_due, now=now, lease_ms=self._lease_ms, limit=_AT_ONCE)
        return await self._records.write_async(claim)

    async def _deliver(self, message: Outgoing) -> None:
        async with self._free:
            channel = self._channels.get((message.channel, message.receiver))
            if channel is None:
                outcome: Outcome = Refused(f"no receiver {message.channel}/{message.receiver}")
            else:
                outcome = await channel.send(message)
        try:
            await self._write_down(message, outcome)
        except StoreError as error:
            # Its lease ends, then it is sent once more under the same key.
            log.warning("outbox_cannot_note", message=message.key, error=str(error))

    async def _write_down(self, message: Outgoing, outcome: Outcome) -> None:
        now = self._clock.now_ms()
        match outcome:
            case Sent():
                work = partial(mark_sent, message_id=message.id, now=now)
            case Refused(error):
                work = partial(
                    mark_failed, message_id=message.id, error=error, retry_at=None, now=now
                )
            case Failed(error, retry_after_s):
                retry_at = self._retry_at(message, retry_after_s, now=now)
                work = partial(
                    mark_failed, message_id=message.id, error=error, retry_at=retry_at, now=now
                )
        await self._records.write_async(work)
        log.info("message_attempted", message=message.key, outcome=type(outcome).__name__.lower())

    def _retry_at(self, message: Outgoing, retry_after_s: float | None, *, now: int) -> int | None:
        pause_s = retry_delay_s(
            message.attempts,
            self._settings,
            jitter=self._random.random(),
            retry_after_s=retry_after_s,
        )
        return None if pause_s is None else now + round(pause_s * 1000)

    def _say(self, *, failing: bool, error: str = "") -> None:
        if failing and not self._failing:
            log.warning("outbox_stopped", error=error)
        elif self._failing and not failing:
            log.info("outbox_running_again")
        self._failing = failing

    def _heard(self, loop: asyncio.AbstractEventLoop, events: Sequence[Event]) -> None:
        """In the writer thread: a commit may have written messages."""
        if loop.is_closed():
            return
        if any(event.topic == "incidents" or event.kind == QUEUED for event in events):
            loop.call_soon_threadsafe(self._wake.set)

    async def _sleep(self) -> None:
        """Wait for news or for the next look at what waits."""
        waiting = {
            asyncio.ensure_future(self._clock.sleep(self._interval_s)),
            asyncio.ensure_future(self._wake.wait()),
        }
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

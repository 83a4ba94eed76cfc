"""Delivers messages: woken by the commit that wrote them, and by the clock for what waits."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import structlog

from config.server import MessageSettings
from server.core.claims import claim_due, confirm_claims, release_claims
from server.core.clock import Clock
from server.core.errors import StoreError
from server.core.links import LinkKey
from server.core.model import Event
from server.core.outbox import QUEUED, Outgoing
from server.core.records import Records
from server.jobs.verdicts import Verdicts
from server.notifications.channels.base import Channel, Fate, Outcome, Refused, Traceable
from server.notifications.registry import Channels

log = structlog.get_logger()

_AT_ONCE = 20
_LEASE_MARGIN_S = 5.0


class OutboxWorker:
    """Claims due messages, sends them, writes down how it went.

    A message that was on its way when the process was killed is sent again under the same key, or
    asked for first where its channel cannot tell a repetition.
    """

    def __init__(
        self,
        records: Records,
        channels: Channels,
        settings: MessageSettings,
        clock: Clock,
        *,
        name: str = "outbox",
        links: LinkKey | None = None,
        interval_s: float = 1.0,
    ) -> None:
        self._records = records
        self._channels = channels
        self._clock = clock
        self._name = name
        self._links = links
        self._interval_s = interval_s
        self._lease_ms = round((channels.longest_s + _LEASE_MARGIN_S) * 1000)
        self._verdicts = Verdicts(settings, channels, random.Random())  # noqa: S311 (jitter, not a secret)
        self._wake = asyncio.Event()
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._released = False
        self._failing = False

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
            release = partial(release_claims, now=self._clock.now_ms(), worker=self._name)
            await self._records.write_async(release)
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
        claim = partial(
            claim_due,
            now=self._clock.now_ms(),
            lease_ms=self._lease_ms,
            limit=_AT_ONCE,
            worker=self._name,
            terms=self._channels.terms,
        )
        claimed = await self._records.write_async(claim, durable=False)
        once = [one.id for one in claimed if not self._repeatable(one)]
        if once:
            confirm = partial(confirm_claims, messages=once)
            await self._records.write_async(confirm)
        return claimed

    def _repeatable(self, message: Outgoing) -> bool:
        """Whether a power cut that undoes its claim or its outcome does no harm."""
        terms = self._channels.terms(message.channel, message.receiver, message.address)
        return terms.repeatable

    async def _deliver(self, message: Outgoing) -> None:
        async with self._free:
            channel = self._channels.find(message.channel, message.receiver, message.address)
            if channel is None:
                outcome = Refused(f"no receiver {message.channel}/{message.receiver}")
            else:
                outcome = await self._attempt(channel, message)
        write = self._verdicts.of_attempt(message, outcome, now=self._clock.now_ms())
        try:
            await self._records.write_async(write, durable=not self._repeatable(message))
        except StoreError as error:
            # Its lease ends, then it is due once more under the same key.
            log.warning("outbox_cannot_note", message=message.key, error=str(error))
            return
        log.info("message_attempted", message=message.key, outcome=type(outcome).__name__.lower())

    async def _attempt(self, channel: Channel, message: Outgoing) -> Outcome | Fate:
        if message.unsure and not self._repeatable(message) and isinstance(channel, Traceable):
            return await channel.ask(message)
        link = "" if self._links is None else self._links.link_for(message)
        return await channel.send(replace(message, link=link))

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

"""Delivers messages: woken by the commit that wrote them, and by the clock for what waits."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import structlog

from config.server import MessageSettings
from server.core.clock import Clock
from server.core.errors import StoreError
from server.core.isolation import ErrorIsolation
from server.core.model import Event
from server.core.records import Records
from server.messages.claims import claim_due, confirm_claims, release_claims
from server.messages.links import LinkKey
from server.messages.queue import QUEUED, Outgoing
from server.messages.rate_limits import ChannelConcurrency
from server.notifications.channels.base import (
    Channel,
    DeliveryStatus,
    Failed,
    Outcome,
    Refused,
    Traceable,
    Unknown,
)
from server.notifications.outcomes import OutcomeHandler
from server.notifications.registry import Channels

log = structlog.get_logger()

_AT_ONCE = 50
"""Messages that are claimed at once; each channel has slots of its own for what is on its way."""
_BUG_PAUSE_S = 10.0
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
        isolation: ErrorIsolation | None = None,
    ) -> None:
        self._records = records
        self._channels = channels
        self._settings = settings
        self._isolation = isolation or ErrorIsolation()
        self._clock = clock
        self._name = name
        self._links = links
        self._interval_s = interval_s
        self._lease_ms = round((channels.longest_s + _LEASE_MARGIN_S) * 1000)
        self._outcomes = OutcomeHandler(settings, channels, random.Random())  # noqa: S311 (jitter, not a secret)
        self._wake = asyncio.Event()
        self._busy: Counter[str] = Counter()
        self._waits_for_slot = False
        self._released = False
        self._failing = False
        self._claimed_s = clock.monotonic_s()

    @property
    def late_s(self) -> float:
        """How long the search for due messages is overdue, seconds.

        What is due then waits as long at most; what waits for a slot of its channel is not late.
        """
        return max(0.0, self._clock.monotonic_s() - self._claimed_s - self._interval_s)

    @property
    def works(self) -> bool:
        """Whether the last search for messages went well."""
        return not self._failing

    async def run(self) -> None:
        """Deliver until cancelled; what is on its way then is claimed again at the next start."""
        loop = asyncio.get_running_loop()
        self._records.listen(partial(self._on_commit, loop))
        async with asyncio.TaskGroup() as sending:
            while True:
                self._wake.clear()
                pause_s = self._interval_s
                try:
                    with self._isolation.isolate_errors("outbox") as met:
                        await self._send_due(sending)
                        self._claimed_s = self._clock.monotonic_s()
                    if met.error is not None:
                        pause_s = _BUG_PAUSE_S
                    self._log_change(error=met.error)
                except StoreError as error:
                    self._log_change(error=str(error))
                await self._sleep(pause_s)

    async def _send_due(self, sending: asyncio.TaskGroup) -> None:
        """Start the delivery of everything that is due and for which its channel has a slot."""
        if not self._released:
            release = partial(release_claims, now=self._clock.now_ms(), worker=self._name)
            await self._records.write_async(release)
            self._released = True
        while True:
            slots = ChannelConcurrency(self._channels.name_of, self._busy)
            claimed = await self._claim(slots)
            self._waits_for_slot = slots.refused
            for message in claimed:
                sending.create_task(self._deliver(message), name=f"message:{message.id}")
            if len(claimed) < _AT_ONCE:
                return

    async def _claim(self, slots: ChannelConcurrency) -> list[Outgoing]:
        claim = partial(
            claim_due,
            now=self._clock.now_ms(),
            lease_ms=self._lease_ms,
            limit=_AT_ONCE,
            worker=self._name,
            policy=self._channels.policy,
            slots=slots,
            most_attempts=self._settings.max_attempts,
        )
        claimed = await self._records.write_async(claim, durable=False)
        once = [one.id for one in claimed if not self._repeatable(one)]
        if once:
            confirm = partial(confirm_claims, messages=once)
            await self._records.write_async(confirm)
        for message in claimed:
            self._busy[self._channel_name(message)] += 1
        return claimed

    def _channel_name(self, message: Outgoing) -> str:
        return self._channels.name_of(message.channel, message.receiver, message.address)

    def _repeatable(self, message: Outgoing) -> bool:
        """Whether a power cut that undoes its claim or its outcome does no harm."""
        policy = self._channels.policy(message.channel, message.receiver, message.address)
        return policy.repeatable

    async def _deliver(self, message: Outgoing) -> None:
        try:
            with self._isolation.isolate_errors("message", message=message.key):
                await self._write_outcome(message, await self._outcome(message))
        except StoreError as error:
            # Its lease ends, then it is due once more under the same key.
            log.warning("outbox_cannot_note", message=message.key, error=str(error))
        finally:
            self._busy[self._channel_name(message)] -= 1
            if self._waits_for_slot:
                self._wake.set()

    async def _write_outcome(self, message: Outgoing, outcome: Outcome | DeliveryStatus) -> None:
        write = self._outcomes.of_attempt(message, outcome, now=self._clock.now_ms())
        await self._records.write_async(write, durable=not self._repeatable(message))
        log.info("message_attempted", message=message.key, outcome=type(outcome).__name__.lower())

    async def _outcome(self, message: Outgoing) -> Outcome | DeliveryStatus:
        """Make one attempt; a bug counts as failed, or as unknown where a repetition does harm."""
        channel = self._channels.find(message.channel, message.receiver, message.address)
        if channel is None:
            return Refused(f"no receiver {message.channel}/{message.receiver}")
        outcome: Outcome | DeliveryStatus = Refused("")
        with self._isolation.isolate_errors("attempt", message=message.key) as met:
            outcome = await self._attempt(channel, message)
        if met.error is not None:
            outcome = Failed(met.error) if self._repeatable(message) else Unknown(met.error)
        return outcome

    async def _attempt(self, channel: Channel, message: Outgoing) -> Outcome | DeliveryStatus:
        if (
            message.outcome_unknown
            and not self._repeatable(message)
            and isinstance(channel, Traceable)
        ):
            return await channel.ask(message)
        # A resident's own comes with its message; the others are made by a key.
        link = str(message.payload.get("link") or "")
        if not link and self._links is not None:
            link = self._links.link_for(message)
        return await channel.send(replace(message, link=link))

    def _log_change(self, *, error: str | None) -> None:
        if error is not None and not self._failing:
            log.warning("outbox_stopped", error=error)
        elif error is None and self._failing:
            log.info("outbox_running_again")
        self._failing = error is not None

    def _on_commit(self, loop: asyncio.AbstractEventLoop, events: Sequence[Event]) -> None:
        """In the thread that tells of commits: one may have written messages."""
        if loop.is_closed():
            return
        if not events or any(
            event.topic == "incidents" or event.kind == QUEUED for event in events
        ):
            loop.call_soon_threadsafe(self._wake.set)

    async def _sleep(self, pause_s: float) -> None:
        """Wait for new messages or for the next search."""
        waiting = {
            asyncio.ensure_future(self._clock.sleep(pause_s)),
            asyncio.ensure_future(self._wake.wait()),
        }
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

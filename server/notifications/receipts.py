"""Asks providers for the delivery status of messages that they accepted."""

import asyncio
from functools import partial
from random import Random

import structlog

from config.server import MessageSettings
from server.core.clock import Clock
from server.core.errors import StoreError
from server.core.isolation import ErrorIsolation
from server.core.records import Records
from server.messages.claims import claim_receipts
from server.messages.queue import Outgoing
from server.notifications.channels.base import DeliveryStatus, Traceable, Unknown
from server.notifications.outcomes import MOST_ASKS, OutcomeHandler
from server.notifications.registry import Channels

log = structlog.get_logger()

_AT_ONCE = 10
_LEASE_MARGIN_S = 5.0


class ReceiptSweep:
    """A message that did not arrive goes to the person's next channel, or is a dead letter."""

    def __init__(
        self,
        records: Records,
        channels: Channels,
        settings: MessageSettings,
        clock: Clock,
        *,
        isolation: ErrorIsolation | None = None,
        interval_s: float = 5.0,
    ) -> None:
        self._records = records
        self._isolation = isolation or ErrorIsolation()
        self._channels = channels
        self._clock = clock
        self._interval_s = interval_s
        self._lease_ms = round((channels.longest_s + _LEASE_MARGIN_S) * 1000)
        self._outcomes = OutcomeHandler(settings, channels, Random())  # noqa: S311 (jitter, not a secret)
        self._failing = False

    @property
    def works(self) -> bool:
        """Whether the last search for receipts went well."""
        return not self._failing

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                with self._isolation.isolate_errors("receipts"):
                    while await self.sweep() == _AT_ONCE:
                        pass
                if self._failing:
                    log.info("receipts_running_again")
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    log.warning("receipts_stopped", error=str(error))
                self._failing = True
            await self._clock.sleep(self._interval_s)

    async def sweep(self) -> int:
        """Ask for what is due now; return how many there were.

        Raises:
            StoreError: The records cannot be reached; what was not written is asked again.
        """
        claim = partial(
            claim_receipts,
            now=self._clock.now_ms(),
            lease_ms=self._lease_ms,
            limit=_AT_ONCE,
            most_asks=MOST_ASKS,
        )
        due = await self._records.write_async(claim)
        statuses = await asyncio.gather(*(self._ask(message) for message in due))
        for message, status in zip(due, statuses, strict=True):
            with self._isolation.isolate_errors("receipt", message=message.key):
                write = self._outcomes.of_receipt(message, status, now=self._clock.now_ms())
                await self._records.write_async(write)
        return len(due)

    async def _ask(self, message: Outgoing) -> DeliveryStatus:
        with self._isolation.isolate_errors("receipt", message=message.key):
            channel = self._channels.find(message.channel, message.receiver, message.address)
            if isinstance(channel, Traceable):
                return await channel.ask(message)
        return Unknown("no channel can be asked")

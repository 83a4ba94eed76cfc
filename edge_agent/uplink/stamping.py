"""Provisional timestamps become final when the clock is believed, as late as it still helps."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from edge_agent.clock import Clock
from edge_agent.journal.base import Journal
from edge_agent.uplink.clock_trust import ClockTrust
from edge_agent.uplink.node import Node
from protocols.sparkplug.edge_session import Action

log = structlog.get_logger()

_CHECK_S: Final = 1.0


class Stamping:
    """Gives what the clock has stamped, in the journal and in births, its final times.

    Args:
        trust: What is known of the clock.
        journal: Holds the readings that wait.
        node: Remembers the last readings, for births.
        act: Performs what the session answers.
    """

    def __init__(
        self,
        trust: ClockTrust,
        *,
        journal: Journal,
        node: Node,
        act: Callable[[Sequence[Action]], None],
    ) -> None:
        self.trust = trust
        self._journal = journal
        self._node = node
        self._act = act
        self._born_without_time = False

    async def run(self, clock: Clock) -> None:
        """Follow the clock, for ever."""
        while True:
            await self.look()
            await clock.sleep(_CHECK_S)

    async def look(self) -> None:
        """Give the readings that wait their times, as soon as the clock is worth it."""
        trust = self.trust
        trust.look()
        # A clock that is not synchronised is used as late as possible: when a host listens.
        if trust.usable and (trust.synchronised or self._node.live):
            await self._make_final()

    async def ready(self, clock: Clock, closed: asyncio.Future[str]) -> bool:
        """Wait until the session may begin; False when the connection ends before."""
        trust = self.trust
        trust.broker_reached()
        trust.look()
        while not trust.waited_enough:
            await clock.sleep(_CHECK_S)
            trust.look()
            if closed.done():
                return False
        if trust.usable:
            await self._make_final()
        # It is described all the same: people see the gateway, and that it has no time.
        self._born_without_time = not trust.usable
        return not closed.done()

    async def _make_final(self) -> None:
        journal, trust = self._journal, self.trust
        waited = journal.stats().provisional_readings
        if not waited and journal.believed:
            return
        await journal.close_epochs(trust.final_boot_offset())
        for encoder in self._node.encoders.values():
            encoder.restamp(trust.shifted)
        trust.forget()
        log.info("readings_stamped", readings=waited, synchronised=trust.synchronised)
        if self._born_without_time:
            self._born_without_time = False
            self._act(self._node.session.rebirth())

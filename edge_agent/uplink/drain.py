"""Sends the backlog: what was journaled and not acknowledged, oldest first, beside live data."""

import structlog

from config.edge import UplinkSettings
from edge_agent.clock import Clock
from edge_agent.journal.base import Journal, Row
from edge_agent.uplink.node import Node
from edge_agent.uplink.resend import ResendBook
from protocols.errors import FrameError

log = structlog.get_logger()

_IDLE_S = 0.1
_PAUSE_S = 0.002
_MOST_ROWS = 50
_QUEUE_BYTES = 250_000
"""Live data has more room in the connection's queue, so the backlog never stands in its way."""


class Drain:
    """Reads due rows from the journal and publishes them as historical, at a limited rate.

    Attributes:
        resent: Messages sent from the journal, since the start.
    """

    def __init__(
        self,
        journal: Journal,
        node: Node,
        book: ResendBook,
        settings: UplinkSettings,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._node = node
        self._book = book
        self._settings = settings
        self._clock = clock
        self._rows = max(1, min(_MOST_ROWS, settings.backlog_rate // 100))
        self.resent = 0

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            await self._clock.sleep(await self.step())

    async def step(self) -> float:
        """Do one piece of work and return the seconds until the next."""
        if not self._node.live:
            return _IDLE_S
        now_s = self._clock.monotonic_s()
        self._expire(now_s)
        due = self._book.due.lowest()
        if due is None:
            self._node.perform(self._node.session.settle())
            return _IDLE_S
        if self._node.queued_bytes > _QUEUE_BYTES:
            return _IDLE_S
        sent = await self._send(*due, connection=self._node.connection)
        if self._settings.acknowledgement == "journal" and sent and self._book.silent(now_s):
            # Nobody acknowledges: a plain broker without our server. Probe, do not pour.
            return self._settings.ack_timeout_s
        return max(_PAUSE_S, sent / self._settings.backlog_rate)

    def _expire(self, now_s: float) -> None:
        expired = self._book.expired(now_s)
        if self._settings.acknowledgement == "journal":
            self._book.resend(expired)
        else:
            # A host that never acknowledges: sent and the connection lived on, that must do.
            self._journal.acknowledge(expired)

    async def _send(self, first: int, last: int, *, connection: object) -> int:
        """Send the first rows of a range; returns how many readings that was."""
        rows = await self._journal.read(first, last, limit=self._rows)
        if connection is not self._node.connection or not self._node.live:
            return 0
        # Fewer rows than asked for: the rest of the range is empty.
        through, readings = (last if len(rows) < self._rows else first - 1), 0
        for row in rows:
            if not self._publish(row):
                through = row.offset - 1
                break
            readings += row.readings
            self.resent += 1
            through = max(through, row.offset)
        if through >= first:
            self._book.sent_again(first, through, self._clock.monotonic_s())
        return readings

    def _publish(self, row: Row) -> bool:
        try:
            return self._node.publish_again(row)
        except FrameError as error:
            # One damaged row must not stand in the way of all that follow.
            log.warning("journal_row_unreadable", offset=row.offset, error=str(error))
            self._journal.acknowledge([(row.offset, row.offset)])
            return True

"""Sends the backlog: what was journaled and not acknowledged, oldest first, beside live data."""

from typing import Final

import structlog

from config.edge import UplinkSettings
from edge_agent.clock import Clock
from edge_agent.errors import JournalError
from edge_agent.journal.base import Journal, Row
from edge_agent.uplink.node import Node
from edge_agent.uplink.resend import ResendBook
from edge_agent.uplink.window import Outflow
from protocols.errors import FrameError

log = structlog.get_logger()

_NOT_LIVE_S: Final = 0.1
_NOTHING_DUE_S: Final = 0.5
_FULL_S: Final = 0.02
_PAUSE_S: Final = 0.002
_UNREADABLE_S: Final = 1.0
_MOST_ROWS: Final = 50


class Drain:
    """Reads due rows from the journal and publishes them as historical, at a limited rate.

    Attributes:
        resent: Messages sent from the journal, since the start.
        failed_reads: How often the journal could not be read, since the start.
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
        self._row_readings = 1.0
        self._outflow = Outflow()
        self._readable = True
        self.resent = 0
        self.failed_reads = 0

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            await self._clock.sleep(await self.step())

    async def step(self) -> float:
        """Do one piece of work and return the seconds until the next."""
        node, book = self._node, self._book
        if not node.live:
            return _NOT_LIVE_S
        now_s = self._clock.monotonic_s()
        self._expire(now_s)
        book.arrived(self._journal.arrivals())
        due = book.due.lowest()
        if due is None:
            node.perform(node.session.backlog_sent())
            return _NOTHING_DUE_S
        limit = self._limit(now_s)
        if limit == 0:
            return _FULL_S
        try:
            sent = await self._send(*due, limit=limit, connection=node.connection)
        except JournalError as error:
            return self._unreadable(error)
        self._readable = True
        if self._settings.acknowledgement == "journal" and sent and book.silent(now_s):
            # No acknowledgements: a plain broker without our server. Probe only.
            return self._settings.ack_timeout_s
        return max(_PAUSE_S, sent / self._settings.backlog_rate)

    def _expire(self, now_s: float) -> None:
        expired = self._book.expired(now_s)
        if self._settings.acknowledgement == "journal":
            self._book.note_silence(now_s)
            self._book.resend(expired)
        else:
            # A host that never acknowledges: sent and the connection lived on, that must do.
            self._journal.acknowledge(expired)

    def _limit(self, now_s: float) -> int:
        """Return how many rows may go now; 0 while enough is under way."""
        node = self._node
        queued = node.queued_bytes
        self._outflow.look(now_s, passed_bytes=node.sent_bytes - queued, queued_bytes=queued)
        if queued > self._outflow.most_bytes:
            return 0
        if self._settings.acknowledgement != "journal":
            return self._rows
        room = self._book.window.room
        return min(self._rows, max(1, int(room / self._row_readings))) if room else 0

    def _unreadable(self, error: JournalError) -> float:
        # The journal mends itself or says that it cannot; live data goes on either way.
        self.failed_reads += 1
        if self._readable:
            log.error("journal_not_readable", error=str(error))
            self._readable = False
        return _UNREADABLE_S

    async def _send(self, first: int, last: int, *, limit: int, connection: object) -> int:
        """Send the first rows of a range; returns how many readings that was."""
        rows = await self._journal.read(first, last, limit=limit)
        if connection is not self._node.connection or not self._node.live:
            return 0
        # Fewer rows than asked for: the rest of the range is empty.
        through, readings = (last if len(rows) < limit else first - 1), 0
        now_s = self._clock.monotonic_s()
        for row in rows:
            if self._has_to_wait(row):
                if row.offset > first:
                    self._book.sent_again(first, row.offset - 1, now_s)
                self._book.set_aside(row.device, row.offset)
                first, through = row.offset + 1, max(through, row.offset)
                continue
            if not self._publish(row):
                through = row.offset - 1
                break
            self._book.sent_row(row.offset, row.readings, now_s)
            readings += row.readings
            self.resent += 1
            through = max(through, row.offset)
        if not rows:
            self._book.found_empty(first, through)
            return 0
        self._row_readings = sum(row.readings for row in rows) / len(rows)
        if through >= first:
            self._book.sent_again(first, through, now_s)
        return readings

    def _has_to_wait(self, row: Row) -> bool:
        """Return whether a row waits for its device.

        Its birth would tell a host that does not know Properties/Online that the device is back;
        who acknowledges is a Plantroom server, and knows it.
        """
        journal = self._settings.acknowledgement == "journal"
        return not (journal and self._book.acknowledges) and self._node.is_down(row.device)

    def _publish(self, row: Row) -> bool:
        try:
            return self._node.publish_again(row)
        except FrameError as error:
            # One damaged row must not stand in the way of all that follow.
            log.warning("journal_row_unreadable", offset=row.offset, error=str(error))
            self._journal.acknowledge([(row.offset, row.offset)])
            return True

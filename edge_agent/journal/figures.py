"""What a journal counts and says of itself: figures, how long it has kept rows, when it fails."""

from dataclasses import replace
from typing import Final

import structlog

from config.edge import JournalSettings
from edge_agent.clock import Clock
from edge_agent.errors import JournalError
from edge_agent.journal.base import JournalStats
from edge_agent.journal.bounds import Age
from edge_agent.journal.file import JournalFile, Written
from edge_agent.journal.group import Group

log = structlog.get_logger()

_AGE_CHECK_S: Final = 60.0


class Figures:
    """Said once when the disk refuses, once when it works again; all else is a number."""

    def __init__(self, settings: JournalSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._stats = JournalStats()
        self._age_ms, self._opened_s = 0, clock.monotonic_s()
        self._next_age_check_s = 0.0

    def opened(self, store: JournalFile) -> None:
        """Note what a file holds."""
        self._age_ms = store.facts.get("age_ms", 0)
        self._opened_s = self._clock.monotonic_s()
        self._stats.rows = store.facts.get("rows", 0)
        self._stats.held_readings += store.epochs.held_readings

    def age(self, next_offset: int) -> Age | None:
        """Return how old this journal is, once a minute."""
        now_s = self._clock.monotonic_s()
        if now_s < self._next_age_check_s:
            return None
        self._next_age_check_s = now_s + _AGE_CHECK_S
        age_ms = self._age_ms + round((now_s - self._opened_s) * 1000)
        return Age(age_ms, round(self._settings.max_age_s * 1000), next_offset)

    def wrote(self, written: Written) -> None:
        """Note a commit."""
        stats = self._stats
        self.writable()
        stats.rows = written.rows
        stats.disk_bytes = written.disk_bytes
        stats.oldest_at = written.oldest_at
        stats.commits += 1
        if written.dropped and not stats.dropped_rows:
            log.error("journal_bound_reached", drop=self._settings.drop, rows=written.dropped)
        stats.dropped_rows += written.dropped

    def writable(self) -> None:
        """Note that the disk works."""
        if not self._stats.writable:
            log.info("journal_writable_again", path=str(self._settings.path))
        self._stats.writable = True

    def refused(self, error: JournalError, *, said_already: bool = False) -> None:
        """Note that the disk refuses."""
        if self._stats.writable and not said_already:
            log.error("journal_not_writable", path=str(self._settings.path), error=str(error))
        self._stats.writable = False

    def held(self, readings: int) -> None:
        """Note readings that wait for the clock."""
        self._stats.held_readings += readings

    def settled(self) -> None:
        """Note that none waits any more."""
        self._stats.held_readings = 0

    def of(self, group: Group, store: JournalFile | None) -> JournalStats:
        """Return the figures of this moment."""
        pending = group.pending
        return replace(
            self._stats,
            rows=self._stats.rows + len(pending.rows) + group.writing,
            dropped_rows=self._stats.dropped_rows + pending.dropped,
            salvaging=store is not None and store.salvaging,
        )

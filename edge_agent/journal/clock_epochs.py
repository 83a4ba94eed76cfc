"""Rows whose time is not final, because the gateway's clock was not known to be right.

Such a timestamp is provisional: the row keeps the boot offset of its clock, the instant, by that
clock, at which the machine was started (UTC minus monotonic). Rows belong to a clock epoch: those
of one boot whose true boot offset is not known yet. Once the clock is believed the epoch is closed
with its true boot offset, and each row is read with its time moved by true minus kept offset: exact
to the millisecond, over restarts, without rewriting a row.

On disk the tables are named ``eras`` (clock epochs, ``zero_ms`` is the boot offset) and ``held``
(provisional rows) since schema version 2. Other names would need a new version, and an agent of the
version before refuses a file of a newer one: an update could not be taken back.
"""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from edge_agent.clock import TRUSTED_FROM_MS
from edge_agent.journal.base import Row
from protocols.errors import FrameError
from protocols.sparkplug.payload import shift_times

_ROUNDING_MS = 3
"""UTC minus monotonic is never the same to the millisecond."""

BootOffsets = dict[int, int | None]
"""Clock epoch to its true boot offset, UTC ms; None while it is open."""

EpochRecord = tuple[int, str, int | None]
"""A clock epoch, the boot it belongs to, and its boot offset."""


class ProvisionalRow(NamedTuple):
    """That a row's timestamp is provisional.

    Attributes:
        offset: Of the row.
        epoch: Its clock epoch.
        boot_offset_ms: UTC ms of the machine's start by the clock that stamped it.
    """

    offset: int
    epoch: int
    boot_offset_ms: int


def moved(row: Row, by_ms: int) -> Row:
    """Return a row with its times moved; a damaged one as it is: sending it fails."""
    if abs(by_ms) <= _ROUNDING_MS:
        return row
    try:
        fragment = shift_times(row.fragment, by_ms)
    except FrameError:
        return row
    return row._replace(fragment=fragment, taken_at=row.taken_at + by_ms)


class ClockEpochs:
    """The clock epochs of one file; used in its thread, ``boot_offsets`` is read anywhere.

    Attributes:
        boot_offsets: Every epoch to its boot offset.
        current: The open epoch of this boot; None when there is none.
        believed: Whether the clock of this boot was believed before.
        provisional_readings: Readings on disk in open epochs, exact once a minute.
    """

    def __init__(self, connection: sqlite3.Connection, boot: str) -> None:
        self._connection = connection
        self._boot = boot
        self.boot_offsets: BootOffsets = {}
        self._boots: dict[int, str] = {}
        for epoch, owner, boot_offset_ms in connection.execute(
            "SELECT era, boot, zero_ms FROM eras"
        ):
            self.boot_offsets[epoch] = boot_offset_ms
            self._boots[epoch] = owner
        mine = [epoch for epoch, owner in self._boots.items() if owner == boot]
        open_ones = [epoch for epoch in mine if self.boot_offsets[epoch] is None]
        self.current = open_ones[-1] if open_ones else None
        self.believed = len(mine) > len(open_ones)
        self._unsaved: set[int] = set()
        self._added = 0
        self._count()

    def open_epochs(self) -> list[int]:
        """Return the epochs whose rows may not be sent yet."""
        # Listed at once: the other thread may add one meanwhile.
        return [
            epoch
            for epoch, boot_offset_ms in list(self.boot_offsets.items())
            if boot_offset_ms is None
        ]

    def records(self) -> list[EpochRecord]:
        """Return epoch, boot and boot offset of each, for a file that takes this one's place."""
        known = list(self.boot_offsets.items())
        return [
            (epoch, self._boots.get(epoch, self._boot), boot_offset_ms)
            for epoch, boot_offset_ms in known
        ]

    def add(self, provisional: Iterable[ProvisionalRow], rows: Iterable[Row]) -> None:
        """Write which of these rows are provisional, and what could not be written before.

        Within a transaction; ``saved`` follows it.
        """
        waiting = list(provisional)
        for epoch in {row.epoch for row in waiting} - self._boots.keys():
            self._boots[epoch] = self._boot
            self.boot_offsets.setdefault(epoch, None)
            self._unsaved.add(epoch)
        self._connection.executemany("INSERT OR REPLACE INTO held VALUES (?, ?, ?)", waiting)
        self._connection.executemany(
            "INSERT OR REPLACE INTO eras VALUES (?, ?, ?)",
            [(epoch, self._boots[epoch], self.boot_offsets[epoch]) for epoch in self._unsaved],
        )
        still_open = {row.offset for row in waiting if self.boot_offsets[row.epoch] is None}
        self._added = 0
        if still_open:
            self._added = sum(row.readings for row in rows if row.offset in still_open)

    def saved(self) -> None:
        """Count what ``add`` wrote: the transaction is on disk."""
        self._unsaved.clear()
        self.provisional_readings += self._added

    def prune(self, lowest: int | None) -> None:
        """Forget what belongs to rows below the lowest that is left; within a transaction."""
        execute = self._connection.execute
        execute("DELETE FROM held WHERE ?1 IS NULL OR offset < ?1", (lowest,))
        execute(
            "DELETE FROM eras WHERE boot <> ? AND era NOT IN (SELECT era FROM held)", (self._boot,)
        )
        self._count()

    def close(self, boot_offset_ms: int) -> int | None:
        """Close all open epochs: the machine started at ``boot_offset_ms``; ``add`` writes it down.

        Returns the first offset on disk that waited for it.

        What an earlier boot left open can never be known: a clock that was never set is taken to
        have stopped just before the next start; any other keeps the times it gave.
        """
        later_ms = boot_offset_ms
        (first,) = self._connection.execute("SELECT min(offset) FROM held").fetchone()
        for epoch in sorted(self.open_epochs(), reverse=True):
            if self._boots.setdefault(epoch, self._boot) != self._boot:
                later_ms = self._guess(epoch, later_ms)
                self.boot_offsets[epoch] = later_ms
            else:
                self.boot_offsets[epoch] = boot_offset_ms
            self._unsaved.add(epoch)
        if self._boot not in self._boots.values():
            epoch = max(self.boot_offsets, default=0) + 1
            self._boots[epoch], self.boot_offsets[epoch] = self._boot, boot_offset_ms
            self._unsaved.add(epoch)
        self.current, self.believed, self.provisional_readings = None, True, 0
        return first

    def _count(self) -> None:
        self.provisional_readings = 0
        for epoch in self.open_epochs():
            # A cross join looks these rows up instead of reading the whole backlog through.
            (readings,) = self._connection.execute(
                "SELECT coalesce(sum(readings), 0) FROM held CROSS JOIN rows USING (offset)"
                " WHERE era = ?",
                (epoch,),
            ).fetchone()
            self.provisional_readings += readings

    def _guess(self, epoch: int, next_start_ms: int) -> int:
        """Return the boot offset of an epoch that an earlier boot left open."""
        found = self._connection.execute(
            "SELECT held.zero_ms, taken_at - held.zero_ms FROM held CROSS JOIN rows USING (offset)"
            " WHERE era = ? ORDER BY held.offset DESC LIMIT 1",
            (epoch,),
        ).fetchone()
        if found is None:
            return next_start_ms
        own_ms, uptime_ms = int(found[0]), int(found[1])
        return own_ms if own_ms + uptime_ms >= TRUSTED_FROM_MS else next_start_ms - uptime_ms

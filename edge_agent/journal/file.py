"""The statements of the journal's SQLite file; runs in the journal's one thread only."""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple, Self

import structlog

from config.edge import JournalSettings
from edge_agent.errors import JournalError, JournalFullError
from edge_agent.journal import schema
from edge_agent.journal.base import Alias, Row
from edge_agent.journal.bounds import Age, Bounds
from edge_agent.journal.clock_epochs import ClockEpochs, ProvisionalRow, moved
from edge_agent.journal.damage import (
    JournalCorruptError,
    finish,
    is_marked,
    mark,
    set_aside,
    translated,
    waiting,
)
from edge_agent.journal.ranges import Range
from edge_agent.journal.recovery import RecoverySeed, foundation, read_chunk

log = structlog.get_logger()

_SALVAGED, _SALVAGED_TO = "salvaged", "salvaged_to"
_READ = (
    "SELECT rows.*, era, zero_ms FROM rows LEFT JOIN held USING (offset)"
    " WHERE rows.offset BETWEEN ? AND ? AND (era IS NULL OR era NOT IN (@))"
    " ORDER BY rows.offset LIMIT ?"
)


@dataclass(slots=True)
class Batch:
    """What one group commit writes, in this order: acknowledged, aliases, rows, facts."""

    acknowledged: list[Range] = field(default_factory=list[Range])
    aliases: list[tuple[int, Alias]] = field(default_factory=list[tuple[int, Alias]])
    rows: list[Row] = field(default_factory=list[Row])
    held: list[ProvisionalRow] = field(default_factory=list[ProvisionalRow])
    facts: dict[str, int] = field(default_factory=dict[str, int])
    age: Age | None = None


class Written(NamedTuple):
    """What became of a batch."""

    rows: int
    dropped: int
    disk_bytes: int
    oldest_at: int | None


class Recovered(NamedTuple):
    """What one step of salvaging took over; ``more`` while another step is worth it."""

    written: Written | None
    arrived: Range | None
    more: bool


class JournalFile:
    """An open journal file, locked against every other agent; others may read it.

    Attributes:
        journal_id: Name stored in the file.
        facts: Numbers stored in the file, such as ``reserved`` and ``bd_seq``.
        aliases: All aliases stored in the file when it was opened.
        epochs: Rows whose time is not final.
    """

    def __init__(
        self, connection: sqlite3.Connection, lock: IO[bytes], settings: JournalSettings, boot: str
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._path = settings.path
        self._bounds = Bounds(connection, settings)
        facts = dict(connection.execute("SELECT name, value FROM facts"))
        self.journal_id = str(facts.pop("journal_id"))
        self.facts: dict[str, int] = {name: int(value) for name, value in facts.items()}
        self.aliases = {
            int(alias): Alias(device, point, datatype)
            for alias, device, point, datatype in connection.execute("SELECT * FROM aliases")
        }
        self.epochs = ClockEpochs(connection, boot)
        self.salvaging = bool(waiting(self._path))

    @classmethod
    def open(
        cls,
        settings: JournalSettings,
        *,
        now_ms: int,
        boot: str,
        ground: RecoverySeed | None = None,
    ) -> Self:
        """Open the file, or make it; a damaged one is renamed and a new one started.

        Args:
            settings: Where it is and what it may hold.
            now_ms: UTC ms, for the name of a file that is set aside.
            boot: Name of the machine's present run.
            ground: This process's own file has been found damaged, and this is what it knows.

        Raises JournalError when another process holds it, JournalFullError on a full disk.
        """
        path = settings.path
        lock = schema.lock(path)
        try:
            try:
                if not is_marked(path):
                    return cls._open(lock, settings, now_ms=now_ms, boot=boot, ground=ground)
                damage = "found damaged while it was in use"
            except JournalCorruptError as error:
                damage = str(error)
            if path.exists():
                aside = set_aside(path, now_ms)
                log.error("journal_set_aside", path=str(path), kept_as=str(aside), error=damage)
            return cls._open(lock, settings, now_ms=now_ms, boot=boot, ground=ground)
        except (JournalError, OSError) as error:
            lock.close()
            raise (
                error if isinstance(error, JournalError) else JournalFullError(f"{path}: {error}")
            ) from error

    @classmethod
    def _open(
        cls,
        lock: IO[bytes],
        settings: JournalSettings,
        *,
        now_ms: int,
        boot: str,
        ground: RecoverySeed | None,
    ) -> Self:
        path = settings.path
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(path, timeout=1, isolation_level=None)
            if ground is None and schema.is_new(connection):
                ground = _ground_in(path, now_ms)
            schema.prepare(connection, path, ground)
            return cls(connection, lock, settings, boot)
        except (sqlite3.Error, KeyError, JournalError) as error:
            if connection is not None:
                connection.close()
            raise translated(error, path) from error

    def write(self, batch: Batch) -> Written:
        """Write a batch in one transaction; on an error nothing of it is written."""
        connection = self._connection
        rows = self.facts.get("rows", 0)
        try:
            connection.execute("BEGIN IMMEDIATE")
            rows -= self._delete(batch.acknowledged)
            dropped = 0
            if batch.age is not None:
                dropped = self._bounds.give_up_older(batch.age)
                self.epochs.prune(self._bounds.lowest())
            # Ignored if known: a file that was lost and found again has some of them.
            connection.executemany(
                "INSERT OR IGNORE INTO aliases VALUES (?, ?, ?, ?)",
                [(number, *alias) for number, alias in batch.aliases],
            )
            kept, refused = self._bounds.admit(batch.rows)
            rows += connection.executemany(
                "INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?)", kept
            ).rowcount
            self.epochs.add(batch.held)
            dropped += self._bounds.make_room(rows - dropped)
            rows -= dropped
            facts = batch.facts | {"rows": rows}
            if batch.age is not None:
                facts["age_ms"] = batch.age.now_ms
            connection.executemany(schema.SET_FACT, facts.items())
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise self._failed(error) from error
        self.facts |= facts
        self.epochs.saved()
        return Written(rows, dropped + refused, self._bounds.used_bytes(), self._bounds.oldest_at())

    def read(self, first: int, last: int, limit: int) -> list[Row]:
        """Return up to ``limit`` rows of the closed range whose time is final, lowest first."""
        open_eras = self.epochs.open_eras()
        places = ",".join("?" * len(open_eras))
        boot_offsets = self.epochs.boot_offsets
        try:
            found = self._connection.execute(
                _READ.replace("@", places), (first, last, *open_eras, limit)
            )
            rows: list[Row] = []
            for *row, epoch, boot_offset_ms in found:
                true_ms = None if epoch is None else boot_offsets.get(epoch)
                rows.append(moved(Row(*row), 0 if true_ms is None else true_ms - boot_offset_ms))
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return rows

    def settle(self, boot_offset_ms: int) -> int | None:
        """Close the open eras; return the first offset that waited for it.

        What the disk refuses now the next write takes along.
        """
        try:
            return self.epochs.settle(boot_offset_ms)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def recover(self) -> Recovered:
        """Take over one chunk of the oldest file set aside.

        Raises JournalFullError when the disk refuses for now.
        """
        asides = waiting(self._path)
        self.salvaging = bool(asides)
        if not asides:
            return Recovered(None, None, more=False)
        aside = asides[0]
        at = self.facts.get(_SALVAGED_TO, -1)
        try:
            chunk = read_chunk(aside, at, self.aliases)
        except JournalCorruptError as error:
            return self._salvage_ends(aside, readable=False, error=str(error))
        if chunk.over:
            return self._salvage_ends(aside, readable=True)
        held = [row for row in chunk.held if row.epoch in self.epochs.boot_offsets]
        count = self.facts.get(_SALVAGED, 0) + len(chunk.rows)
        facts = {_SALVAGED_TO: chunk.through, _SALVAGED: count}
        written = self.write(Batch(rows=chunk.rows, held=held, facts=facts))
        return Recovered(written, (chunk.rows[0].offset, chunk.rows[-1].offset), more=True)

    def _salvage_ends(self, aside: Path, *, readable: bool, error: str = "") -> Recovered:
        rows = self.facts.get(_SALVAGED, 0)
        self.write(Batch(facts={_SALVAGED_TO: -1, _SALVAGED: 0}))
        try:
            finish(aside, readable=readable)
        except OSError as failure:
            raise JournalFullError(f"{aside}: {failure}") from failure
        if readable:
            log.warning("journal_salvaged", rows=rows, file=str(aside))
        else:
            log.error("journal_not_salvaged", rows=rows, file=str(aside), error=error)
        return Recovered(None, None, more=True)

    def close(self) -> None:
        """Close the file; the write-ahead log is folded in."""
        self._connection.close()
        self._lock.close()

    def _failed(self, error: sqlite3.Error) -> JournalError:
        failure = translated(error, self._path)
        if isinstance(failure, JournalCorruptError):
            mark(self._path)
        return failure

    def _delete(self, ranges: list[Range]) -> int:
        return self._connection.executemany(
            "DELETE FROM rows WHERE offset BETWEEN ? AND ?", ranges
        ).rowcount


def _ground_in(path: Path, now_ms: int) -> RecoverySeed | None:
    """Return what the last file set aside knows; a file that knows nothing is given up."""
    for aside in reversed(waiting(path)):
        ground = foundation(aside, now_ms=now_ms)
        if ground is not None:
            return ground
        log.error("journal_not_salvaged", file=str(aside), rows=0, error="its aliases are lost")
        finish(aside, readable=False)
    return None

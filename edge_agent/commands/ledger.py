"""Which commands were given and what became of them, over restarts, in a file beside the journal.

A key is on disk before its command goes out. If the agent dies in between, the same key given
again is answered "failed, unknown" instead of being carried out a second time.
"""

import asyncio
import json
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import structlog

from config.interlock import Place
from edge_agent.commands.result import CommandResult, Status
from edge_agent.commands.rules import Command
from edge_agent.errors import JournalCorruptError
from edge_agent.journal.recovery import translated

log = structlog.get_logger()

REMEMBERED: Final = 1000
"""Keys kept; far more than a host can have under way."""

_DIED = "the agent stopped while it was carried out; it is unknown whether the device did it"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS commands (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, result TEXT NOT NULL)
"""
_PUT = (
    "INSERT INTO commands (key, result) VALUES (?, ?)"
    " ON CONFLICT (key) DO UPDATE SET result = excluded.result"
)
_TRIM = "DELETE FROM commands WHERE number <= (SELECT max(number) FROM commands) - ?"


class Ledger(Protocol):
    """Remembers the last commands by their keys."""

    async def ready(self) -> None:
        """Read from disk what could not be read so far."""
        ...

    def last_at(self, place: Place) -> int | None:
        """Return when a point was last commanded, UTC ms; None when that is not known."""
        ...

    def find(self, key: str) -> CommandResult | None:
        """Return what became of a command, None when the key was never seen."""
        ...

    async def begin(self, command: Command, at: int) -> None:
        """Remember, before it goes out, that a command is carried out."""
        ...

    async def finish(self, result: CommandResult) -> None:
        """Remember what became of it."""
        ...


class SqliteLedger:
    """A small SQLite file; entering opens it, only a damaged one is started again.

    A disk that refuses costs the memory over a restart, never a command: closing a valve is worth
    more than the promise about a second delivery. It is tried again with each command.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: OrderedDict[str, CommandResult] = OrderedDict()
        self._connection: sqlite3.Connection | None = None
        self._refused = False

    async def __aenter__(self) -> Self:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="commands")
        await self.ready()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._connection is not None:
                await self._in_worker(self._connection.close)
        finally:
            self._worker.shutdown()

    async def ready(self) -> None:
        """Read from disk what could not be read so far."""
        if self._connection is None:
            await self._in_worker(self._open)

    def last_at(self, place: Place) -> int | None:
        """Return when a point was last commanded, UTC ms; None when that is not known."""
        times = [
            one.at
            for one in self._known.values()
            if place == (one.device, one.point) and one.status is not Status.REFUSED
        ]
        return max(times, default=None)

    def find(self, key: str) -> CommandResult | None:
        """Return what became of a command, None when the key was never seen."""
        return self._known.get(key)

    async def begin(self, command: Command, at: int) -> None:
        """Remember, on disk, that a command is carried out, before it goes out."""
        await self._keep(
            CommandResult(
                id=command.id,
                device=command.device,
                point=command.point,
                status=Status.FAILED,
                reason=_DIED,
                before=None,
                asked=command.value,
                after=None,
                by=command.by,
                at=at,
                why=command.why,
            )
        )

    async def finish(self, result: CommandResult) -> None:
        """Remember what became of it."""
        await self._keep(result)

    async def _keep(self, result: CommandResult) -> None:
        self._known[result.id] = result
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        await self._in_worker(lambda: self._write(result))

    def _open(self) -> None:
        try:
            self._connection = self._load()
        except sqlite3.Error as error:
            if not isinstance(translated(error), JournalCorruptError):
                self._refuse(error)
                return
            log.warning("command_ledger_damaged", path=str(self._path), error=str(error))
            try:
                for suffix in ("", "-wal", "-shm"):
                    self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
                self._connection = self._load()
            except (sqlite3.Error, OSError) as again:
                self._refuse(again)

    def _load(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            # Its index is memory then: keys can be read even where nothing can be written.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(_SCHEMA)
            rows = connection.execute("SELECT key, result FROM commands ORDER BY number").fetchall()
        except sqlite3.Error:
            connection.close()
            raise
        since = self._known
        self._known = OrderedDict((key, one) for key, text in rows if (one := _read(text)))
        self._known.update(since)
        return connection

    def _write(self, result: CommandResult) -> None:
        if self._connection is None:
            return
        try:
            self._connection.execute(_PUT, (result.id, json.dumps(result._asdict())))
            self._connection.execute(_TRIM, (REMEMBERED,))
        except sqlite3.Error as error:
            self._refuse(error)
        else:
            self._refused = False

    def _refuse(self, error: Exception) -> None:
        if not self._refused:
            log.error("command_ledger_not_writable", path=str(self._path), error=str(error))
        self._refused = True

    async def _in_worker(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._worker, work)


def _read(text: str) -> CommandResult | None:
    """Return a kept result; None for one that another version wrote in another form."""
    try:
        found = json.loads(text)
        fields: dict[str, Any] = {one: found[one] for one in CommandResult._fields if one in found}
        fields["status"] = Status(found["status"])
        return CommandResult(**fields)
    except (ValueError, TypeError, KeyError):
        log.warning("command_ledger_entry_unreadable", entry=text[:200])
        return None

"""SQLite as the records need it: WAL, full durability, no commit that waits for a checkpoint."""

import sqlite3
import threading
from typing import Any, Final

import structlog
from sqlalchemy import Engine, event

WRITES: Final = "plantroom_writes"
"""Execution option of a connection that writes."""
RELAXED: Final = "plantroom_relaxed"
"""Execution option of a connection whose commits do not wait for the disk."""
_LEVEL = "plantroom_synchronous"
"""What a connection is set to."""
_FALLBACK_PAGES = 16_384
"""64 MB of WAL: a commit copies them itself when the checkpoints' thread cannot."""
_GATHER_S = 1.0
_PASSES = 5
"""A WAL that was copied to its end begins at its start again, which spares the disk."""

_log = structlog.get_logger()


def set_up(engine: Engine, *, read_only: bool = False) -> None:
    """WAL, full durability, foreign keys; a writer takes its lock at once, so it never upgrades."""

    def connected(connection: Any, _record: object) -> None:  # noqa: ANN401 (DBAPI connection)
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
            f"wal_autocheckpoint={_FALLBACK_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if read_only:
            connection.execute("PRAGMA query_only=ON")

    def begun(connection: Any) -> None:  # noqa: ANN401 (SQLAlchemy connection)
        options = connection.get_execution_options()
        if options.get(WRITES, False):
            level = "NORMAL" if options.get(RELAXED, False) else "FULL"
            if connection.info.get(_LEVEL) != level:
                connection.exec_driver_sql(f"PRAGMA synchronous={level}")
                connection.info[_LEVEL] = level
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITES, False) else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


class Checkpoints:
    """Copies the WAL into the database file in a thread of its own.

    Left to SQLite, every thousandth page lets one commit wait for the disk twice more, and with it
    whatever alarm it carries.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._due = threading.Event()
        self._ended = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="records-checkpoints", daemon=True)
        self._thread.start()

    def after_commit(self) -> None:
        """Record that there is something to copy; never blocks."""
        self._due.set()

    def close(self) -> None:
        """End the thread; may be repeated. The last connection to close copies the rest."""
        self._ended.set()
        self._due.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._due.wait()
            if self._ended.wait(_GATHER_S):
                return
            self._due.clear()
            try:
                self._copy()
            except sqlite3.Error as error:
                if not self._failing:
                    _log.warning("records_checkpoint_failed", error=str(error))
                self._failing = True
            else:
                self._failing = False

    def _copy(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            for _ in range(_PASSES):
                _busy, frames, copied = connection.execute(
                    "PRAGMA wal_checkpoint(PASSIVE)"
                ).fetchone()
                if frames == copied:
                    break
        finally:
            connection.close()

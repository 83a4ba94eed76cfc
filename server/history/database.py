"""The connection to DuckDB: one cursor per thread, transactions, and its errors translated."""

import threading
import weakref
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import structlog

from server.core.errors import StoreError
from server.history.damage import OnDamage, is_damage, only_wal, set_aside, wal_of

_MOST_OPENINGS = 3
"""The write-ahead log first, then the file."""
_log = structlog.get_logger()


class Database:
    """One DuckDB file. It is locked to this process as long as it is open.

    A file that is damaged is moved aside and a new one begun, when it is opened or whenever a
    statement meets the damage; that statement fails, the next ones find the new file.
    """

    def __init__(
        self, path: Path, *, memory_limit_mb: int, tables: Sequence[str], on_damage: OnDamage
    ) -> None:
        self._path = path
        self._tables = tables
        self._on_damage = on_damage
        self.renewals = 0
        """So often a new file was begun."""
        self.given_up: list[Path] = []
        """Where the damaged files are, until somebody takes the list."""
        self._options: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_limit_mb}MB",
            "temp_directory": str(path.parent / "spill"),
        }
        self._lock = threading.Lock()
        self._local = threading.local()
        # A thread that ends drops its cursor; the web server's threads come and go for ever.
        self._cursors: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
        self._opened = 0
        self._closed = False
        with _translated():
            self._root = self._open()

    @contextmanager
    def cursor(self) -> Generator[duckdb.DuckDBPyConnection]:
        """Give this thread's cursor.

        Raises:
            StoreError: The statement did not succeed.
        """
        opened = self._opened
        try:
            with _translated():
                yield self._own_cursor()
        except StoreError as error:
            cause = error.__cause__
            if is_damage(cause, self._path):
                self._renew(opened, error)
            # A fatal error invalidates the open database; only opening it again helps.
            elif isinstance(cause, duckdb.FatalException | duckdb.ConnectionException):
                self._reopen(opened)
            raise

    @contextmanager
    def transaction(self) -> Generator[duckdb.DuckDBPyConnection]:
        """Give this thread's cursor inside a transaction; all of it happens or nothing.

        Raises:
            StoreError: Nothing happened.
        """
        with self.cursor() as cursor:
            cursor.begin()
            committed = False
            try:
                yield cursor
                cursor.commit()
                committed = True
            finally:
                if not committed:
                    self._roll_back(cursor)

    def close(self) -> None:
        """Write everything into the file and let go of it; may be repeated."""
        with self._lock:
            self._closed = True
            self._close()

    def _own_cursor(self) -> duckdb.DuckDBPyConnection:
        if getattr(self._local, "opened", None) != self._opened:
            with self._lock:
                self._local.cursor = self._root.cursor()
                self._local.opened = self._opened
                self._cursors.add(self._local.cursor)
        return self._local.cursor

    def _roll_back(self, cursor: duckdb.DuckDBPyConnection) -> None:
        try:
            cursor.rollback()
        except duckdb.Error as error:  # a failed commit has already ended the transaction
            _log.debug("history_rollback", error=str(error))

    def _renew(self, opened: int, error: StoreError) -> None:
        """Begin a new file, unless another thread that met the same damage has done so."""
        with self._lock:
            if opened != self._opened or self._closed:
                return
            self._close()
            try:
                # Nothing of it is given up: what cannot be read now stays beside the new one.
                self._move_aside(error)
                self._root = self._open()
            except (duckdb.Error, OSError) as failed:
                _log.error("history_renewal_failed", error=str(failed))
                return
            self._opened += 1

    def _reopen(self, opened: int) -> None:
        """Open it again, unless another thread that met the same error has done so."""
        with self._lock:
            if opened != self._opened:
                return
            self._close()
            if self._closed:
                return
            try:
                self._root = self._open()
            except (duckdb.Error, OSError) as error:
                _log.error("history_reopen_failed", error=str(error))
                return
            self._opened += 1

    def _open(self) -> duckdb.DuckDBPyConnection:
        """Open the file, or a new one when it is damaged."""
        for _ in range(_MOST_OPENINGS):
            try:
                return self._connect()
            except duckdb.Error as error:
                if not is_damage(error, self._path):
                    raise
                self._move_aside(error)
        return self._connect()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        root = duckdb.connect(str(self._path), config=self._options)
        try:
            for table in self._tables:
                root.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        except duckdb.Error:
            root.close()
            raise
        return root

    def _move_aside(self, error: Exception) -> None:
        """Move the write-ahead log aside, and the file too when that is damaged."""
        wal = wal_of(self._path)
        if only_wal(error) and wal.exists():
            set_aside(wal, error, self._on_damage)
        elif (place := set_aside(self._path, error, self._on_damage)) is not None:
            if wal.exists():
                wal.rename(wal_of(place))  # whoever opens the damaged one finds both
            self.given_up.append(place)
        self.renewals += 1

    def _close(self) -> None:
        for cursor in list(self._cursors):
            cursor.close()
        self._cursors.clear()
        self._root.close()


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise StoreError(f"the history failed: {error}") from error

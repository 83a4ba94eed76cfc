"""The connection to DuckDB: one cursor per thread, transactions, and its errors translated."""

import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import structlog

from server.core.errors import StoreError

_log = structlog.get_logger()


class Database:
    """One DuckDB file. It is locked to this process as long as it is open."""

    def __init__(self, path: Path, *, memory_limit_mb: int) -> None:
        self._path = path
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
            self._root = duckdb.connect(str(path), config=self._options)

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
            # A fatal error invalidates the open database; only opening it again helps.
            if isinstance(error.__cause__, duckdb.FatalException | duckdb.ConnectionException):
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

    def _reopen(self, opened: int) -> None:
        """Open it again, unless another thread that met the same error has done so."""
        with self._lock:
            if opened != self._opened:
                return
            self._close()
            if self._closed:
                return
            try:
                self._root = duckdb.connect(str(self._path), config=self._options)
            except duckdb.Error as error:
                _log.error("history_reopen_failed", error=str(error))
                return
            self._opened += 1

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

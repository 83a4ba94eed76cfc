"""The connection to DuckDB: one cursor per thread, transactions, and its errors translated."""

import threading
import weakref
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import structlog

from server.core.errors import DowngradeError, StoreError
from server.history.damage import (
    OnDamage,
    is_damage,
    is_of_another_version,
    only_wal,
    set_aside,
    wal_of,
)

LAYOUT = 2
"""Of the tables; a program that knows only lower numbers would read less than there is."""
_MOST_OPENINGS = 3
"""The write-ahead log first, then the file."""
_INTERRUPT_AGAIN_S = 0.001
_MOST_INTERRUPTS = 2_000
"""Then whoever holds a cursor without a statement in it is not waited for."""
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
        self._turns: weakref.WeakKeyDictionary[duckdb.DuckDBPyConnection, threading.RLock] = (
            weakref.WeakKeyDictionary()
        )
        """Held by a thread while it is between two statements of its cursor or in one.

        Nobody holds the turn of a ``new_cursor``.
        """
        self._opened = 0
        self._closed = False
        with translated():
            self._root = self._open()

    @contextmanager
    def cursor(self) -> Generator[duckdb.DuckDBPyConnection]:
        """Give this thread's cursor.

        Raises:
            StoreError: The statement did not succeed.
        """
        opened = self._opened
        try:
            with translated():
                own, turn = self._own_cursor()
                with turn:
                    yield own
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

    def new_cursor(self) -> duckdb.DuckDBPyConnection:
        """Give a cursor of the caller's own, for one thread at a time; closed with the file.

        Raises:
            StoreError: The file is closed.
        """
        with self._lock, translated():
            cursor = self._root.cursor()
            self._turns[cursor] = threading.RLock()
            return cursor

    def close(self) -> None:
        """Write everything into the file and let go of it; may be repeated.

        A statement that another thread is in is interrupted and fails there.
        """
        with self._lock:
            self._closed = True
            self._close()

    def _own_cursor(self) -> tuple[duckdb.DuckDBPyConnection, threading.RLock]:
        if getattr(self._local, "opened", None) != self._opened:
            with self._lock:
                self._local.cursor = self._root.cursor()
                self._local.turn = self._turns[self._local.cursor] = threading.RLock()
                self._local.opened = self._opened
        return self._local.cursor, self._local.turn

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
            except (duckdb.Error, OSError, DowngradeError) as failed:
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
                if is_of_another_version(error):
                    raise DowngradeError(self._refusal(f"another DuckDB: {error}")) from error
                if not is_damage(error, self._path):
                    raise
                self._move_aside(error)
        return self._connect()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        root = duckdb.connect(str(self._path), config=self._options)
        try:
            # A file is never written again under its name; its footer is read once.
            root.execute("SET parquet_metadata_cache = true")
            root.begin()
            self._agree_on_layout(root)
            for table in self._tables:
                root.execute(f"CREATE TABLE IF NOT EXISTS {table}")
            root.commit()
        except (duckdb.Error, DowngradeError):
            root.close()
            raise
        return root

    def _agree_on_layout(self, root: duckdb.DuckDBPyConnection) -> None:
        root.execute("CREATE TABLE IF NOT EXISTS layout (version INTEGER NOT NULL)")
        ((version,),) = root.execute("SELECT max(version) FROM layout").fetchall()
        if version is None:
            root.execute("INSERT INTO layout VALUES (?)", [LAYOUT])
        elif version < LAYOUT:
            root.execute("UPDATE layout SET version = ?", [LAYOUT])
        elif version > LAYOUT:
            raise DowngradeError(self._refusal(f"a newer Plantroom: its layout is {version}"))

    def _refusal(self, who: str) -> str:
        what = who.partition("\n")[0]
        return (
            f"the history {self._path} was written by {what}. Install that version again, or put "
            "back a backup that this one can read: plantroom server restore --help"
        )

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
        for cursor, turn in list(self._turns.items()):
            _interrupt_and_close(cursor, turn)
        self._turns.clear()
        self._root.close()


def _interrupt_and_close(cursor: duckdb.DuckDBPyConnection, turn: threading.RLock) -> None:
    """Close a cursor that may be in use; whoever uses it meets an error of DuckDB's.

    A statement that begins while DuckDB closes its cursor would be waited for, however long it is.
    """
    mine = turn.acquire(timeout=_INTERRUPT_AGAIN_S)
    for _ in range(_MOST_INTERRUPTS):
        if mine:
            break
        with suppress(duckdb.ConnectionException):  # closed meanwhile by whoever used it
            cursor.interrupt()
        mine = turn.acquire(timeout=_INTERRUPT_AGAIN_S)
    try:
        _close_unused(cursor)
    finally:
        if mine:
            turn.release()


def _close_unused(cursor: duckdb.DuckDBPyConnection) -> None:
    pause = threading.Event()
    while True:
        try:
            cursor.close()
        except duckdb.ResourceInUseException:
            with suppress(duckdb.ConnectionException):  # closed meanwhile by whoever used it
                cursor.interrupt()
            pause.wait(_INTERRUPT_AGAIN_S)
        else:
            return


@contextmanager
def translated() -> Generator[None]:
    """Raise StoreError for what DuckDB raises."""
    try:
        yield
    except duckdb.Error as error:
        raise StoreError(f"the history failed: {error}") from error

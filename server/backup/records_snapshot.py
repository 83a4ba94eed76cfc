"""The records as they were at one instant, copied into an SQLite file while they change."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, NoSuchTableError

from server.backup.tables import connect_to_one_instant, copy_tables
from server.core.errors import StoreError
from server.core.records import Records
from server.core.schema import revision_of, upgrade

_PAGES = 2000
"""Of 4 kB, between two moments in which other threads of this process run."""


class RecordsSnapshot:
    """Sees what was committed when it was made, until it is closed; for one thread at a time."""

    def __init__(self, url: str) -> None:
        """Begin; quick.

        Raises:
            StoreError: The records cannot be read, or have no tables yet.
        """
        self._where = make_url(url).render_as_string(hide_password=True)
        self._records = Records.open(url, read_only=True)
        try:
            with self._translated():
                self._connection = connect_to_one_instant(self._records)
                # The first look fixes what the transaction sees.
                revision = revision_of(self._connection)
        except StoreError:
            self._records.close()
            raise
        if revision is None:
            self.close()
            raise StoreError(f"the records in {self._where} have no tables: plantroom server init")
        self.revision = revision
        """The schema."""

    @property
    def kind(self) -> str:
        """Sqlite or postgresql."""
        return self._records.engine.dialect.name

    def write(self, path: Path) -> None:
        """Write a new SQLite file that is on disk when this returns.

        Raises:
            StoreError: It cannot be written, or the records cannot be read.
        """
        with self._translated():
            if self.kind == "sqlite":
                self._copy_file(path)
            else:
                url = f"sqlite:///{path}"
                upgrade(url)
                with Records.open(url) as target, target.engine.begin() as connection:
                    copy_tables(self._connection, connection)
                with closing(sqlite3.connect(path)) as copy:
                    copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go; may be repeated."""
        self._connection.close()
        self._records.close()

    def _copy_file(self, path: Path) -> None:
        source: Any = self._connection.connection.driver_connection
        with closing(sqlite3.connect(path)) as target:
            # With a transaction open, the copy is of what it sees, whatever is committed meanwhile.
            source.backup(target, pages=_PAGES, sleep=0.001)
            # One file, that nobody needs a log for.
            target.execute("PRAGMA journal_mode=DELETE")
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except (DBAPIError, NoSuchTableError, sqlite3.Error) as error:
            raise StoreError(f"the records in {self._where} cannot be copied: {error}") from error

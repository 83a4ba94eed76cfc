"""The embedded history as it was at one instant, copied while readings go on being stored."""

import os
from pathlib import Path

import duckdb

from server.core.errors import StoreError
from server.history.database import Database, translated
from server.history.files import quote

HOT_FILE = "history.duckdb"


class HistorySnapshot:
    """Sees what was stored when it was made, until it is closed; for one thread at a time.

    The files of past days are not kept from being replaced: whoever makes a snapshot does that.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        """Begin; quick.

        Raises:
            StoreError: The history cannot be read now.
        """
        self._folder = folder
        self._cursor = database.new_cursor()
        with translated():
            self._cursor.begin()
            # The first look at the file fixes what the transaction sees.
            rows = self._cursor.execute("SELECT file FROM days ORDER BY day").fetchall()
        self._files = [str(file) for (file,) in rows]

    def link_files(self, target: Path) -> None:
        """Give the files of past days a second name in a folder of the same file system.

        Raises:
            StoreError: A file is not there any more, or cannot have two names.
        """
        for name in self._files:
            try:
                os.link(self._folder / name, target / name)
            except OSError as error:
                raise StoreError(
                    f"the history's file {self._folder / name} cannot be copied: {error.strerror}"
                ) from error

    def write_hot(self, target: Path) -> None:
        """Write everything else into a new file that is on disk when this returns.

        Raises:
            StoreError: It cannot be written.
        """
        path = target / HOT_FILE
        with translated():
            self._cursor.execute(f"ATTACH {quote(str(path))} AS copy")
        try:
            with translated():
                ((source,),) = self._cursor.execute("SELECT current_database()").fetchall()
                self._cursor.execute(f'COPY FROM DATABASE "{source}" TO copy')
                self._cursor.commit()
        finally:
            self._detach()

    def close(self) -> None:
        """Let go; may be repeated."""
        self._cursor.close()

    def _detach(self) -> None:
        try:
            self._cursor.execute("DETACH copy")
        except duckdb.Error:
            # A transaction that failed holds it; its end lets go.
            self._cursor.rollback()
            with translated():
                self._cursor.execute("DETACH copy")

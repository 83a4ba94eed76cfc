"""What can still be read of a damaged file is taken into the new one."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import duckdb
import structlog

from server.history.columns import COLUMNS
from server.history.database import Database

_GROUP, _VECTOR = 122_880, 2048
"""Rows that are stored together, and rows that are read together: damage spoils some of these."""
_log = structlog.get_logger()


def recover(database: Database, path: Path) -> int:
    """Copy every readable row group of the readings and the latest; return how many rows.

    Raises:
        StoreError: The new file cannot be written.
    """
    try:
        old = duckdb.connect(str(path), read_only=True, config={"threads": 1})
    except duckdb.Error as error:
        _log.warning("history_not_recovered", file=path.name, error=str(error))
        return 0
    try:
        rows = sum(
            _copy(database, old, table, into)
            for table, into in (("latest", "latest"), ("ordered", "hot"), ("hot", "hot"))
        )
    finally:
        old.close()
    _log.warning("history_recovered", file=path.name, rows=rows)
    return rows


def _copy(database: Database, old: duckdb.DuckDBPyConnection, table: str, into: str) -> int:
    copied = 0
    for start in range(0, _rows_of(old, table), _GROUP):
        for group in _readable(old, table, start, _GROUP):
            with database.transaction() as cursor:
                cursor.register("recovered", group)
                cursor.execute(f"INSERT INTO {into} SELECT {COLUMNS} FROM recovered")  # noqa: S608
                cursor.unregister("recovered")
            copied += group.num_rows
    return copied


def _readable(old: duckdb.DuckDBPyConnection, table: str, start: int, size: int) -> Generator[Any]:
    """Return what can be read of some rows, in their order, in ever smaller parts."""
    where = f"rowid >= {start} AND rowid < {start + size}"
    try:
        group: Any = (
            old.cursor().sql(f"SELECT {COLUMNS} FROM {table} WHERE {where}").to_arrow_table()  # noqa: S608
        )
    except duckdb.Error as error:
        if size <= _VECTOR:
            _log.debug("history_rows_lost", table=table, row=start, error=str(error))
            return
        half = size // 2
        yield from _readable(old, table, start, half)
        yield from _readable(old, table, start + half, size - half)
        return
    if group.num_rows:
        yield group


def _rows_of(old: duckdb.DuckDBPyConnection, table: str) -> int:
    try:
        ((last,),) = old.cursor().execute(f"SELECT max(rowid) + 1 FROM {table}").fetchall()  # noqa: S608
    except duckdb.Error:
        return 0
    return int(last or 0)

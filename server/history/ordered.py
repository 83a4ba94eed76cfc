"""Readings of hours that are over, in order: one series after the other, and rolled up.

They come into the table ``hot`` as they arrive, where a series lies everywhere. From there they are
moved into ``ordered``, with their roll-ups in the same transaction; from both into the file of
their day.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from server.history.columns import COLUMNS, TABLE
from server.history.database import Database
from server.history.rollups import (
    HOT,
    MOST_RUNS,
    ROLLUP_COLUMNS,
    SEALED,
    dense_series,
    forget_parts,
    place,
    rolled_up,
)
from server.history.slices import HOUR_MS, MINUTE_MS

ORDERED = f"""ordered {TABLE.rstrip().removesuffix(")")},
    run INTEGER NOT NULL, by_minute BOOLEAN NOT NULL)"""
"""``by_minute``: it is summarised in ``minutes`` as well as in ``hours``."""
ORDERED_ROWS = f"SELECT {COLUMNS}, {place('run', 'rowid')} AS place FROM ordered"  # noqa: S608
HOT_ROWS = f"SELECT {COLUMNS}, {place(HOT, 'rowid')} AS place FROM hot"  # noqa: S608 (constants)
_AT_ONCE = 1_000_000
"""Rows that are enough for one transaction."""
_BETWEEN = "WHERE taken_at >= {start} AND taken_at < {end}"


def open_rows(start_ms: int, end_ms: int) -> str:
    """Return the query of what is in no file of a day."""
    between = _BETWEEN.format(start=start_ms, end=end_ms)
    return f"{ORDERED_ROWS} {between} UNION ALL {HOT_ROWS} {between}"


def order_before(database: Database, before_ms: int) -> None:
    """Move what was taken before an instant, with its roll-ups, some hours at a time.

    Raises:
        StoreError: The remaining hours stay where they are until the next call.
    """
    with database.cursor() as cursor:
        hours = cursor.execute(
            "SELECT taken_at // ?, count(*) FROM hot WHERE taken_at < ? GROUP BY 1 ORDER BY 1",
            [HOUR_MS, before_ms],
        ).fetchall()
    for first, last in _together(hours):
        with database.transaction() as cursor:
            _move(cursor, first * HOUR_MS, min((last + 1) * HOUR_MS, before_ms))


def _together(hours: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of hours that are moved together."""
    first, last, rows = 0, 0, 0
    for hour, count in hours:
        if not rows:
            first = hour
        last, rows = hour, rows + count
        if rows >= _AT_ONCE:
            yield first, last
            rows = 0
    if rows:
        yield first, last


def undo_order(cursor: Any, start_ms: int, end_ms: int) -> None:  # noqa: ANN401 (cursor)
    """Put all of a range back, in a transaction: in its order, rolled up no more."""
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE undone AS {open_rows(start_ms, end_ms)}")
    forget_open(cursor, start_ms, end_ms)
    cursor.execute(f"INSERT INTO hot SELECT {COLUMNS} FROM undone ORDER BY place")  # noqa: S608
    cursor.execute("DROP TABLE undone")


def forget_open(cursor: Any, start_ms: int, end_ms: int) -> None:  # noqa: ANN401 (cursor)
    """Delete what is in no file of a day, in a transaction, with its roll-ups.

    Args:
        cursor: Of DuckDB.
        start_ms: Start of a day, UTC ms.
        end_ms: End of a day, UTC ms.
    """
    forget_parts(cursor, start_ms, end_ms, which=f"run != {SEALED}")
    for table in ("hot", "ordered"):
        cursor.execute(
            f"DELETE FROM {table} WHERE taken_at >= ? AND taken_at < ?",  # noqa: S608 (constants)
            [start_ms, end_ms],
        )


def _move(cursor: Any, start_ms: int, end_ms: int) -> None:  # noqa: ANN401 (cursor)
    bounds = _BETWEEN.format(start=start_ms, end=end_ms)
    source = f"{HOT_ROWS} {bounds}"
    ((last,),) = cursor.execute("SELECT coalesce(max(run), 0) FROM ordered").fetchall()
    run = min(last + 1, MOST_RUNS - 2)
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE dense AS {dense_series(source)}")
    cursor.execute(f"INSERT INTO hours ({ROLLUP_COLUMNS}) {rolled_up(source, HOUR_MS, run=run)}")
    some = f"{source} AND series IN (FROM dense)"
    cursor.execute(f"INSERT INTO minutes ({ROLLUP_COLUMNS}) {rolled_up(some, MINUTE_MS, run=run)}")
    cursor.execute(
        f"INSERT INTO ordered SELECT {COLUMNS}, {run}, series IN (FROM dense) "  # noqa: S608
        f"FROM hot {bounds} ORDER BY series, taken_at, rowid"
    )
    cursor.execute(f"DELETE FROM hot {bounds}")  # noqa: S608 (numbers)
    cursor.execute("DROP TABLE dense")

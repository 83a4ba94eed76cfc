"""Roll-ups: readings of an hour or a minute summarised once, so that a year is read in no time.

A row of a roll-up is a part: it summarises the readings of one series and unit that came into
their place together, and there may be several of one unit. Parts are of disjoint readings and are
written in the transaction that moves these, so what is rolled up and what is not never overlap,
whatever comes late, twice or not at all. Adding parts up is exact.
"""

from collections.abc import Iterable
from typing import Any

from protocols.reading import Quality
from server.history.slices import HOUR_MS, MINUTE_MS

MOST_RUNS = 2**20
_ROWS = 2**42
"""More than a file or a table can have rows."""
HOT = MOST_RUNS - 1
"""The run of what has not been moved yet: it came last."""
SEALED = 0
"""The run of what is in the file of its day: it came first."""
_STRUCT = "STRUCT(n DOUBLE, i BIGINT, l UBIGINT, b BOOLEAN, t VARCHAR)"
_VALUE = "struct_pack(n := number, i := integer, l := large, b := boolean, t := text)"
PART = (
    *("low", "low_whole", "total", "numbers", "high", "high_whole"),
    *("first", "first_at", "last", "last_at", "good", "bad"),
)
"""What is known of some readings, in the order of the columns."""
FIGURES = {
    "low": "min(low)",
    "low_whole": "min(low_whole)",
    "average": "sum(total) / sum(numbers)",
    "high": "max(high)",
    "high_whole": "max(high_whole)",
    "first": "arg_min(first, first_place)",
    "last": "arg_max(last, last_place)",
    "good": "sum(good)::BIGINT",
    "bad": "sum(bad)::BIGINT",
}
"""What is asked of parts, in the order of an answer, and how they are added up."""
FIGURES_OF_ONE = {"average": "total / numbers"}
"""The same of a single part; the others are columns of it."""
SUMMED = (
    *("low", "low_whole", "total", "numbers", "high", "high_whole"),
    *("first", "first_place", "last", "last_place", "good", "bad"),
)
"""The columns of parts that are added up."""
_WHOLE = "DECIMAL(20, 0)"
"""Whole numbers of 64 bits, signed or not; Parquet would make a HUGEINT a DOUBLE."""
_PART_COLUMNS = f"""
    low DOUBLE, low_whole {_WHOLE}, total DOUBLE, numbers BIGINT, high DOUBLE, high_whole {_WHOLE},
    first {_STRUCT}, first_at BIGINT, last {_STRUCT}, last_at BIGINT, good BIGINT, bad BIGINT
"""
_ROLLUP = f"(series BIGINT NOT NULL, since BIGINT NOT NULL, {_PART_COLUMNS}, run INTEGER NOT NULL)"
ROLLUP_TABLES = (f"hours {_ROLLUP}", f"minutes {_ROLLUP}")
"""``since`` is the start of the unit, ``run`` says in which order parts of an instant came."""
ROLLUP_COLUMNS = f"series, since, {', '.join(PART)}, run"
UNITS = {"hours": HOUR_MS, "minutes": MINUTE_MS}
DENSE = 10
"""So many readings in a minute, and its roll-up is much smaller than they are; fewer are read as
they are."""


def place(run: int | str, row: str, at: str = "taken_at") -> str:
    """Return the order of readings by instant and, within one, as they came: an expression.

    Args:
        run: Number or column: ``SEALED`` came before what was moved later, ``HOT`` after it.
        row: Order within the run, a column.
        at: The instant, a column.
    """
    return f"(({at}::HUGEINT * {MOST_RUNS} + {run}) * {_ROWS} + {row})"


def parts(source: str, key: str) -> str:
    """Return the query that summarises readings.

    Args:
        source: Query of the columns of readings and their ``place``.
        key: Expressions by which they are summarised together, comma-separated, named.
    """
    return f"""
        SELECT {key},
               min(number) FILTER (is_good) AS low, min(whole) FILTER (is_good) AS low_whole,
               sum(coalesce(number, whole::DOUBLE)) FILTER (is_good) AS total,
               count(coalesce(number, whole::DOUBLE)) FILTER (is_good) AS numbers,
               max(number) FILTER (is_good) AS high, max(whole) FILTER (is_good) AS high_whole,
               arg_min(value, place) FILTER (is_good) AS first,
               min(taken_at) FILTER (is_good) AS first_at,
               min(place) FILTER (is_good) AS first_place,
               arg_max(value, place) FILTER (is_good) AS last,
               max(taken_at) FILTER (is_good) AS last_at,
               max(place) FILTER (is_good) AS last_place,
               count(*) FILTER (is_good) AS good, count(*) FILTER (NOT is_good) AS bad
        FROM (SELECT *, quality = {int(Quality.GOOD)} AS is_good, {_VALUE} AS value,
                     coalesce(integer::{_WHOLE}, large::{_WHOLE}, boolean::{_WHOLE}) AS whole
              FROM ({source}))
        GROUP BY ALL
    """  # noqa: S608 (constants)


def rolled_up(source: str, unit_ms: int, *, run: int) -> str:
    """Return the query of a roll-up, in the order of ``ROLLUP_COLUMNS``."""
    key = f"series, taken_at - taken_at % {unit_ms} AS since"
    return (
        f"SELECT series, since, {', '.join(PART)}, {run} AS run "  # noqa: S608 (constants)
        f"FROM ({parts(source, key)}) ORDER BY series, since"
    )


def with_places() -> str:
    """Return the columns of a roll-up, and the places of the first and the last reading."""
    places = [f"{place('run', '0', f'{end}_at')} AS {end}_place" for end in ("first", "last")]
    return f"{', '.join(PART)}, {', '.join(places)}"


def among(series: Iterable[int]) -> str:
    """Return the condition that a row is of one of these series."""
    ids = sorted({int(one) for one in series})
    if ids[-1] - ids[0] == len(ids) - 1:  # mostly the points of one equipment: quicker to plan
        return f"series BETWEEN {ids[0]} AND {ids[-1]}"
    return f"series IN ({', '.join(map(str, ids))})"


def dense_series(source: str) -> str:
    """Return the query of the series that speak so often that their minutes are worth it."""
    return (
        f"SELECT series FROM ({source}) GROUP BY series "  # noqa: S608 (constants)
        f"HAVING count(*) >= {DENSE} * count(DISTINCT taken_at // {MINUTE_MS})"
    )


def forget_parts(cursor: Any, start_ms: int, end_ms: int, *, which: str = "true") -> None:  # noqa: ANN401
    """Delete the parts of a range in both roll-ups.

    Args:
        cursor: Of DuckDB, in a transaction.
        start_ms: Start of a unit, UTC ms.
        end_ms: End of a unit, UTC ms.
        which: A further condition.
    """
    for table in UNITS:
        cursor.execute(
            f"DELETE FROM {table} WHERE since >= ? AND since < ? AND {which}",  # noqa: S608
            [start_ms, end_ms],
        )

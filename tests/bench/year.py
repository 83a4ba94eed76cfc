"""``python -m tests.bench.year FOLDER``: an estate's history for a year, made up in minutes.

The day files are written as the server writes them; the server takes them over. What is in them
follows from series and instant alone, so a reader can be checked reading by reading: ``reading``
says in Python what ``_READINGS`` says in SQL. Numbers have two decimals, as gateways round them.
"""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb

from protocols.reading import Quality, Value
from server.history.base import Row
from server.history.files import quote

DAY_MS = 86_400_000
_BAD_EVERY = 500
_SILENT, _OF = 300, 50
"""A point is silent for so many periods, once in so many times as long."""
_MODES = ("auto", "manual", "off")


class Estate(NamedTuple):
    """Points 1 to ``slow`` speak every ``period_s``; the next ``fast`` every ``fast_s``."""

    slow: int = 1000
    period_s: int = 60
    fast: int = 0
    fast_s: int = 1

    def period_ms(self, series: int) -> int:
        """How often a point speaks."""
        return (self.period_s if series <= self.slow else self.fast_s) * 1000


def reading(series: int, at: int, period_ms: int) -> Row | None:
    """Return what a point says at an instant on its grid; None while it is silent."""
    number = at // period_ms
    if (number // _SILENT + series) % _OF == 0:
        return None
    if (number + series) % _BAD_EVERY == 0:
        return Row(at, None, Quality.BAD, "timeout")
    kind = series % 20
    value: Value = (series % 90 * 100 + (number * 37 + series) % 1000) / 100
    if kind in {16, 17}:
        value = number * 3
    elif kind == 18:
        value = number // 100 % 2 == 1
    elif kind == 19:
        value = _MODES[number // 50 % len(_MODES)]
    return Row(at, value, Quality.GOOD, "")


def readings(estate: Estate, series: int, start_ms: int, end_ms: int) -> Iterator[Row]:
    """Yield all readings of a point in a range."""
    period = estate.period_ms(series)
    for at in range(-(-start_ms // period) * period, end_ms, period):
        row = reading(series, at, period)
        if row is not None:
            yield row


_READINGS = f"""
    SELECT series, taken_at, CASE WHEN kind < 16 AND NOT is_bad
               THEN (series % 90 * 100 + (number * 37 + series) % 1000) / 100.0::DOUBLE
               END AS number,
           CASE WHEN kind IN (16, 17) AND NOT is_bad THEN number * 3 END AS integer,
           NULL::UBIGINT AS large,
           CASE WHEN kind = 18 AND NOT is_bad THEN number // 100 % 2 = 1 END AS boolean,
           CASE WHEN kind = 19 AND NOT is_bad
               THEN list_extract({list(_MODES)}, number // 50 % {len(_MODES)} + 1) END AS text,
           CASE WHEN is_bad THEN {int(Quality.BAD)} ELSE {int(Quality.GOOD)} END::USMALLINT
               AS quality,
           CASE WHEN is_bad THEN 'timeout' END AS reason
    FROM (SELECT series, number * $period AS taken_at, number, series % 20 AS kind,
                 (number + series) % {_BAD_EVERY} = 0 AS is_bad
          FROM range($first, $last + 1) AS points(series), range($begin, $end) AS grid(number)
          WHERE (number // {_SILENT} + series) % {_OF} != 0)
"""  # noqa: S608 (constants)


def write_day(folder: Path, day: int, estate: Estate) -> Path:
    """Write the file of a day, days since 1970."""
    groups = [
        (1, estate.slow, estate.period_s * 1000),
        (estate.slow + 1, estate.fast, estate.fast_s * 1000),
    ]
    queries = [
        _READINGS.replace("$period", str(period))
        .replace("$first", str(first))
        .replace("$last", str(first + number - 1))
        .replace("$begin", str(day * DAY_MS // period))
        .replace("$end", str((day + 1) * DAY_MS // period))
        for first, number, period in groups
        if number
    ]
    name = datetime.fromtimestamp(day * DAY_MS / 1000, tz=UTC).strftime("%Y-%m-%d")
    path = folder / f"{name}.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM ({' UNION ALL '.join(queries)}) ORDER BY series, taken_at) "
            f"TO {quote(str(path))} (FORMAT parquet, COMPRESSION zstd)"
        )
    return path


def write_days(folder: Path, last: int, days: int, estate: Estate, *, fast_days: int = 1) -> int:
    """Write the files of some days up to one; return their bytes.

    Args:
        folder: Of the history; made.
        last: Day, days since 1970.
        days: How many.
        estate: Who speaks.
        fast_days: On so many of the last days the fast points speak.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = 0
    for day in range(last - days + 1, last + 1):
        speaks = estate if last - day < fast_days else estate._replace(fast=0)
        size += write_day(folder, day, speaks).stat().st_size
        if (day - last) % 30 == 0:
            print(f"{day - last + days} of {days} days", flush=True)
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="history folder of a server that does not run")
    parser.add_argument("--days", type=int, default=365, help="up to yesterday; default 365")
    parser.add_argument("--points", type=int, default=1000, help="default 1000")
    parser.add_argument("--period", type=int, default=60, metavar="S", help="default 60")
    parser.add_argument("--fast", type=int, default=0, help="points that speak every second")
    asked = parser.parse_args()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    estate = Estate(asked.points, asked.period, asked.fast)
    size = write_days(asked.folder, int(yesterday.timestamp() // 86_400), asked.days, estate)
    print(f"{size / 1e6:,.0f} MB in {asked.folder}")


if __name__ == "__main__":
    main()

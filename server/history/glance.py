"""What lies in the folder of the embedded store, without the store being opened for use."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from server.core.errors import StoreError
from server.history.damage import files_aside, wal_of
from server.history.day_file import day_of
from server.history.slices import DAY_MS
from server.history.snapshot import HOT_FILE

_LAST_DAYS = 7
_NEWEST = """
SELECT max(newest)
FROM (SELECT max(taken_at) AS newest FROM hot UNION ALL SELECT max(taken_at) FROM latest)
"""


@dataclass(frozen=True, slots=True)
class Glance:
    """Of one folder.

    Attributes:
        days: Bytes of the files of each past day, by days since 1970.
        database_bytes: Of the day and the roll-ups.
        aside: Damaged files that were moved aside.
    """

    days: dict[int, int]
    database_bytes: int
    aside: list[str]

    @property
    def oldest_ms(self) -> int | None:
        """Begin of the oldest day that has a file, UTC ms."""
        return min(self.days) * DAY_MS if self.days else None

    @property
    def bytes_per_day(self) -> float | None:
        """What a day takes by the last ones; None: there is no whole day yet."""
        if not self.days:
            return None
        last = sorted(self.days)[-_LAST_DAYS:]
        files = sum(self.days[day] for day in last) / len(last)
        return files + self.database_bytes / (max(last) - min(self.days) + 2)


def glance_at(folder: Path) -> Glance:
    """Look at names and sizes; also while a server writes there.

    Raises:
        StoreError: The folder cannot be read.
    """
    days: dict[int, int] = {}
    try:
        for path in folder.glob("*.parquet"):
            day = day_of(path)
            if day is not None:
                days[day] = days.get(day, 0) + path.stat().st_size
        hot = folder / HOT_FILE
        size = sum(one.stat().st_size for one in (hot, wal_of(hot)) if one.exists())
    except OSError as error:
        raise StoreError(f"history.path {folder}: {error.strerror}") from error
    return Glance(days, size, files_aside(folder))


def newest_in(folder: Path) -> int | None:
    """Return the newest reading in the file of a store that nobody has open, UTC ms; read only.

    Raises:
        StoreError: It is damaged, of another version, or in use.
    """
    path = folder / HOT_FILE
    if not path.exists():
        return None
    try:
        with closing(duckdb.connect(str(path), read_only=True)) as opened:
            ((newest,),) = opened.execute(_NEWEST).fetchall()
    except duckdb.Error as error:
        raise StoreError(f"{path}: {str(error).splitlines()[0]}") from error
    return None if newest is None else int(newest)

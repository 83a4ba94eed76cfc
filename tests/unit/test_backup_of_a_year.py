"""A year of a thousand points is asked, backed up, restored and verified; make test takes days."""

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from server.__main__ import cli
from server.history.duckdb import DuckHistory
from server.history.files import quote
from tests.unit.test_exchange import new_server

DAY = 86_400_000
TODAY = int(datetime.now(UTC).timestamp() * 1000) // DAY
POINTS, EVERY_MS = 1000, 900_000
PER_DAY = DAY // EVERY_MS


@pytest.mark.long
@pytest.mark.size(3, 365)
@pytest.mark.timeout(600)
def test_a_year_is_asked_backed_up_restored_and_verified(size: int, tmp_path: Path) -> None:
    old, new = new_server(tmp_path / "old"), tmp_path / "new" / "server.yaml"
    add_points(old)
    write_days(old.parent / "data" / "history", size)
    for number, said in enumerate((f"files   {size + 3}, ", f", {size} shared with the backup")):
        told = done("backup", old, tmp_path / "backups")
        assert said in told
        if number == 0:
            # Backups are named by the second.
            (made,) = (tmp_path / "backups").iterdir()
            made.rename(made.with_name("20260101T000000Z"))
    done("restore", new, tmp_path / "backups")
    readings = size * POINTS * PER_DAY
    assert f"files   {size:,}, {readings:,} readings, 0 files wrong" in done(
        "history", "verify", new
    )
    ask(new.parent / "data" / "history", size)


def ask(folder: Path, days: int) -> None:
    history = DuckHistory(folder)
    start = (TODAY - days) * DAY
    buckets = history.buckets(100, start, TODAY * DAY, days)
    assert [one.count for one in buckets] == [PER_DAY] * days
    rows = history.raw(100, TODAY * DAY - DAY, TODAY * DAY, PER_DAY + 1)
    assert [row.taken_at % EVERY_MS for row in rows] == [0] * PER_DAY
    assert len(list(history.last_values())) == POINTS
    history.close()


def add_points(file: Path) -> None:
    path = file.parent / "data" / "records.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as records, records:
        records.executemany(
            "INSERT INTO points (id, key, equipment_id, name, datatype, unit, name_en, name_zh)"
            " VALUES (?, ?, 1, ?, 10, '', '', '')",
            [(100 + n, f"east/g/pump/p{n}", f"p{n}") for n in range(POINTS)],
        )


def write_days(folder: Path, days: int) -> None:
    """Write files of past days as the server does, without the years that it takes."""
    history = DuckHistory(folder)
    with history._database.cursor() as cursor:
        for day in range(TODAY - days, TODAY):
            path = folder / f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}.parquet"
            cursor.execute(
                f"COPY (SELECT 100 + i // {PER_DAY} AS series, "  # noqa: S608 (numbers)
                f"{day * DAY}::BIGINT + i % {PER_DAY} * {EVERY_MS} AS taken_at, "
                "(i % 97) / 7 AS number, NULL::BIGINT AS integer, NULL::UBIGINT AS large, "
                "NULL::BOOLEAN AS boolean, NULL::VARCHAR AS text, 192::USMALLINT AS quality, "
                f"NULL::VARCHAR AS reason FROM range({POINTS * PER_DAY}) AS numbers(i)) "
                f"TO {quote(str(path))} (FORMAT parquet, COMPRESSION zstd)"
            )
    history.close()


def done(*words: str | Path) -> str:
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output

"""Readings of other systems are filled in: their columns, their times, their types."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from protocols.reading import Quality
from server.history.base import Row
from tests.unit.test_exchange import AT, HEAD, done, other, refused, stored

__all__ = ["other"]
# pyarrow carries no types.
_pa: Any = pa
_pq: Any = pq


def test_a_file_that_does_not_say_whose_its_readings_are_belongs_to_one_point(
    other: Path, tmp_path: Path
) -> None:
    source, key = tmp_path / "in.csv", "east/g/pump/energy"
    source.write_text("name,tags,time,value\nboiler,,1767571200123456789,7\n")
    for _ in range(2):
        done("import", other, source, "--point", key)
    assert stored(other)[2] == [Row(1_767_571_200_123, 7, Quality.GOOD, "")]
    told = refused("import", other, source, "--point", "east/g/pump/enrgy")
    assert "--point: no point 'east/g/pump/enrgy'; similar: east/g/pump/energy" in told
    source.write_text(f"{HEAD}east,g,pump,energy,{AT},7\n")
    told = refused("import", other, source, "--point", key)
    assert "column point says whose each reading is: without --point" in told


@pytest.mark.long
def test_tables_of_other_systems_are_read_as_the_point_says(other: Path, tmp_path: Path) -> None:
    text = tmp_path / "in.csv"
    text.write_text(
        "key,time,value,quality\n"
        "east/g/pump/energy,2026-01-05 08:00:00,21.0,\n"
        "east/g/pump/running,2026-01-05 08:00:00,1,\n"
        "east/g/pump/flow_temperature,2026-01-05 08:00:00,21,stale\n"
        "east/g/pump/flow_temperature,2026-01-05 08:01:00,,bad\n"
        "east/g/pump/flow_temperature,1999-01-05 08:01:00,1,good\n"
    )
    told = done("import", other, text, "--time-zone", "Asia/Shanghai")
    assert "5 rows, 1 older than the retention left out" in told
    at = 1_767_571_200_000
    found = stored(other)
    assert found[2] == [Row(at, 21, Quality.GOOD, "")]
    assert found[3] == [Row(at, value=True, quality=Quality.GOOD, reason="")]
    assert found[1] == [Row(at, 21.0, Quality.STALE, ""), Row(at + 60_000, None, Quality.BAD, "")]
    table = _pa.table(
        {
            "key": ["east/g/pump/energy", "east/g/pump/running"],
            "time": _pa.array([at + 1, at + 1], _pa.timestamp("ms", tz="UTC")),
            "value": [22.0, 1.0],
        }
    )
    path = tmp_path / "in.parquet"
    _pq.write_table(table, path)
    told = refused("import", other, path)
    assert f"{path} row 1: value: expected boolean, got 1.0" in told
    _pq.write_table(table.slice(0, 1), path)
    done("import", other, path)
    assert stored(other)[2][-1] == Row(at + 1, 22, Quality.GOOD, "")


@pytest.mark.long
def test_a_parquet_file_of_nanoseconds_and_of_local_time_is_read(
    other: Path, tmp_path: Path
) -> None:
    at = datetime(2026, 1, 5)  # noqa: DTZ001 (local time of another system)
    kinds = (_pa.timestamp("ns", "UTC"), _pa.timestamp("ns"))
    nanoseconds = [
        round(at.replace(tzinfo=UTC).timestamp()) * 10**9 + extra for extra in (7, 10**9)
    ]
    for number, kind in enumerate(kinds):
        times = _pa.array(nanoseconds, _pa.int64()).cast(kind)
        columns = {"key": ["east/g/pump/energy"] * 2, "time": times, "value": [1, 2]}
        _pq.write_table(_pa.table(columns), tmp_path / f"{number}.parquet")
        done("import", other, tmp_path / f"{number}.parquet", "--time-zone", "Asia/Shanghai")
    found = [row.taken_at - nanoseconds[0] // 10**6 for row in stored(other)[2]]
    assert found == [-28_800_000, -28_799_000, 0, 1000]
    never = _pa.table(
        {
            "key": ["east/g/pump/energy"],
            "time": _pa.array([datetime(2026, 3, 29, 2, 30)]),  # noqa: DTZ001 (as above)
            "value": [1],
        }
    )
    _pq.write_table(never, tmp_path / "never.parquet")
    told = refused("import", other, tmp_path / "never.parquet", "--time-zone", "Europe/Berlin")
    assert "never.parquet row 0: time: '2026-03-29 02:30:00' is never in Europe/Berlin" in told

"""Readings to files and back: to the last digit, once, and every wrong row by its place."""

import contextlib
import csv
import shutil
import sqlite3
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from protocols.reading import Quality, Value
from protocols.sparkplug.datatypes import DataType
from server.__main__ import cli
from server.core.errors import InvalidError
from server.exchange.cells import time_of
from server.history.base import Batch, Row
from server.history.duckdb import DuckHistory
from tests.databases import migrated_database

# pyarrow carries no types.
_pa: Any = pa
_pq: Any = pq
DAY = 86_400_000
TODAY = time.time_ns() // 1_000_000 // DAY * DAY
START = TODAY - 40 * DAY
POINTS = {
    1: ("flow_temperature", DataType.DOUBLE, "°C"),
    2: ("energy", DataType.UINT64, "Wh"),
    3: ("running", DataType.BOOLEAN, ""),
    4: ("mode", DataType.STRING, ""),
    5: ("Node Control/报警, 1#", DataType.STRING, ""),
}
EVERYTHING: list[tuple[int, int, Value, Quality, str]] = [
    (1, START, 21.1, Quality.GOOD, ""),
    (1, START + 1, 0.1 + 0.2, Quality.STALE, "silent"),
    (1, START + 2, float("inf"), Quality.GOOD, ""),
    (1, START + 3, None, Quality.BAD, 'no "answer", 线路'),
    (1, START + 4, 5e-324, Quality.GOOD, ""),
    # A, B and A again at one instant are three readings.
    (1, START + 5, 1.0, Quality.GOOD, ""),
    (1, START + 5, 2.0, Quality.GOOD, ""),
    (1, START + 5, 1.0, Quality.GOOD, ""),
    (2, START, 2**64 - 1, Quality.GOOD, ""),
    (2, START + DAY, 2**53 + 1, Quality.GOOD, ""),
    (2, START + 35 * DAY, -5, Quality.GOOD, ""),
    (3, START, True, Quality.GOOD, ""),
    (3, START + 1, False, Quality.GOOD, ""),
    (4, START, "", Quality.GOOD, ""),
    (4, START + 1, 'a "b", c\r\nd;=1+1\t', Quality.GOOD, ""),
    (5, START, "3", Quality.GOOD, ""),
]


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["history", *map(str, words)])


def done(*words: str | Path) -> str:
    result = call(*words)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: str | Path) -> str:
    result = call(*words)
    assert result.exit_code == 1, result.output
    return result.output


def new_server(folder: Path) -> Path:
    folder.mkdir()
    data = folder / "data"
    data.mkdir()
    migrated_database(data / "records.sqlite")
    with contextlib.closing(sqlite3.connect(data / "records.sqlite")) as records, records:
        records.execute("INSERT INTO sites (id, key) VALUES (1, 'east')")
        records.execute(
            "INSERT INTO gateways (id, key, site_id, online, since_at) "
            "VALUES (1, 'east/g', 1, 1, 0)"
        )
        for number, key in ((1, "east/g/pump"), (2, "east/g")):
            records.execute(
                "INSERT INTO equipment (id, key, site_id, gateway_id, equipment_class, profile, "
                "name_en, name_zh, online, since_at, reason) "
                "VALUES (?, ?, 1, 1, 'heating_pump', '', 'x', 'x', 1, 0, '')",
                (number, key),
            )
        for number, (name, datatype, unit) in POINTS.items():
            equipment = 2 if number == 5 else 1
            key = f"east/g/{name}" if number == 5 else f"east/g/pump/{name}"
            records.execute(
                "INSERT INTO points (id, key, equipment_id, name, datatype, unit, name_en, name_zh)"
                " VALUES (?, ?, ?, ?, ?, ?, 'x', 'x')",
                (number, key, equipment, name, int(datatype), unit),
            )
    file = folder / "server.yaml"
    file.write_text("data_dir: data\n")
    return file


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server that holds everything that a reading can be."""
    folder = tmp_path_factory.mktemp("exchange") / "old"
    new_server(folder)
    history = DuckHistory(folder / "data" / "history")
    batch = Batch()
    for series, at, value, quality, reason in EVERYTHING:
        batch.add(series, at, value, quality, reason)
    batch.nth[7] = 1
    history.append(batch)
    history.maintain(TODAY)
    history.close()
    return folder


@pytest.fixture
def file(old: Path, tmp_path: Path) -> Path:
    """The file of such a server, which is the test's own."""
    return shutil.copytree(old, tmp_path / "old") / "server.yaml"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A server with the same points and no readings."""
    return new_server(tmp_path / "new")


def stored(file: Path) -> dict[int, list[Row]]:
    history = DuckHistory(file.parent / "data" / "history")
    found = {series: history.raw(series, 0, TODAY + DAY, 1000) for series in POINTS}
    history.close()
    return found


def everything() -> dict[int, list[Row]]:
    return {series: [Row(*one[1:]) for one in EVERYTHING if one[0] == series] for series in POINTS}


@pytest.mark.long
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_exported_is_imported_to_the_last_digit_and_once(
    file: Path, other: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"all{suffix}"
    told = done("export", file, out)
    assert f"{out}: 16 readings of 5 points" in told
    assert "would be stored" in done("import", other, out, "--dry-run")
    assert not any(stored(other).values())
    for _ in range(2):
        assert "16 readings are in the history" in done("import", other, out)
    found = stored(other)
    assert found == everything()
    assert [type(row.value) for row in found[2]] == [int] * 3
    assert not list(tmp_path.glob("*.partial"))


def test_a_csv_says_where_when_and_of_which_type(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    done("export", file, out, "--time-zone", "Asia/Shanghai")
    assert out.read_bytes().startswith(b"\xef\xbb\xbfsite,gateway,equipment,point,time,value,type")
    with out.open(encoding="utf-8-sig", newline="") as read:
        rows = list(csv.DictReader(read))
    assert all(len(row) == 10 and None not in row.values() for row in rows)
    by_value = {row["value"]: row for row in rows}
    own = by_value["3"]
    assert (own["gateway"], own["equipment"], own["point"]) == ("g", "", POINTS[5][0])
    assert by_value["21.1"]["time"].endswith("T08:00:00.000+08:00")
    assert by_value["21.1"]["unit"] == "°C"
    bad = next(row for row in rows if row["quality"] == "bad")
    assert (bad["value"], bad["type"], bad["reason"]) == ("", "", 'no "answer", 线路')


@pytest.mark.long
def test_what_is_exported_is_chosen_by_place_name_and_time(file: Path, tmp_path: Path) -> None:
    chosen = [
        ("--point", "energy"),
        ("--point", "east/g/pump/energy", "--equipment", "east/g/pump", "--site", "east"),
    ]
    for number, options in enumerate(chosen):
        assert "3 readings of 1 points" in done(
            "export", file, tmp_path / f"{number}.csv", *options
        )
    day = time.strftime("%Y-%m-%d", time.gmtime((START + DAY) / 1000))
    told = done("export", file, tmp_path / "day.csv", "--from", day, "--point", "energy")
    assert "2 readings of 1 points" in told
    told = done("export", file, tmp_path / "before.csv", "--to", day, "--point", "energy")
    assert "1 readings of 1 points" in told
    assert "(UTC)" in told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--site", "esat"), "no site 'esat'; similar: east"),
        (("--equipment", "east/g/pmup"), "no equipment 'east/g/pmup'; similar: east/g/pump"),
        (("--point", "enrgy"), "no point 'enrgy'; similar: energy"),
        (("--point", "energy", "--equipment", "east/g"), "no point is all of that"),
        (("--from", "yesterday"), "--from: expected an instant such as"),
        (("--from", "2026-02-01", "--to", "2026-01-01"), "expected an instant after --from"),
        (("--time-zone", "Peking"), "expected a name such as Asia/Shanghai"),
    ],
)
def test_a_wrong_choice_is_told_and_no_file_is_left(
    other: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "out.csv"
    assert said in refused("export", other, out, *options)
    assert not out.exists()


def test_files_of_others_are_not_overwritten_and_have_a_known_suffix(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "there.csv").write_text("mine")
    assert "is there already" in refused("export", file, tmp_path / "there.csv")
    assert "ends in .csv or .parquet" in refused("export", file, tmp_path / "out.xlsx")
    assert "ends in .csv or .parquet" in refused("import", file, tmp_path / "in.xlsx")
    assert "cannot be read" in refused("import", file, tmp_path / "gone.csv")


HEAD = "site,gateway,equipment,point,time,value\n"
AT = "2026-01-05T00:00:00Z"
WRONG = {
    f"east,g,pump,energy,{AT},2.5\n": "2: value: expected a whole number, got '2.5'",
    f"east,g,pump,energy,{AT},18446744073709551616\n": "2: value: expected -92",
    f"east,g,pump,running,{AT},maybe\n": "2: value: expected true or false, got 'maybe'",
    f"east,g,pump,flow_temperature,{AT},warm\n": "2: value: expected a number",
    f"east,g,pump,enrgy,{AT},1\n": "2: point: no point 'east/g/pump/enrgy'; similar: east/g/pump/e",
    "east,g,pump,energy,2026-01-05 00:00,1\n": "2: time: '2026-01-05 00:00' has no offset",
    "east,g,pump,energy,05.01.2026,1\n": "2: time: expected an instant",
    "east,g,pump,energy,2096-01-05T00:00:00Z,1\n": "2: time: 2096-01-05T00:00:00.000Z has not come",
    f"east,g,pump,energy,{AT}\n": "2: value: the row ends before this column",
    f"east,g,pump,energy,{AT},1,1\n": "2: row: there are more cells than the 6 columns",
    f'east,g,pump,mode,{AT},"two\nlines"\neast,g,pump,energy,{AT},x\n': "4: value: expected",
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("text", WRONG, ids=list(WRONG.values()))
def test_a_wrong_row_is_named_and_nothing_is_stored(other: Path, tmp_path: Path, text: str) -> None:
    source = tmp_path / "in.csv"
    source.write_text(f"{HEAD}{text}east,g,pump,energy,{AT},7\n", encoding="utf-8")
    told = refused("import", other, source)
    assert f"{source}:{WRONG[text]}" in told
    assert "1 rows are wrong: nothing is stored" in told
    assert not (other.parent / "data" / "history").exists()


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("2026-03-29 02:30:00", "is never in Europe/Berlin"),
        ("2026-10-25T02:30:00", "is twice in Europe/Berlin"),
        ("2026-10-25T02:59:59.999", "is twice in Europe/Berlin: write the offset behind it"),
    ],
)
def test_an_hour_in_which_clocks_are_changed_needs_its_offset(time: str, said: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    with pytest.raises(InvalidError, match=said):
        time_of(time, berlin)
    for offset in ("+01:00", "+02:00"):
        expected = datetime.fromisoformat(time + offset).timestamp() * 1000
        assert time_of(time + offset, berlin) == round(expected)


@pytest.mark.parametrize(
    ("time", "of_utc"),
    [
        ("2026-03-29 01:59:59", "2026-03-29T00:59:59"),
        ("2026-03-29 03:00:00", "2026-03-29T01:00:00"),
        ("2026-10-25 01:59:59", "2026-10-24T23:59:59"),
        ("2026-10-25 03:00:00", "2026-10-25T02:00:00"),
    ],
)
def test_the_hours_beside_it_do_not(time: str, of_utc: str) -> None:
    assert time_of(time, ZoneInfo("Europe/Berlin")) == time_of(of_utc, ZoneInfo("UTC"))


def test_many_wrong_rows_are_counted(other: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(HEAD + f"east,g,pump,energy,{AT},x\n" * 25)
    told = refused("import", other, source)
    assert "and 5 more" in told
    assert "25 rows are wrong" in told


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (
            "time,value\n",
            "no column key (or site, gateway, equipment, point); there is time, value",
        ),
        ("key,value\n", "no column time; there is key, value"),
        ("key,time,value,value\n", "two columns have one name"),
        ("", "there is nothing"),
    ],
)
def test_a_file_with_other_columns_is_refused(
    other: Path, tmp_path: Path, head: str, said: str
) -> None:
    (tmp_path / "in.csv").write_text(head)
    assert said in refused("import", other, tmp_path / "in.csv")


def test_verify_finds_what_is_wrong_with_past_days(file: Path) -> None:
    folder = file.parent / "data" / "history"
    assert "0 files wrong" in done("verify", file)
    days = sorted(folder.glob("*.parquet"))
    broken = bytearray(days[0].read_bytes())
    broken[4:40] = b"\xff" * 36
    days[0].write_bytes(broken)
    with duckdb.connect() as database:
        read = f"SELECT * REPLACE (9 AS series) FROM read_parquet('{days[1]}')"  # noqa: S608
        database.execute(f"COPY ({read}) TO '{folder}/2020-01-01.parquet'")
    (folder / "history.duckdb.damaged-1").touch()
    told = refused("verify", file)
    assert f"wrong   {days[0].name}: cannot be read" in told
    assert "wrong   2020-01-01.parquet: holds readings of another day" in told
    assert "wrong   2020-01-01.parquet: holds readings of 1 points that nobody knows (9)" in told
    assert "aside   history.duckdb.damaged-1: was damaged" in told

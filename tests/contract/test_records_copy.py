"""The records move between databases: every row, and every number that follows."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Float,
    Table,
    create_engine,
    func,
    insert,
    inspect,
    null,
    select,
    text,
)

from protocols.reading import Value
from server.__main__ import cli
from server.assets.state_words import StateWord, StateWordsText
from server.backup.records_snapshot import RecordsSnapshot
from server.backup.tables import copy_all, is_empty
from server.core import schema
from server.core.db import Base, PointValue, table_of
from server.core.errors import ConflictError
from server.core.model import Event, Timer
from server.core.records import Records, record_event
from server.migrations.tables import METADATA
from tests.databases import POSTGRES_MARKS, empty_database

POSTGRES = pytest.param("postgresql", marks=POSTGRES_MARKS)
NAMES = ("泵房 1#", "a", "B", "é", "Z\n'\"\\")
VALUES: tuple[Value, ...] = (None, 2**64 - 1, 2**53 + 1, -1.5, True, "文")
OWN: dict[type, tuple[Any, ...]] = {
    PointValue: VALUES,
    StateWordsText: ((), (StateWord("auto", "Automatic", "自动"),)),
}
"""Values of the types that are ours."""
DOCUMENTS: tuple[Any, ...] = ({}, {"n": 2**60, "f": 0.1, "t": "文", "l": [1, None, True]}, {"b": 1})


@pytest.fixture
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[tuple[str, str]]:
    """Source and target, both empty."""
    with ExitStack() as stack:
        found: list[str] = []
        for number, kind in enumerate(request.param):
            folder = tmp_path / str(number)
            folder.mkdir()
            found.append(stack.enter_context(empty_database(kind, folder)))
        yield found[0], found[1]


both_ways = pytest.mark.parametrize(
    "urls",
    [
        ("sqlite", "sqlite"),
        pytest.param(("sqlite", "postgresql"), marks=POSTGRES_MARKS),
        pytest.param(("postgresql", "sqlite"), marks=POSTGRES_MARKS),
        pytest.param(("postgresql", "postgresql"), marks=POSTGRES_MARKS),
    ],
    indirect=True,
    ids="-".join,
)


def fill(connection: Connection) -> None:
    """Five rows into every table, with everything that its columns can hold."""
    for table in METADATA.sorted_tables:
        connection.execute(table.delete())
        for number in range(5):
            row = row_of(table, number)
            if table.name == "work_orders":
                # At equipment or in a room, never both.
                row["equipment_id" if number % 2 else "room_id"] = null()
            connection.execute(insert(table).values(row))


def row_of(table: Table, number: int) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in table.columns:
        kind = column.type
        if column.foreign_keys or (column.primary_key and kind.python_type is int):
            row[column.name] = 7 * number + 1
        elif type(kind) in OWN:
            row[column.name] = OWN[type(kind)][number % len(OWN[type(kind)])]
        elif column.nullable and number == 2:
            row[column.name] = null()
        elif isinstance(kind, JSON):
            row[column.name] = DOCUMENTS[number % len(DOCUMENTS)]
        elif isinstance(kind, Boolean):
            row[column.name] = bool(number % 2)
        elif kind.python_type is bytes:
            row[column.name] = bytes([0, 255, number])
        elif isinstance(kind, Float):
            row[column.name] = number / 3
        elif kind.python_type is int:
            row[column.name] = 1_795_000_000_000 + number
        else:
            row[column.name] = f"{NAMES[number]} {column.name}"
    return row


def filled(url: str) -> Records:
    schema.upgrade(url)
    records = Records.open(url)
    with records.engine.begin() as connection:
        fill(connection)
    return records


def test_a_process_that_only_copies_knows_every_table(tmp_path: Path) -> None:
    code = "from server.backup.tables import METADATA; print(*METADATA.tables)"
    known = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    url = f"sqlite:///{tmp_path}/records.sqlite"
    schema.upgrade(url)
    made = set(inspect(create_engine(url)).get_table_names())
    assert set(known.stdout.split()) == made - {"alembic_version"}


@both_ways
def test_every_row_of_every_table_goes_there(urls: tuple[str, str]) -> None:
    source, target = urls
    schema.upgrade(target)
    told: dict[str, int] = {}
    with filled(source) as old, Records.open(target) as new:
        copy_all(old, new, lambda table: told.update({table.name: table.rows}))
        assert told == dict.fromkeys(METADATA.tables, 5)
        for table in METADATA.sorted_tables:
            with old.engine.connect() as ours, new.engine.connect() as theirs:
                query = table.select().order_by(*table.primary_key.columns)
                rows = [sorted(map(repr, one.execute(query))) for one in (ours, theirs)]
            assert rows[0] == rows[1]
        # What is null in SQL is no null of JSON.
        nulls = [null_columns(one) for one in (old, new)]
        assert nulls[0] == nulls[1]
        # Numbers go on behind those that were taken.
        new.write(lambda s: record_event(s, at=1, topic="t", kind="k"))
        assert new.read(lambda s: s.query(Event.id).order_by(Event.id.desc()).first()) == (30,)


def null_columns(records: Records) -> dict[str, int]:
    found: dict[str, int] = {}
    with records.engine.connect() as connection:
        for table in METADATA.sorted_tables:
            for column in table.columns:
                query = select(func.count()).select_from(table).where(column.is_(null()))
                found[f"{table.name}.{column.name}"] = connection.execute(query).scalar() or 0
    return found


def test_a_row_that_reads_back_otherwise_is_no_copy(tmp_path: Path) -> None:
    source, target = (f"sqlite:///{tmp_path}/{name}" for name in ("old", "new"))
    schema.upgrade(target)
    trigger = (
        "CREATE TRIGGER spoil AFTER INSERT ON sites WHEN new.id = 8 "
        "BEGIN UPDATE sites SET name_zh = 'x' WHERE id = 8; END"
    )
    with filled(source) as old, Records.open(target) as new:
        with new.engine.begin() as connection:
            connection.execute(text(trigger))
        with pytest.raises(ConflictError, match="sites id 8, name_zh: 'a name_zh' became 'x'"):
            copy_all(old, new)
    assert is_empty(target)


@pytest.mark.parametrize("kind", ["sqlite", POSTGRES])
def test_a_snapshot_is_of_one_instant(kind: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with empty_database(kind, tmp_path / "source") as url, filled(url) as records:
        snapshot = RecordsSnapshot(url)
        records.write(lambda s: s.add(Timer(key="later", kind="k", due_at=1, payload={})))
        snapshot.write(tmp_path / "copy.sqlite")
        snapshot.close()
        assert snapshot.kind == kind
        copy = create_engine(f"sqlite:///{tmp_path}/copy.sqlite")
        with copy.connect() as connection:
            count = text("SELECT count(*) FROM timers")
            assert connection.execute(count).scalar() == 5
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        copy.dispose()
        assert sorted(one.name for one in tmp_path.iterdir()) == ["copy.sqlite", "source"]


@both_ways
def test_migrate_says_what_to_do_next_and_refuses_what_is_there(
    urls: tuple[str, str], tmp_path: Path
) -> None:
    source, target = urls
    filled(source).close()
    file = tmp_path / "server.yaml"
    file.write_text(f"data_dir: .\nrecords: {{url: '{source}'}}\n")
    words = ["migrate", str(file), "--to", target.replace("+psycopg", "")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert "table   alarms: 5 rows written and compared" in done.output
    assert "now     write into" in done.output
    again = CliRunner().invoke(cli, words)
    assert (again.exit_code, "is not empty" in again.output) == (1, True)


def test_migrate_knows_two_kinds_of_databases(tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    file.write_text("data_dir: .\n")
    done = CliRunner().invoke(cli, ["migrate", str(file), "--to", "mysql://x/y"])
    assert done.exit_code == 2
    assert "expected postgresql://" in done.output
    done = CliRunner().invoke(cli, ["migrate", str(file), "--to", "sqlite:///new"])
    assert (done.exit_code, "nothing to copy" in done.output) == (1, True)


@pytest.mark.long
@both_ways
def test_a_backup_is_restored_into_whatever_database_the_server_file_names(
    urls: tuple[str, str], tmp_path: Path
) -> None:
    source, target = urls
    files: list[Path] = []
    for number, url in enumerate(urls):
        folder = tmp_path / f"server {number}"
        folder.mkdir()
        files.append(folder / "server.yaml")
        files[-1].write_text(f"records: {{url: '{url}'}}\n")
    filled(source).close()
    for words in (("backup", files[0]), ("restore", files[1])):
        done = CliRunner().invoke(cli, [*map(str, words), str(tmp_path / "backups")])
        assert done.exit_code == 0, done.output
    assert "server.yaml, which says something else than that of the backup" in done.output
    with Records.open(source) as old, Records.open(target) as new:
        assert null_columns(new) == null_columns(old)
        assert rows_of(new, Event) == rows_of(old, Event)
        new.write(lambda s: record_event(s, at=1, topic="t", kind="k"))
    again = CliRunner().invoke(cli, ["restore", str(files[1]), str(tmp_path / "backups")])
    assert (again.exit_code, "there are records already" in again.output) == (1, True)


def rows_of(records: Records, kind: type[Base]) -> list[str]:
    query = table_of(kind).select().order_by("id")
    with records.engine.connect() as connection:
        return [repr(row) for row in connection.execute(query)]

"""What the records must do on every database."""

import sqlite3
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from server.core import schema
from server.core.errors import StoreError
from server.core.model import Event, Timer
from server.core.records import Records, record_event
from server.migrations.tables import METADATA
from server.people.service import KINDS, Kind, get_entry
from server.workorders.model import WorkOrder
from tests.databases import POSTGRES_MARKS, empty_database, migrated_database, real_steps
from tests.fakes import assets
from tests.patience import PATIENCE_S


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=POSTGRES_MARKS)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    with empty_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def records(url: str, tmp_path: Path) -> Generator[Records]:
    if url.startswith("sqlite"):
        migrated_database(tmp_path / "records.sqlite")
    else:
        schema.upgrade(url)
    with Records.open(url) as opened:
        yield opened


def add_event(session: Session, number: int = 1) -> None:
    record_event(session, at=number, topic="alarms", kind="alarm.raised", payload={"n": number})


def events(records: Records) -> list[int]:
    return records.read(lambda s: list(s.scalars(select(Event.at).order_by(Event.id))))


def test_the_migrations_make_exactly_the_tables_of_the_models(records: Records) -> None:
    with records.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


@pytest.mark.long
def test_upgrading_again_changes_nothing(url: str) -> None:
    with real_steps():
        schema.upgrade(url)
    with Records.open(url) as records:
        records.write(add_event)
    schema.upgrade(url)
    with Records.open(url) as records:
        assert events(records) == [1]


def test_a_copy_of_the_schema_is_what_the_steps_make(tmp_path: Path) -> None:
    made = {name: f"sqlite:///{tmp_path}/{name}" for name in ("copied", "stepped")}
    schema.upgrade(made["copied"])
    with real_steps():
        schema.upgrade(made["stepped"])
    found: list[list[str]] = []
    for name in made:
        with closing(sqlite3.connect(tmp_path / name)) as database:
            dump = "\n".join(database.iterdump())
        # In which order a table names its constraints is no matter.
        found.append(sorted(line.strip(" \t,") for line in dump.splitlines()))
    assert found[0] == found[1]


def test_what_is_written_is_read_and_times_are_exact(records: Records) -> None:
    at = 2**53 + 1

    def write(session: Session) -> None:
        session.add(Timer(key="t", kind="k", due_at=at, payload={"zh": "水泵", "n": [1, None]}))

    records.write(write)
    timer = records.read(lambda session: session.get_one(Timer, "t"))
    assert (timer.due_at, timer.payload) == (at, {"zh": "水泵", "n": [1, None]})


def test_a_failing_transaction_leaves_nothing_and_tells_nobody(records: Records) -> None:
    heard: list[int] = []
    records.listen(lambda found: heard.extend(event.at for event in found))

    def fail(session: Session) -> None:
        add_event(session)
        session.flush()
        message = "after the event"
        raise ValueError(message)

    with pytest.raises(ValueError, match="after the event"):
        records.write(fail)
    assert events(records) == []
    assert heard == []


def test_listeners_hear_of_committed_events_in_order_with_their_ids(records: Records) -> None:
    heard: list[tuple[int, int, str]] = []
    records.listen(
        lambda found: heard.extend(
            (event.id, event.at, threading.current_thread().name) for event in found
        )
    )
    for number in range(3):
        records.write(lambda session, number=number: add_event(session, number))
    assert [at for _, at, _ in heard] == [0, 1, 2]
    assert [number for number, _, _ in heard] == sorted({number for number, _, _ in heard})
    assert all(name.startswith("records-writer") for _, _, name in heard)


def test_writers_of_many_threads_lose_nothing(records: Records) -> None:
    with ThreadPoolExecutor(8) as threads:
        for number in range(200):
            threads.submit(records.write, lambda s, number=number: add_event(s, number))
    assert sorted(events(records)) == list(range(200))


async def test_what_need_not_wait_for_the_disk_is_committed_all_the_same(records: Records) -> None:
    await records.write_async(add_event, durable=False)
    assert events(records) == [1]
    await records.write_async(lambda session: add_event(session, 2))
    assert events(records) == [1, 2]


async def test_writing_and_reading_from_the_event_loop(records: Records) -> None:
    await records.write_async(add_event)
    assert await records.read_async(lambda s: s.scalar(select(func.count(Event.id)))) == 1


def test_reading_does_not_wait_for_the_writer(records: Records) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        add_event(session)
        session.flush()
        entered.set()
        leave.wait(PATIENCE_S)

    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(records.write, slow)
        entered.wait(PATIENCE_S)
        before = events(records)
        leave.set()
        writing.result()
    assert before == []
    assert events(records) == [1]


def order(equipment_id: int, closed_at: int | None = None) -> WorkOrder:
    return WorkOrder(
        site_id=1,
        equipment_id=equipment_id,
        incident_id=None,
        cause="pump",
        trade="heating",
        severity="high",
        life_safety=False,
        title_en="Pump",
        title_zh="水泵",
        state="open",
        assignee=None,
        opened_at=1,
        on_site_due_at=None,
        closed_at=closed_at,
    )


def add_equipment(session: Session) -> int:
    return assets.add_equipment(session, "s/g/d", at=1).id


def test_a_second_open_work_order_of_a_cause_is_impossible(records: Records) -> None:
    equipment = records.write(add_equipment)
    records.write(lambda session: session.add(order(equipment, closed_at=5)))
    records.write(lambda session: session.add(order(equipment)))
    with pytest.raises(IntegrityError):
        records.write(lambda session: session.add(order(equipment)))
    records.write(lambda session: session.add(order(equipment, closed_at=6)))
    assert records.read(lambda s: s.scalar(select(func.count(WorkOrder.id)))) == 3


def test_a_reference_to_nothing_is_refused(records: Records) -> None:
    with pytest.raises(IntegrityError):
        records.write(lambda session: session.add(order(4711)))


def test_a_database_that_cannot_be_opened_is_an_error_of_the_store(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/no/such/folder/records.sqlite"
    with Records.open(url) as records, pytest.raises(StoreError):
        records.read(lambda session: session.execute(text("SELECT 1")))
    with pytest.raises(StoreError):
        schema.upgrade(url)


def test_a_file_that_is_no_database_is_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError):
        schema.upgrade(f"sqlite:///{tmp_path}/records.sqlite")


def test_a_damaged_page_is_an_error_of_the_store_that_says_what_helps(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite"
    url = f"sqlite:///{file}"
    schema.upgrade(url)
    with Records.open(url) as records:
        for number in range(50):
            records.write(lambda session, number=number: add_event(session, number))
    with file.open("r+b") as damaged:
        for page in range(1, file.stat().st_size // 4096):
            damaged.seek(page * 4096)
            damaged.write(b"\xff" * 100)
    with Records.open(url) as records, pytest.raises(StoreError, match=r"damaged.*put back a copy"):
        records.read(lambda session: list(session.scalars(select(Event))))
    with pytest.raises(StoreError, match=r"records\.sqlite cannot be made: .*malformed"):
        schema.upgrade(url)


def test_two_processes_that_read_before_they_write_wait_for_each_other(url: str) -> None:
    """A reader that became a writer would be refused at once when somebody wrote in between."""
    schema.upgrade(url)

    def count_up(records: Records) -> None:
        def work(session: Session) -> None:
            known = session.scalar(select(func.count(Event.id))) or 0
            add_event(session, known)

        for _ in range(20):
            records.write(work)

    with Records.open(url) as one, Records.open(url) as other, ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(count_up, one), pool.submit(count_up, other)]:
            done.result()
        assert len(events(one)) == 40


def test_closing_twice_is_allowed(records: Records) -> None:
    records.close()
    records.close()


def test_who_only_reads_sees_what_is_committed_and_changes_nothing(
    url: str, records: Records
) -> None:
    with Records.open(url, read_only=True) as reader:
        for number in (1, 2):
            records.write(lambda session, number=number: add_event(session, number))
            assert events(reader) == list(range(1, number + 1))
        with pytest.raises((StoreError, DBAPIError)):
            reader.write(add_event)
    assert events(records) == [1, 2]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.field)
def test_who_only_reads_reads_every_entry(url: str, records: Records, kind: Kind[Any]) -> None:
    row = {"key": "one", "body": {}, "version": 1, "changed_at": 1, "changed_by": "x"}
    records.write(lambda session: session.add(kind.table(**row)))
    with Records.open(url, read_only=True) as reader:
        assert reader.read(lambda session: get_entry(session, kind, "one").version) == 1

"""Records that several processes share on PostgreSQL: turns, news of others, leases of shards."""

import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core import postgres, schema
from server.core.errors import ServerError
from server.core.lease import held_shards, hold_shard
from server.core.model import Event, SignOfLife
from server.core.records import Records, record_event
from server.core.shard import Shard
from server.core.timers import due_timers, set_timer, take_timer
from server.messages.claims import claim_due
from server.messages.queue import enqueue
from tests.databases import POSTGRES_MARKS, empty_database
from tests.fakes.agent_clock import FakeClock
from tests.patience import PATIENCE_S, until

pytestmark = list(POSTGRES_MARKS)
T = TypeVar("T")
NOW = 1_795_000_000_000


@pytest.fixture
def url(tmp_path: Path) -> Generator[str]:
    with empty_database("postgresql", tmp_path) as url:
        schema.upgrade(url)
        yield url


def add_event(session: Session, at: int) -> None:
    record_event(session, at=at, topic="alarms", kind="alarm.raised")


def test_one_writes_at_a_time_so_ids_are_in_the_order_of_commits(url: str) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        assert session.scalars(select(Event.at)).all() == []
        add_event(session, 1)
        inside.set()
        assert go_on.wait(PATIENCE_S)

    with (
        Records.open(url) as one,
        Records.open(url) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        first = pool.submit(one.write, slow)
        assert inside.wait(PATIENCE_S)
        second = pool.submit(other.write, lambda session: add_event(session, 2))
        with pytest.raises(TimeoutError):
            second.result(0.2)
        # Who reads waits for nobody.
        assert other.read(lambda session: session.scalars(select(Event.at)).all()) == []
        go_on.set()
        first.result(PATIENCE_S)
        second.result(PATIENCE_S)
        rows = select(Event.at).order_by(Event.id)
        assert other.read(lambda session: session.scalars(rows).all()) == [1, 2]


@pytest.fixture
def processes(url: str) -> Generator[list[Records]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Records.open(url)) for _ in range(4)]


def at_once(processes: list[Records], work: Callable[[Records], list[T]]) -> list[T]:
    """Let all do the same at the same time; return what each of them got."""
    with ThreadPoolExecutor(len(processes)) as pool:
        return [one for found in pool.map(work, processes) for one in found]


def test_what_is_read_and_changed_by_several_loses_nothing(processes: list[Records]) -> None:
    processes[0].write(lambda session: session.add(SignOfLife(process="counter", at=0)))

    def count(session: Session) -> None:
        row = session.get_one(SignOfLife, "counter")
        row.at += 1

    at_once(processes, lambda records: [records.write(count) for _ in range(25)])
    rows = select(SignOfLife.at)
    assert processes[0].read(lambda session: session.scalars(rows).all()) == [100]


def test_messages_and_timers_are_each_taken_by_one(processes: list[Records]) -> None:
    def add(session: Session) -> None:
        for number in range(40):
            set_timer(session, f"t{number}", kind="test", due_at=NOW, payload={})
            enqueue(
                session,
                key=f"m{number}",
                channel="webhook",
                receiver="ops",
                kind="test",
                severity="high",
                incident_id=None,
                payload={},
                now=NOW,
            )

    def claim(records: Records) -> list[int]:
        work = partial(claim_due, now=NOW, lease_ms=60_000, limit=3, worker=str(id(records)))
        found: list[int] = []
        while claimed := records.write(work):
            found += [message.id for message in claimed]
        return found

    def take(records: Records) -> list[str]:
        timers = records.read(partial(due_timers, now=NOW))
        return [one.key for one in timers if records.write(partial(take_timer, timer=one))]

    processes[0].write(add)
    claimed, taken = at_once(processes, claim), at_once(processes, take)
    assert (len(claimed), len(set(claimed))) == (40, 40)
    assert sorted(taken) == sorted(f"t{number}" for number in range(40))


def test_what_others_commit_is_heard_and_what_this_one_does_is_not_heard_twice(url: str) -> None:
    heard = queue.Queue[int]()
    with Records.open(url) as records, Records.open(url) as other:
        records.listen(lambda events: heard.put(len(events)))
        with records.hear_others():
            assert heard.get(timeout=PATIENCE_S) == 0  # it looks once when it begins to hear
            records.write(lambda session: add_event(session, 1))
            assert heard.get(timeout=PATIENCE_S) == 1
            other.write(lambda session: add_event(session, 2))
            assert heard.get(timeout=PATIENCE_S) == 0
    assert heard.empty()


def test_a_connection_that_is_lost_is_made_again_and_looked_through(url: str) -> None:
    heard = queue.Queue[None]()
    with postgres.CommitWatch(url, lambda: heard.put(None), but=""):
        heard.get(timeout=PATIENCE_S)
        with postgres.connect(url, "test") as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'plantroom commits'"
            )
        heard.get(timeout=PATIENCE_S)


def test_a_shard_is_held_by_one_and_all_divide_alike(url: str) -> None:
    clock = FakeClock()
    with hold_shard(url, Shard(1, 2), clock), hold_shard(url, Shard(2, 2), clock):
        for shard, why in (
            (
                Shard(2, 2),
                r"shard 2/2 is ingested .* already \(plantroom ingest 2/2 on .*process \d",
            ),
            (Shard(1, 3), r"another process divides the sites differently \(plantroom ingest"),
            (Shard(1, 1), r"another process divides the sites differently"),
        ):
            with pytest.raises(ServerError, match=why), hold_shard(url, shard, clock):
                pass
    # What is given back may be taken by whoever comes next, once the database knows it.
    until(lambda: not held_shards(url))
    with hold_shard(url, Shard(1, 1), clock):
        pass


def test_a_lease_is_taken_again_after_the_database_was_away_or_lost_to_another(url: str) -> None:
    clock = FakeClock()
    with hold_shard(url, Shard(1, 2), clock) as lease:
        end_sessions(url)
        lease._look()
        with pytest.raises(ServerError, match="already"), hold_shard(url, Shard(1, 2), clock):
            pass
        end_sessions(url)
        with hold_shard(url, Shard(1, 2), clock), pytest.raises(ServerError, match="already"):
            lease._look()


def end_sessions(url: str) -> None:
    with postgres.connect(url, "test") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE 'plantroom ingest%'"
        )
    with pytest.raises(psycopg.OperationalError), postgres.connect(url, "test") as connection:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

"""Messages to one place: found among those under way, however many have left."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from server.messages.digests import new_of_incident, new_of_keys, parts_of
from server.messages.model import Message
from server.messages.queue import enqueue
from tests.databases import open_records

NOW = 1_000


def write(session: Session, key: str, *, now: int = NOW, **more: Any) -> None:
    enqueue(
        session,
        key=key,
        channel="webhook",
        receiver="duty",
        kind="flood",
        severity="high",
        incident_id=None,
        payload={},
        now=now,
        **more,
    )


def test_what_was_written_just_now_is_found_by_its_key(tmp_path: Path) -> None:
    with open_records(tmp_path) as records:

        def work(session: Session) -> list[str]:
            write(session, "digest/1_/a")
            write(session, "digest/1_/b", not_before=NOW + 500)
            write(session, "digest/12/c")
            write(session, "digest/1_/old", now=NOW - 1, not_before=NOW + 500)
            return [row.key for row in new_of_keys(session, "digest/1_/", now=NOW)]

        assert records.write(work) == ["digest/1_/a", "digest/1_/b"]


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "find",
    [
        lambda session: new_of_keys(session, "digest/1/", now=NOW),
        lambda session: new_of_incident(session, 1, now=NOW),
        lambda session: parts_of(session, Message(id=1)),
    ],
    ids=["keys", "incident", "parts"],
)
def test_nothing_looks_through_all_messages(
    tmp_path: Path, find: Callable[[Session], object]
) -> None:
    asked: list[tuple[str, Any]] = []
    with open_records(tmp_path) as records:

        def note(_c: object, _k: object, statement: str, values: Any, *_: object) -> None:
            if statement.startswith("SELECT messages"):
                asked.append((statement, values))

        event.listen(records.engine, "before_cursor_execute", note)
        records.read(find)
        [(statement, values)] = asked
        plan = records.read(
            lambda session: (
                session.connection()
                .exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                .all()
            )
        )
    assert not [row for row in plan if "SCAN" in row[-1]]

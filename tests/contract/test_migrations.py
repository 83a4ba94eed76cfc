"""Steps of the schema that carry over what the records hold."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import IntegrityError

from server.core.errors import StoreError
from server.core.records import Records
from server.core.schema import alembic_config, upgrade
from tests.databases import POSTGRES_MARKS, empty_database, real_steps

WORDS = {"name_en": "x", "name_zh": "x"}


@pytest.fixture(autouse=True)
def steps() -> Generator[None]:
    with real_steps():
        yield


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=POSTGRES_MARKS)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Engine]:
    with empty_database(request.param, tmp_path) as url:
        engine = create_engine(url)
        yield engine
        engine.dispose()


def to(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), revision)


def put(engine: Engine, table: str, **values: object) -> None:
    columns, names = ", ".join(values), ", ".join(f":{name}" for name in values)
    with engine.begin() as connection:
        statement = text(f"INSERT INTO {table} ({columns}) VALUES ({names})")  # noqa: S608
        connection.execute(statement, values)


def put_equipment(engine: Engine) -> None:
    put(engine, "sites", id=1, key="e")
    put(engine, "gateways", id=1, key="e/g", site_id=1, online=True, since_at=0)
    put(
        engine,
        "equipment",
        **WORDS,
        id=1,
        key="e/g/p",
        site_id=1,
        gateway_id=1,
        profile="",
        reason="",
        equipment_class="pump",
        online=True,
        since_at=0,
    )


def put_order(engine: Engine, **values: object) -> None:
    words = {"trade": "heating", "life_safety": False, "title_en": "x", "title_zh": "x"}
    known = {"equipment_id": 1, "cause": "c", "severity": "high", "state": "open", "opened_at": 1}
    put(engine, "work_orders", **(words | known | {"version": 1} | values))


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.mark.long
def test_what_was_announced_and_hidden_before_is_known_afterwards(engine: Engine) -> None:
    to(engine, "0005")
    put_equipment(engine)
    put(
        engine,
        "points",
        **WORDS,
        id=1,
        key="e/g/p/x",
        equipment_id=1,
        name="x",
        datatype=1,
        unit="",
    )
    for number, announced_at, suppressed_by in ((1, 50, None), (2, None, "gateway:e/g")):
        put(
            engine,
            "alarms",
            **WORDS,
            id=number,
            rule=f"r{number}",
            point_id=1,
            equipment_id=1,
            cause="c",
            severity="low",
            active_since_at=40,
            raised_at=45,
            activations=1,
            onset_value="1",
            onset_quality=1,
            life_safety=False,
            active=True,
            announced_at=announced_at,
            suppressed_by=suppressed_by,
        )
    put(
        engine,
        "alarm_rule_versions",
        id=7,
        rule="r",
        scope="class",
        target="",
        version=1,
        at=1,
        by="li",
        reason="",
    )
    to(engine, "head")
    assert rows(engine, "SELECT alarm_id, at, severity FROM alarm_announcements") == [
        (1, 50, "low")
    ]
    assert rows(engine, "SELECT alarm_id, kind, comment, at FROM alarm_changes") == [
        (2, "suppressed", "gateway:e/g", 40)
    ]
    assert rows(engine, "SELECT changes FROM alarm_rule_counter") == [(7,)]


@pytest.mark.long
def test_deferred_calls_activity_and_gaps_keep_what_they_hold(engine: Engine) -> None:
    to(engine, "0014")
    put_equipment(engine)
    incident = {"equipment_id": 1, "severity": "high", "title_en": "x", "title_zh": "x"}
    put(engine, "incidents", id=1, cause="a", opened_at=1, call_owed_at=7, **incident)
    put(engine, "incidents", id=2, cause="b", opened_at=1, moving_since_at=8, **incident)
    for number, body in enumerate(('{"accept_holes": true, "name": "N"}', '{"name": "O"}'), 1):
        put(
            engine,
            "rosters",
            id=number,
            key=f"r{number}",
            body=body,
            version=3,
            changed_at=1,
            changed_by="li",
        )
    to(engine, "head")
    columns = "SELECT {}, {} FROM incidents ORDER BY id"
    kept = [(7, None), (None, 8)]
    assert rows(engine, columns.format("deferred_call_at", "activity_since_at")) == kept
    bodies = [one[0] for one in rows(engine, "SELECT body FROM rosters ORDER BY id")]
    assert [as_json(one) for one in bodies] == [
        {"accept_gaps": True, "name": "N"},
        {"name": "O"},
    ]
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0014")
    assert rows(engine, columns.format("call_owed_at", "moving_since_at")) == kept
    (first, _) = [one[0] for one in rows(engine, "SELECT body FROM rosters ORDER BY id")]
    assert as_json(first) == {"accept_holes": True, "name": "N"}


def as_json(value: object) -> object:
    """PostgreSQL's driver reads JSON by itself."""
    return json.loads(value) if isinstance(value, str) else value


@pytest.mark.long
def test_logins_and_tokens_of_before_keep_their_role_without_limits(engine: Engine) -> None:
    to(engine, "0016")
    put(engine, "users", id=1, name="a", password_hash="x", role="viewer", created_at=0)
    put(engine, "tokens", id=1, name="t", token_hash="h", user_id=1, created_at=0)
    to(engine, "0017")
    assert rows(engine, "SELECT role, sites, classes, equipment, person FROM users") == [
        ("viewer", None, None, None, None)
    ]
    assert rows(engine, "SELECT permissions, expires_at FROM tokens") == [(None, None)]


@pytest.mark.long
def test_lines_of_orders_say_what_they_are_and_orders_know_their_estate(engine: Engine) -> None:
    to(engine, "0015")
    put_equipment(engine)
    put_order(engine, id=1, severity="urgent", state="accepted")
    for number, (before, after, by, reason) in enumerate(
        (
            (None, "open", "plantroom", "high"),
            ("open", "open", "plantroom", "urgent"),
            ("open", "dispatched", "li", None),
            ("dispatched", "dispatched", "li", None),
            ("dispatched", "accepted", "wang", None),
            ("accepted", "accepted", "plantroom", None),
        ),
        1,
    ):
        put(
            engine,
            "work_order_events",
            id=number,
            work_order_id=1,
            at=number,
            from_state=before,
            to_state=after,
            by=by,
            reason=reason,
        )
    to(engine, "head")
    kinds = [one[0] for one in rows(engine, "SELECT kind FROM work_order_events ORDER BY id")]
    assert kinds == ["opened", "severity", "step", "step", "step", "note"]
    assert rows(engine, "SELECT site_id, repeat_failures FROM work_orders") == [(1, 0)]
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0015")
    assert rows(engine, "SELECT id, state FROM work_orders") == [(1, "accepted")]


def test_names_that_were_written_freely_become_assignees_of_the_records(engine: Engine) -> None:
    to(engine, "0019")
    put_equipment(engine)
    entry = {"version": 1, "changed_at": 1, "changed_by": "li"}
    for number, (key, body) in enumerate(
        (
            ("wang", '{"name": "王伟", "role": "engineer"}'),
            ("lifts", '{"name": "Lifts", "role": "contractor"}'),
        ),
        1,
    ):
        put(engine, "persons", id=number, key=key, body=body, **entry)
    put(engine, "users", id=1, name="anna", password_hash="x", role="viewer", created_at=0)
    put(
        engine,
        "users",
        id=2,
        name="ww",
        password_hash="x",
        role="viewer",
        created_at=0,
        person="wang",
    )
    names = (None, "wang", "王伟", "Lifts", "anna", "ww", "the tall one")
    for number, name in enumerate(names, 1):
        about = {"site_id": 1, "trade": "lift", "repeat_failures": 0}
        put_order(engine, **about, id=number, cause=f"c{number}", assignee=name)
    to(engine, "head")
    found = rows(engine, "SELECT assignee, assignee_kind FROM work_orders ORDER BY id")
    assert found == [
        (None, None),
        ("wang", "person"),
        ("wang", "person"),
        ("lifts", "contractor"),
        ("anna", "user"),
        ("wang", "person"),
        ("the tall one", "former"),
    ]


@pytest.mark.long
def test_commands_from_before_emergency_plans_wait_for_no_second_person(engine: Engine) -> None:
    to(engine, "0020")
    put_equipment(engine)
    words = {"key": "e/g/p/x", "name": "x", "datatype": 1, "unit": "", "writable": True}
    put(engine, "points", **WORDS, **words, id=1, equipment_id=1)
    times = {"asked_at": 1, "expires_at": 2, "due_at": 1}
    about = {"point_id": 1, "equipment_id": 1, "value": "1", "reason": "x", "asked_by": "li"}
    put(engine, "commands", **times, **about, id=1, key="k", state="asked", refusal="")
    to(engine, "0021")
    asked = "SELECT state, confirmed_by, confirmed_at FROM commands WHERE id = 1"
    assert rows(engine, asked) == [("asked", None, None)]
    put(engine, "commands", **times, **about, id=2, key="p", state="proposed", refusal="")
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0020")
    assert rows(engine, "SELECT state FROM commands ORDER BY id") == [("asked",), ("expired",)]


def put_order_with_evidence(engine: Engine) -> None:
    """An order of before it knew its estate, which an alarm and lines refer to."""
    to(engine, "0015")
    put_equipment(engine)
    words = {"key": "e/g/p/x", "name": "x", "datatype": 1, "unit": ""}
    put(engine, "points", **WORDS, **words, id=1, equipment_id=1)
    times = {"active_since_at": 1, "raised_at": 1, "activations": 1}
    onset = {"onset_value": "1", "onset_quality": 1, "life_safety": False, "active": True}
    about = {"rule": "r", "point_id": 1, "equipment_id": 1, "cause": "c", "severity": "high"}
    put(engine, "alarms", **WORDS, **times, **onset, **about, id=1)
    put_order(engine, id=1)
    put(engine, "work_order_evidence", work_order_id=1, alarm_id=1, added_at=1)
    line = {"work_order_id": 1, "at": 1, "to_state": "open", "by": "plantroom"}
    put(engine, "work_order_events", **line, id=1)


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


@pytest.mark.long
def test_tables_that_others_refer_to_are_made_anew_when_the_server_starts(engine: Engine) -> None:
    put_order_with_evidence(engine)
    upgrade(url_of(engine))
    joined = (
        "SELECT work_orders.site_id, alarm_id, kind FROM work_orders "
        "JOIN work_order_evidence ON work_order_evidence.work_order_id = work_orders.id "
        "JOIN work_order_events ON work_order_events.work_order_id = work_orders.id"
    )
    assert rows(engine, joined) == [(1, 1, "opened")]
    # At most one order of a cause is open, as before the table was made anew; any number is over.
    about = {"site_id": 1, "repeat_failures": 0, "state": "closed", "closed_at": 2}
    put_order(engine, **about, id=2)
    put_order(engine, **about, id=3)
    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        put_order(engine, site_id=1, repeat_failures=0, id=4)
    with (
        Records.open(url_of(engine)) as records,
        pytest.raises(IntegrityError, match=r"(?i)foreign"),
    ):
        records.write(lambda session: session.execute(text("DELETE FROM work_orders")))


@pytest.mark.long
def test_a_row_that_refers_to_none_is_named_and_no_step_is_taken(tmp_path: Path) -> None:
    with empty_database("sqlite", tmp_path) as url:
        engine = create_engine(url)
        put_order_with_evidence(engine)
        # Without the foreign keys that every connection of the server has.
        put(engine, "work_order_evidence", work_order_id=9, alarm_id=1, added_at=1)
        with pytest.raises(StoreError, match="work_order_evidence refers to a row of work_orders"):
            upgrade(url)
        assert rows(engine, "SELECT version_num FROM alembic_version") == [("0015",)]
        engine.dispose()


@pytest.mark.long
def test_tries_that_count_still_go_on_counting(engine: Engine) -> None:
    to(engine, "0030")
    put(engine, "login_tries", key="name li", free_at=5)
    to(engine, "0031")
    assert rows(engine, "SELECT key, free_at FROM tries") == [("name li", 5)]

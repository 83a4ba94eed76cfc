"""Steps of the schema that carry over what the records hold."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, text

from server.core.schema import alembic_config
from tests.databases import POSTGRES_MARKS, empty_database

WORDS = {"name_en": "x", "name_zh": "x"}


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


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


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

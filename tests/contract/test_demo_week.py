"""The week before the first start of the demo: made by the server's own code, and over by then."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.load_server import load_people, load_server
from plantroom import demo_files
from plantroom.week.happenings import HAPPENINGS
from plantroom.week.write import DAYS, Week, write_week
from server.alarms.model import Alarm
from server.assets.model import Point
from server.core.clock import SystemClock
from server.core.records import Records
from server.core.schema import upgrade
from server.history.opening import open_history
from server.history.series_tags import UNKNOWN
from server.incidents.model import Incident, IncidentStep
from server.messages.model import UNDER_WAY, Message
from server.people.service import import_people
from server.workorders.model import WorkOrder
from simulators.estate import load_estate

DAY_MS = 86_400_000
NOON = 1_795_953_600_000
"""2026-11-29."""
PORTS = demo_files.Ports(1, 2, 3, 4)


def made(folder: Path, until_ms: int) -> tuple[Week, list[int], Path]:
    demo_files.load_secrets(folder)
    file = demo_files.write_server_file(folder, PORTS, {})
    settings = load_server(file)
    settings.data_dir.mkdir()
    upgrade(settings.records.url)
    with Records.open(settings.records.url) as records:
        people = load_people(demo_files.write_people_file(folder))
        records.write(lambda session: import_people(session, people, by="li", now=until_ms))
    days: list[int] = []
    estate = load_estate(demo_files.write_estate_file(folder))
    week = write_week(settings, estate, until_ms=until_ms, progress=days.append)
    return week, days, file


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.parametrize("hour", [0, 9, 16])
def test_the_week_is_over_when_the_demo_begins(tmp_path: Path, hour: int) -> None:
    """At whatever time of day: lifts travel and rooms cool by the clock."""
    now = NOON + hour * 3_600_000
    week, days, file = made(tmp_path, now)
    assert days == sorted(days)
    assert days[-1] == DAYS
    assert week.happenings == len(HAPPENINGS)
    settings = load_server(file)

    def look(session: Session) -> int:
        def count(table: type, *where: object) -> int:
            return session.scalar(select(func.count()).select_from(table).where(*where)) or 0  # type: ignore[arg-type]

        assert count(Alarm) >= len(HAPPENINGS)
        assert count(Alarm, Alarm.closed_at.is_(None)) == 0
        assert count(Incident, Incident.closed_at.is_(None)) == 0
        # People were called, and nobody will be called about it a week later.
        assert count(IncidentStep) >= len(HAPPENINGS)
        assert count(Message) > len(HAPPENINGS)
        assert count(Message, UNDER_WAY) == 0
        states = session.execute(
            select(WorkOrder.state, func.count()).group_by(WorkOrder.state)
        ).all()
        assert {state for state, _ in states} == {"closed", "completed", "cancelled"}
        assert session.scalar(select(func.max(WorkOrder.repeat_failures))) == 1
        opened = session.scalars(select(WorkOrder.opened_at)).all()
        assert now - DAYS * DAY_MS <= min(opened) <= max(opened) < now
        key = "riverside/gw-1/pump-3/frequency"
        return session.scalars(select(Point.id).where(Point.key == key)).one()

    with Records.open(settings.records.url) as records:
        point = records.read(look)
    history = open_history(
        settings.history,
        describe=lambda _: UNKNOWN,
        clock=SystemClock(),
        metrics=CollectorRegistry(),
    )
    try:
        rows = history.raw(point, now - DAYS * DAY_MS, now, 100_000)
    finally:
        history.close()
    assert len(rows) > DAYS * 144
    assert sum(row.value == 0 for row in rows) > 50  # it stood still twice

"""Two servers on one database: one incident, and nobody waits for the other for ever."""

import threading
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from server.alarms.model import Alarm
from server.core.errors import StoreError
from server.core.records import Records
from server.incidents.model import Incident
from server.incidents.service import join_incident, lock_open
from server.workorders.model import WorkOrder
from server.workorders.service import transition
from tests.contract.chain.conftest import NewUrl
from tests.databases import POSTGRES
from tests.fakes.house import House
from tests.patience import PATIENCE_S

WRITERS = 4


@pytest.fixture
def others(house: House) -> Generator[list[Records]]:
    opened = [Records.open(house.url) for _ in range(WRITERS)]
    yield opened
    for one in opened:
        one.close()


def unattached(session: Session) -> list[int]:
    """Alarms of one cause that belong to no incident yet."""
    (known,) = session.scalars(select(Alarm))
    columns = {
        column.key: getattr(known, column.key)
        for column in Alarm.__table__.columns
        if column.key != "id"
    }
    alarms = [
        Alarm(**columns | {"rule": f"pump.other{n}", "incident_id": None, "cause": "other"})
        for n in range(WRITERS)
    ]
    session.add_all(alarms)
    session.flush()
    return [one.id for one in alarms]


def test_alarms_of_one_cause_at_the_same_moment_are_one_incident(
    house: House, others: list[Records]
) -> None:
    house.see("temperature", 85.0, 0)
    alarms = house.do(unattached)
    together = threading.Barrier(WRITERS)

    def join(records: Records, alarm_id: int) -> bool:
        def work(session: Session) -> bool:
            alarm = session.get_one(Alarm, alarm_id)
            return join_incident(session, alarm, now=house.clock.now_ms()).opened

        together.wait()
        # Two processes on one SQLite file may have to try again, as the sweep does.
        while True:
            try:
                return records.write(work)
            except StoreError:
                continue

    with ThreadPoolExecutor(WRITERS) as pool:
        opened = list(pool.map(join, others, alarms))
    assert sorted(opened) == [False] * (WRITERS - 1) + [True]
    (incident,) = [one for one in house.all(Incident) if one.cause == "other"]
    joined = {one.incident_id for one in house.all(Alarm) if one.id in alarms}
    assert joined == {incident.id}


@pytest.mark.postgres
@pytest.mark.skipif(not POSTGRES, reason="PLANTROOM_TEST_POSTGRES is not set")
def test_an_alarm_and_a_step_of_the_order_never_wait_for_each_other(
    postgres_urls: NewUrl,
) -> None:
    house = House(postgres_urls())
    house.see("fault", value=True, at=0)
    (incident,), (order,) = house.all(Incident), house.all(WorkOrder)
    other = Records.open(house.url)

    def step(session: Session) -> str:
        return transition(
            session, order.id, to="accepted", by="wang", now=house.clock.now_ms()
        ).state

    def waits() -> bool:
        with other.engine.connect() as connection:
            blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            return bool(connection.scalar(text(blocked)))

    with ThreadPoolExecutor(1) as pool:

        def alarm_first(session: Session) -> Future[str]:
            lock_open(session, incident.equipment_id, incident.cause)
            stepping = pool.submit(other.write, step)
            while not waits():
                assert not stepping.done()
            # As a further alarm of the incident does it; the step must not hold the order yet.
            session.get_one(WorkOrder, order.id, with_for_update=True)
            return stepping

        stepping = house.do(alarm_first)
        assert stepping.result(timeout=PATIENCE_S) == "accepted"
    other.close()
    house.records.close()

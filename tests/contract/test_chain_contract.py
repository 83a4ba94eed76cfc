"""One sample that matters: alarm, incident, order and messages, exactly one of each, anywhere."""

import os
import shutil
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, func, make_url, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from config.server import MessageSettings, WebhookSettings
from protocols.reading import Quality, Value
from server.alarms.engine import AlarmEngine
from server.alarms.model import Alarm, AlarmChange
from server.alarms.service import changes_of, comment, list_alarms
from server.assets.model import Equipment
from server.assets.series import Series
from server.chain import TIMER_KINDS, Chain
from server.core import schema
from server.core.errors import InvalidError, NotFoundError, StoreError
from server.core.model import Event, Message, Timer
from server.core.records import Records
from server.core.timers import due_timers
from server.incidents.model import Incident
from server.incidents.service import acknowledge, alarms_of, list_incidents
from server.jobs.timers import TimerSweep
from server.workorders.model import WorkOrder, WorkOrderEvidence
from server.workorders.service import (
    StaleVersionError,
    allowed_states,
    events_of,
    evidence_of,
    list_orders,
    transition,
)
from tests.fakes.agent_clock import FakeClock
from tests.fakes.pump_room import CLASSES, install, sample

POSTGRES = os.environ.get("PLANTROOM_TEST_POSTGRES")
MINUTE = 60_000


NewUrl = Callable[[], str]


@pytest.fixture(scope="module")
def sqlite_urls(tmp_path_factory: pytest.TempPathFactory) -> NewUrl:
    """Each call gives a fresh file; the schema is built once."""
    folder = tmp_path_factory.mktemp("chain")
    schema.upgrade(f"sqlite:///{folder}/template")

    def new() -> str:
        path = folder / uuid4().hex
        shutil.copyfile(folder / "template", path)
        return f"sqlite:///{path}"

    return new


@pytest.fixture(scope="module")
def postgres_urls() -> Generator[NewUrl]:
    """Each call gives a fresh database; the schema is built once."""
    assert POSTGRES is not None
    server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    names: list[str] = []

    def new(like: str = "template0") -> str:
        names.append(f"chain_{uuid4().hex}")
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {names[-1]} TEMPLATE {like}"))
        return make_url(POSTGRES).set(database=names[-1]).render_as_string(hide_password=False)

    schema.upgrade(new())
    yield partial(new, names[0])
    with server.connect() as connection:
        for name in names:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(
    params=[
        "sqlite_urls",
        pytest.param(
            "postgres_urls",
            marks=[
                pytest.mark.postgres,
                pytest.mark.skipif(not POSTGRES, reason="PLANTROOM_TEST_POSTGRES is not set"),
            ],
        ),
    ]
)
def url(request: pytest.FixtureRequest) -> str:
    new: NewUrl = request.getfixturevalue(request.param)
    return new()


def receiver(name: str, *severities: Any) -> WebhookSettings:
    more = {"severities": severities} if severities else {}
    return WebhookSettings.model_validate(
        {"name": name, "url": "http://127.0.0.1:9/", "secret_file": "secret", **more}
    )


SETTINGS = MessageSettings(webhooks=(receiver("duty"), receiver("chief", "urgent")))


class House:
    """A server's chain over real records; ``restart`` forgets everything but them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = FakeClock()
        self.start = self.clock.now_ms()
        self.records = Records.open(url)
        (self.series,) = install(self.records)
        self.boot()

    def boot(self) -> None:
        self.engine = AlarmEngine(CLASSES, self.clock)
        self.chain = Chain(self.records, self.engine, SETTINGS, self.clock)
        self.chain.restore()
        for one in self.series.values():
            self.engine.attach(one, equipment_class="pump")
        self.timers = TimerSweep(
            self.records, dict.fromkeys(TIMER_KINDS, self.chain.on_timer), self.clock
        )

    def restart(self) -> None:
        self.series = {
            name: Series(
                one.id,
                key=one.key,
                name=name,
                equipment_id=one.equipment_id,
                max_silence_ms=one.max_silence_ms,
            )
            for name, one in self.series.items()
        }
        self.boot()

    def see(
        self,
        point: str,
        value: Value,
        at: float,
        *,
        late: bool = False,
        quality: Quality = Quality.GOOD,
    ) -> None:
        series = self.series[point]
        taken_at = self.start + round(at * 1000)
        if taken_at > series.last_at:
            series.last_at, series.last_value, series.last_quality = taken_at, value, quality
        self.chain.on_samples([sample(series, value, taken_at, quality=quality, late=late)])

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.timers.sweep()

    def count(self, table: type[Any]) -> int:
        return self.records.read(
            lambda session: session.scalar(select(func.count()).select_from(table)) or 0
        )

    def all(self, table: type[Any]) -> list[Any]:
        return self.records.read(lambda session: list(session.scalars(select(table))))

    def kinds(self) -> list[str]:
        return self.records.read(
            lambda session: list(session.scalars(select(Event.kind).order_by(Event.id)))
        )

    def acknowledge(self, alarm_id: int = 1) -> None:
        self.records.write(
            lambda session: acknowledge(
                session, alarm_id, by="li", comment="seen", now=self.clock.now_ms()
            )
        )

    def walk(self, to: str, **more: Any) -> WorkOrder:
        return self.records.write(
            lambda session: transition(
                session, 1, to=to, by="wang", now=self.clock.now_ms(), **more
            )
        )


@pytest.fixture
def house(url: str) -> Generator[House]:
    house = House(url)
    yield house
    house.records.close()


def counts(house: House) -> dict[str, int]:
    tables = (Alarm, Incident, WorkOrder, WorkOrderEvidence, Message)
    return {table.__tablename__: house.count(table) for table in tables}


ONE_OF_EACH = {
    "alarms": 1,
    "incidents": 1,
    "work_orders": 1,
    "work_order_evidence": 1,
    "messages": 1,
}


def test_one_sample_writes_the_whole_chain(house: House) -> None:
    house.see("temperature", 85.0, 1)
    assert counts(house) == ONE_OF_EACH
    assert house.kinds() == ["alarm.raised", "incident.opened", "work-order.opened"]
    (alarm,) = house.all(Alarm)
    assert (alarm.rule, alarm.active, alarm.onset_value) == ("pump.hot", True, 85.0)
    assert alarm.active_since_at == house.start + 1000
    (message,) = house.all(Message)
    assert message.key == "incident-opened/1/duty"
    assert message.payload["work_order"]["id"] == 1
    assert message.payload["alarm"]["equipment_key"] == "estate/gw/pump1"


def test_a_thousand_readings_of_twenty_threads_are_one_of_each(house: House) -> None:
    temperature = house.series["temperature"]
    samples = [sample(temperature, 81.0 + n % 10, house.start + n) for n in range(1000)]

    def feed(part: int) -> None:
        for one in samples[part::20]:
            house.chain.on_samples([one])

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(feed, range(20)))
    assert counts(house) == ONE_OF_EACH
    assert house.count(AlarmChange) == 1


def test_two_servers_that_race_are_one_of_each(house: House) -> None:
    """Each with its own engine and connection, as two processes would be."""
    others = [Records.open(house.url) for _ in range(4)]
    engines = [AlarmEngine(CLASSES, house.clock) for _ in others]
    chains = [
        Chain(records, engine, SETTINGS, house.clock)
        for records, engine in zip(others, engines, strict=True)
    ]
    for engine in engines:
        for one in house.series.values():
            engine.attach(one, equipment_class="pump")

    def feed(chain: Chain) -> None:
        one = sample(house.series["temperature"], 85.0, house.start + 1)
        while True:
            try:
                return chain.on_samples([one])
            except StoreError:
                continue  # two processes on one SQLite file may have to try again

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(feed, chains))
    for records in others:
        records.close()
    assert counts(house) == ONE_OF_EACH


def test_further_alarms_join_the_incident_and_become_evidence(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("fault", value=True, at=2)
    assert house.count(Incident) == 1
    (order,) = house.all(WorkOrder)
    assert order.severity == "urgent"
    assert order.on_site_due_at == house.clock.now_ms() + 30 * MINUTE
    assert house.kinds()[3:] == ["alarm.raised", "incident.updated", "work-order.evidence_added"]
    found = house.records.read(lambda session: [a.rule for a in evidence_of(session, 1)])
    assert found == ["pump.hot", "pump.fault"]
    assert len(house.records.read(lambda session: alarms_of(session, 1))) == 2


def test_who_was_not_told_hears_when_it_becomes_urgent_and_nobody_twice(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("fault", value=True, at=2)
    house.see("temperature", 99.0, 3)
    keys = [row.key for row in house.all(Message)]
    assert keys == ["incident-opened/1/duty", "incident-opened/1/chief"]


def test_another_cause_is_another_incident(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("mode", 2, 2)
    assert house.count(Incident) == 2
    assert house.count(WorkOrder) == 2


def test_a_rule_may_do_without_a_work_order(house: House) -> None:
    house.see("level", 0.5, 1)
    house.advance(11)
    assert counts(house) == ONE_OF_EACH | {"work_orders": 0, "work_order_evidence": 0}


def test_return_and_acknowledgement_close_in_either_order(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("temperature", 20.0, 2)
    (alarm,) = house.all(Alarm)
    assert (alarm.active, alarm.closed_at) == (False, None)
    house.acknowledge()
    house.see("temperature", 85.0, 3)
    house.acknowledge(2)
    house.see("temperature", 20.0, 4)
    assert all(alarm.closed_at is not None for alarm in house.all(Alarm))
    assert all(one.closed_at is not None for one in house.all(Incident))
    assert house.count(Incident) == 2
    (order,) = house.all(WorkOrder)
    assert order.state == "open"
    assert house.count(WorkOrderEvidence) == 2


def test_acknowledging_twice_changes_nothing(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.acknowledge()
    kinds = house.kinds()
    house.acknowledge()
    assert house.kinds() == kinds
    assert kinds[-1] == "alarm.acknowledged"
    with pytest.raises(NotFoundError, match="no alarm 7"):
        house.acknowledge(7)


def test_an_unseen_alarm_that_comes_back_is_the_same_alarm(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("temperature", 20.0, 2)
    house.see("temperature", 86.0, 3)
    (alarm,) = house.all(Alarm)
    assert (alarm.active, alarm.activations) == (True, 2)
    assert alarm.active_since_at == house.start + 3000
    changes = house.records.read(lambda session: [c.kind for c in changes_of(session, 1)])
    assert changes == ["raised", "returned", "raised_again"]
    assert house.count(Message) == 1


def test_an_acknowledgement_is_void_when_the_alarm_comes_back(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.acknowledge()
    house.see("temperature", 20.0, 2)
    house.see("temperature", 86.0, 3)
    states = [(alarm.closed_at is None, alarm.acknowledged_at) for alarm in house.all(Alarm)]
    assert states[1] == (True, None)


def test_the_same_readings_after_a_restart_change_nothing(house: House) -> None:
    readings = [(85.0, 1), (20.0, 2), (86.0, 3)]
    for value, at in readings:
        house.see("temperature", value, at)
    before = counts(house), house.kinds()
    house.restart()
    for value, at in readings:
        house.see("temperature", value, at)
    assert (counts(house), house.kinds()) == before
    house.see("temperature", 20.0, 4)
    assert house.kinds()[-1] == "alarm.returned"


def test_a_closed_alarm_is_not_raised_by_what_is_sent_again(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("temperature", 20.0, 2)
    house.acknowledge()
    house.restart()
    house.see("temperature", 85.0, 1)
    assert house.count(Alarm) == 1
    house.see("temperature", 20.0, 2)
    house.see("temperature", 85.0, 3)
    assert house.count(Alarm) == 2


def test_an_alarm_that_is_on_over_a_restart_returns_after_it(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.restart()
    house.see("temperature", 84.0, 2)
    house.see("temperature", 20.0, 3)
    (alarm,) = house.all(Alarm)
    assert (alarm.active, alarm.inactive_since_at) == (False, house.start + 3000)


def test_a_delay_survives_a_restart_and_ends_once(house: House) -> None:
    house.see("level", 0.5, 0)
    assert house.count(Timer) == 1
    house.restart()
    house.advance(9)
    assert house.count(Alarm) == 0
    due = house.records.read(lambda session: due_timers(session, now=2**52))
    house.advance(60)
    house.chain.on_timer(due[0])
    (alarm,) = house.all(Alarm)
    assert alarm.active_since_at == house.start
    assert house.count(AlarmChange) == 1
    assert house.count(Timer) == 0


def test_a_delay_that_is_cut_short_leaves_no_timer(house: House) -> None:
    house.see("level", 0.5, 0)
    house.restart()
    house.see("level", 3.0, 5)
    assert house.count(Timer) == 0
    house.advance(60)
    assert house.count(Alarm) == 0


def test_an_off_delay_survives_a_restart(house: House) -> None:
    house.see("level", 0.5, 0)
    house.advance(11)
    house.see("level", 3.0, 12)
    house.restart()
    house.advance(10)
    (alarm,) = house.all(Alarm)
    assert (alarm.active, alarm.inactive_since_at) == (False, house.start + 12_000)


def test_nothing_is_claimed_that_the_records_do_not_hold(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_transaction: object) -> None:
        raise OperationalError("COMMIT", {}, OSError("disk full"))

    monkeypatch.setattr("sqlalchemy.orm.SessionTransaction.commit", fail)
    with pytest.raises(StoreError):
        house.see("temperature", 85.0, 1)
    monkeypatch.undo()
    assert counts(house) == dict.fromkeys(ONE_OF_EACH, 0)
    house.see("temperature", 85.0, 1)
    assert counts(house) == ONE_OF_EACH


def test_a_run_of_the_past_is_recorded_once_and_tells_nobody(house: House) -> None:
    house.see("temperature", 20.0, 100)
    for _ in range(3):
        house.see("temperature", 85.0, 40, late=True)
        house.see("temperature", 20.0, 60, late=True)
        house.restart()
        house.see("temperature", 20.0, 100)
    (alarm,) = house.all(Alarm)
    assert (alarm.active_since_at, alarm.inactive_since_at) == (
        house.start + 40_000,
        house.start + 60_000,
    )
    assert alarm.closed_at is not None
    assert house.kinds() == []
    assert house.count(Message) == house.count(Incident) == house.count(WorkOrder) == 0


def test_a_late_run_whose_end_never_comes_survives_a_restart(house: House) -> None:
    house.see("temperature", 20.0, 100)
    house.see("temperature", 85.0, 40, late=True)
    house.restart()
    house.see("temperature", 20.0, 100)
    house.advance(16)
    (alarm,) = house.all(Alarm)
    assert alarm.inactive_since_at == house.start + 100_000
    assert house.count(Timer) == 0


def test_an_active_alarm_gets_its_true_onset_from_late_readings(house: House) -> None:
    house.see("temperature", 90.0, 100)
    house.see("temperature", 85.0, 40, late=True)
    house.advance(16)
    (alarm,) = house.all(Alarm)
    assert alarm.active_since_at == house.start + 40_000
    assert house.kinds()[-1] == "alarm.onset_corrected"


def test_silence_raises_and_a_value_returns(house: House) -> None:
    house.clock.advance(300)
    house.chain.on_silence()
    house.chain.on_silence()
    assert [row.rule for row in house.all(Alarm)] == ["pump.silent"]
    house.see("pressure", 3.0, 301)
    assert not house.all(Alarm)[0].active


def test_an_order_is_walked_to_closed_by_people_only(house: House) -> None:
    house.see("fault", value=True, at=1)
    house.walk("dispatched", assignee="wang")
    house.walk("accepted")
    house.walk("on_site", note="boiler room 2")
    house.walk("in_progress")
    house.walk("waiting", reason="parts")
    house.clock.advance(3600)
    house.walk("in_progress")
    house.walk("completed")
    house.walk("verified")
    order = house.walk("closed")
    assert order.closed_at == house.clock.now_ms()
    assert order.version == 10
    steps = house.records.read(lambda session: events_of(session, 1))
    assert [(step.from_state, step.to_state) for step in steps[:3]] == [
        (None, "open"),
        ("open", "dispatched"),
        ("dispatched", "accepted"),
    ]
    assert steps[3].note == "boiler room 2"
    assert house.kinds()[-1] == "work-order.closed"
    house.see("fault", value=False, at=4000)
    house.see("fault", value=True, at=4001)
    assert house.count(WorkOrder) == 2


def test_two_people_cannot_take_the_same_step(house: House) -> None:
    house.see("fault", value=True, at=1)
    house.walk("accepted", expected_version=1)
    with pytest.raises(StaleVersionError, match="version 2, not 1"):
        house.walk("on_site", expected_version=1)


def test_dispatching_needs_somebody(house: House) -> None:
    house.see("fault", value=True, at=1)
    with pytest.raises(InvalidError, match="to whom"):
        house.walk("dispatched")
    (order,) = house.all(WorkOrder)
    assert house.records.read(lambda session: allowed_states(session, order)) == [
        "dispatched",
        "accepted",
        "cancelled",
    ]


def test_a_pause_before_the_arrival_moves_it(house: House) -> None:
    house.see("fault", value=True, at=1)
    due = house.all(WorkOrder)[0].on_site_due_at
    house.walk("accepted")
    house.walk("waiting", reason="resident")
    house.clock.advance(600)
    assert house.walk("accepted").on_site_due_at == due + 10 * MINUTE


def test_lists_page_and_filter(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("mode", 2, 2)
    house.see("temperature", 20.0, 3)
    house.acknowledge(1)

    def ids(**filters: Any) -> list[int]:
        rows = house.records.read(lambda session: list_alarms(session, **filters)[0])
        return [row.id for row in rows]

    assert ids() == ids(state="active") == ids(state="unacknowledged") == [2]
    assert ids(state="closed") == [1]
    assert ids(state="all") == [2, 1]
    assert ids(state="all", severity="high") == [1]
    assert ids(state="all", equipment_id=5) == ids(state="all", site_id=5) == []
    first, cursor = house.records.read(lambda s: list_alarms(s, state="all", limit=1))
    assert [row.id for row in first] == [2]
    assert ids(state="all", cursor=cursor) == [1]
    with pytest.raises(InvalidError, match="active"):
        ids(state="nonsense")
    incidents, _ = house.records.read(lambda session: list_incidents(session, state="closed"))
    assert [row.id for row in incidents] == [1]
    orders, _ = house.records.read(lambda session: list_orders(session, trade="heating"))
    assert [row.id for row in orders] == [2, 1]


def test_a_remark_is_part_of_the_history(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.records.write(
        lambda session: comment(session, 1, by="li", text="on my way", now=house.start)
    )
    changes = house.records.read(lambda session: changes_of(session, 1))
    assert (changes[-1].kind, changes[-1].by, changes[-1].comment) == (
        "commented",
        "li",
        "on my way",
    )
    with pytest.raises(InvalidError, match="write something"):
        house.records.write(lambda session: comment(session, 1, by="li", text=" ", now=house.start))


def test_equipment_that_went_away_just_before_a_kill_is_found_at_the_start(house: House) -> None:
    """Its row was written, its alarm was not, and nobody says it again."""

    def set_online(session: Session, *, online: bool, at: int) -> None:
        equipment = session.get_one(Equipment, 1)
        equipment.online, equipment.since_at = online, house.start + at * 1000

    house.records.write(partial(set_online, online=False, at=5))
    for _ in range(2):
        house.boot()
        house.chain.restore()
        (alarm,) = house.all(Alarm)
        assert (alarm.rule, alarm.active_since_at) == ("pump.gone", house.start + 5000)
    house.records.write(partial(set_online, online=True, at=8))
    house.boot()
    house.chain.restore()
    (alarm,) = house.all(Alarm)
    assert (alarm.active, alarm.inactive_since_at) == (False, house.start + 8000)

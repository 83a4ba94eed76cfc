"""One sample that matters: alarm, incident, order and messages, exactly one of each, anywhere."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import OperationalError

from server.alarming.announcements import AlarmNotifier
from server.alarming.pipeline import AlarmPipeline
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.model import Alarm, AlarmChange
from server.alarms.rulebook import RuleBook
from server.alarms.service import changes_of
from server.alarms.suppression.outages import Outages
from server.core.errors import StoreError
from server.core.records import Records
from server.incidents.model import Incident
from server.incidents.service import alarms_of
from server.messages.model import Message
from server.workorders.model import WorkOrder
from server.workorders.service import (
    evidence_of,
)
from tests.fakes.house import MINUTE, ONE_OF_EACH, SETTINGS, House, counts
from tests.fakes.pump_room import CLASSES, sample


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
            house.pipeline.on_samples([one])

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(feed, range(20)))
    assert counts(house) == ONE_OF_EACH
    assert house.count(AlarmChange) == 1


def test_two_servers_that_race_are_one_of_each(house: House) -> None:
    """Each with its own engine and connection, as two processes would be."""
    others = [Records.open(house.url) for _ in range(4)]
    engines = [AlarmEngine(RuleBook(CLASSES), house.clock) for _ in others]
    chains = [
        AlarmPipeline(
            records, engine, AlarmNotifier(SETTINGS), house.clock, outages=Outages(House.settings)
        )
        for records, engine in zip(others, engines, strict=True)
    ]
    for engine in engines:
        for one in house.series.values():
            engine.attach(one, equipment_class="pump")

    def feed(chain: AlarmPipeline) -> None:
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


def test_an_unseen_alarm_that_comes_back_is_the_same_alarm(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("temperature", 20.0, 2)
    house.see("temperature", 86.0, 3)
    (alarm,) = house.all(Alarm)
    assert (alarm.active, alarm.activations) == (True, 2)
    assert alarm.active_since_at == house.start + 3000
    changes = house.records.read(lambda session: [c.kind for c in changes_of(session, 1)])
    assert changes == ["raised", "returned", "raised_again", "chattering"]
    assert house.count(Message) == 1


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


def test_silence_raises_and_a_value_returns(house: House) -> None:
    house.clock.advance(300)
    house.pipeline.on_silence()
    house.pipeline.on_silence()
    assert [row.rule for row in house.all(Alarm)] == ["pump.silent"]
    house.see("pressure", 3.0, 301)
    assert not house.all(Alarm)[0].active

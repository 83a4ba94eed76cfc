"""What the engine claims is what the records hold: over restarts, changed rules and odd clocks."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from server.alarms import lifecycle as recording
from server.alarms.model import Alarm, AlarmChange
from server.alarms.overrides import Place, put_override
from server.alarms.service import changes_of
from server.core.model import Timer
from server.core.steady_clock import newest_record
from server.incidents.model import Incident
from server.messages.model import Message
from tests.contract.chain.test_chain_shelving import variant
from tests.fakes.house import House


def put(house: House, changes: dict[str, object]) -> None:
    """A change through the interface while the server is away."""
    place = Place("pump.hot", "class", "")
    more = {"reason": "", "by": "li", "expected": None, "now": house.clock.now_ms()}
    house.do(lambda session: put_override(session, place, changes=changes, **more))


def rows(house: House, table: type[Any]) -> list[Any]:
    """In the order in which they were made, on every database."""
    return sorted(house.all(table), key=lambda row: row.id)


def changes(house: House, alarm_id: int = 1) -> list[tuple[str, int]]:
    found = house.records.read(lambda session: changes_of(session, alarm_id))
    return [(one.kind, (one.at - house.start) // 1000) for one in found]


def test_a_rule_that_was_off_over_a_restart_raises_when_it_is_on_again(house: House) -> None:
    house.see("temperature", 85.0, 1)
    put(house, {"enabled": False})
    house.clock.advance(10)
    house.restart()
    house.see("temperature", 88.0, 20)
    house.change_rule("hot", {})
    assert house.alarm().active
    assert house.alarm().activations == 2


def test_a_delay_of_a_rule_that_is_gone_is_forgotten_with_its_timer(house: House) -> None:
    house.see("level", 0.5, 1)
    house.do(
        lambda session: put_override(
            session,
            Place("pump.low_level", "class", ""),
            changes={"enabled": False},
            reason="",
            by="li",
            expected=None,
            now=house.clock.now_ms(),
        )
    )
    house.restart()
    house.advance(60)
    assert house.count(Timer) == 0
    assert house.count(Alarm) == 0


def test_silence_is_alarmed_again_after_a_clock_that_was_ahead(house: House) -> None:
    """The alarm returned at an instant that is still to come, was seen, and the point goes dumb."""
    house.clock.advance(300)
    house.pipeline.on_silence()
    house.see("pressure", 3.0, 550)
    house.acknowledge()
    assert house.alarm().closed_at is not None
    house.clock.advance(121)
    house.series["pressure"].seen_at = house.clock.now_ms() - 121_000
    house.pipeline.on_silence()
    assert [row.active for row in rows(house, Alarm)] == [False, True]


def test_what_the_records_refuse_is_not_remembered(house: House) -> None:
    """They know a newer return than this process does; the next value raises."""

    def close_later(session: Session) -> None:
        alarm = session.get_one(Alarm, 1)
        alarm.inactive_since_at = house.start + 50_000

    house.see("temperature", 85.0, 1)
    house.see("temperature", 20.0, 2)
    house.acknowledge()
    house.do(close_later)
    house.see("temperature", 85.0, 40)
    assert house.count(Alarm) == 1
    house.see("temperature", 86.0, 60)
    assert [row.active for row in rows(house, Alarm)] == [False, True]


def test_an_alarm_that_is_closed_while_it_is_raised_is_raised_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process closes the open row between the conflict and the look at it."""
    house.see("temperature", 85.0, 1)
    house.see("temperature", 20.0, 2)
    find, misses = recording.find_open, [1]

    def find_late(session: Session, occurrence: recording.Occurrence) -> Alarm | None:
        if misses:
            misses.pop()
            session.get_one(Alarm, 1).closed_at = house.clock.now_ms()
            session.flush()
            return None
        return find(session, occurrence)

    monkeypatch.setattr(recording, "find_open", find_late)
    house.see("temperature", 86.0, 3)
    assert [row.active for row in rows(house, Alarm)] == [False, True]


def test_late_values_correct_the_return_and_part_the_runs(house: House) -> None:
    house.see("temperature", 90.0, 1)
    house.see("temperature", 20.0, 600)
    house.see("temperature", 20.0, 20, late=True)
    house.see("temperature", 90.0, 100, late=True)
    house.see("temperature", 20.0, 200, late=True)
    runs = [(row.active_since_at, row.inactive_since_at) for row in rows(house, Alarm)]
    at = [(house.start + 1000 * since, house.start + 1000 * until) for since, until in RUNS]
    assert runs == at
    assert changes(house) == [("raised", 1), ("returned", 600), ("return_corrected", 20)]
    told = house.count(Message), house.count(Incident)
    assert told == (1, 1)
    house.restart()
    house.see("temperature", 20.0, 200, late=True)
    assert house.count(AlarmChange) == 5


RUNS = ((1, 20), (100, 200))


def test_late_values_correct_the_return_of_an_alarm_that_came_again(house: House) -> None:
    house.see("temperature", 90.0, 1)
    house.see("temperature", 20.0, 600)
    house.see("temperature", 90.0, 700)
    house.see("temperature", 20.0, 20, late=True)
    assert changes(house)[-1] == ("return_corrected", 20)
    alarm = house.alarm()
    assert (alarm.active, alarm.active_since_at) == (True, house.start + 700_000)
    house.see("temperature", 90.0, 100, late=True)
    house.see("temperature", 20.0, 200, late=True)
    past = rows(house, Alarm)[1]
    assert (past.active_since_at, past.inactive_since_at) == (
        house.start + 100_000,
        house.start + 200_000,
    )


def test_late_values_part_the_run_that_is_on(house: House) -> None:
    house.see("temperature", 90.0, 1)
    house.see("temperature", 91.0, 600)
    house.see("temperature", 20.0, 20, late=True)
    house.see("temperature", 90.0, 100, late=True)
    house.advance(16)
    (alarm,) = rows(house, Alarm)
    assert (alarm.active, alarm.active_since_at) == (True, house.start + 100_000)
    assert changes(house) == [
        ("raised", 1),
        ("returned", 20),
        ("raised_again", 600),
        ("onset_corrected", 100),
    ]
    assert house.count(Message) == 1


def test_late_values_after_a_restart_correct_it_too(house: House) -> None:
    house.see("temperature", 90.0, 1)
    house.see("temperature", 20.0, 600)
    house.restart()
    house.see("temperature", 20.0, 601)
    house.see("temperature", 20.0, 20, late=True)
    assert house.alarm().inactive_since_at == house.start + 20_000


def test_a_trial_that_ends_in_the_class_file_announces_what_is_on(house: House) -> None:
    house.classes = variant("hot", mode="monitor")
    house.restart()
    house.see("temperature", 85.0, 1)
    assert house.count(Message) == 0
    house.classes = variant("hot", mode="announce")
    house.restart()
    assert house.count(Message) == 1
    assert not house.alarm().monitored


def test_an_alarm_that_comes_back_is_of_the_rule_as_it_is_now(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("temperature", 20.0, 2)
    house.change_rule("hot", {"severity": "urgent", "latching": True})
    house.see("temperature", 85.0, 3)
    alarm = house.alarm()
    assert (alarm.severity, alarm.latching, alarm.latched) == ("urgent", True, True)
    assert rows(house, Incident)[0].severity == "urgent"
    keys = [row.key for row in rows(house, Message)]
    assert keys == ["incident-opened/1/duty", "incident-opened/1/chief"]


def test_an_alarm_that_comes_back_with_another_cause_joins_that_incident(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("temperature", 20.0, 2)
    house.change_rule("hot", {"cause": "cooling"})
    house.see("temperature", 85.0, 3)
    first, second = rows(house, Incident)
    assert (first.closed_at is not None, second.cause) == (True, "cooling")


def test_equipment_that_is_born_with_another_class_claims_nothing_more(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("level", 0.5, 1)
    for series in house.series.values():
        house.engine.attach(series, equipment_class="unknown")
    house.see("mode", 1, 2)
    assert not house.alarm().active
    house.advance(60)
    assert house.count(Timer) == 0
    for series in house.series.values():
        house.engine.attach(series, equipment_class="pump")
    house.see("temperature", 86.0, 3)
    assert house.alarm().active


def test_a_start_goes_on_at_the_newest_event(house: House) -> None:
    assert house.records.read(newest_record) == 0
    house.clock.advance(5)
    house.see("temperature", 85.0, 1)
    assert house.records.read(newest_record) == house.start + 5000


def test_a_class_that_comes_back_at_once_keeps_its_alarms(house: House) -> None:
    house.see("temperature", 85.0, 1)
    for name in ("unknown", "pump"):
        for series in house.series.values():
            house.engine.attach(series, equipment_class=name)
    house.see("mode", 1, 2)
    assert house.alarm().active
    assert house.count(AlarmChange) == 1

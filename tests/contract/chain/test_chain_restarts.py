"""What is sent again, comes late or waits when the server is killed changes nothing twice."""

from functools import partial

from sqlalchemy.orm import Session

from server.alarms.model import Alarm, AlarmChange
from server.assets.model import Equipment
from server.core.model import Timer
from server.core.timers import due_timers
from server.incidents.model import Incident
from server.messages.model import Message
from server.workorders.model import WorkOrder
from tests.fakes.house import House, counts


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
    assert house.kinds()[-2:] == ["alarm.returned", "work-order.recovered"]


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
    house.pipeline.on_timer(due[0])
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
    house.born("level", 12)
    house.advance(10)
    (alarm,) = house.all(Alarm)
    assert (alarm.active, alarm.inactive_since_at) == (False, house.start + 12_000)


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


def test_a_late_run_ends_where_it_ended_though_the_server_was_killed_before(house: House) -> None:
    house.see("temperature", 20.0, 10)
    house.see("temperature", 85.0, 40, late=True)
    house.see("temperature", 20.0, 60)
    house.see("temperature", 20.0, 200)
    house.restart()
    house.see("temperature", 20.0, 201)
    house.advance(16)
    (alarm,) = house.all(Alarm)
    assert (alarm.active_since_at, alarm.inactive_since_at) == (
        house.start + 40_000,
        house.start + 60_000,
    )
    assert house.count(Timer) == 0


def test_an_active_alarm_gets_its_true_onset_from_late_readings(house: House) -> None:
    house.see("temperature", 90.0, 100)
    house.see("temperature", 85.0, 40, late=True)
    house.advance(16)
    (alarm,) = house.all(Alarm)
    assert alarm.active_since_at == house.start + 40_000
    assert house.kinds()[-1] == "alarm.onset_corrected"


def test_equipment_that_went_away_just_before_a_kill_is_found_at_the_start(house: House) -> None:
    """Its row was written, its alarm was not, and nobody says it again."""

    def set_online(session: Session, *, online: bool, at: int) -> None:
        equipment = session.get_one(Equipment, 1)
        equipment.online, equipment.since_at = online, house.start + at * 1000

    house.records.write(partial(set_online, online=False, at=5))
    for _ in range(2):
        house.boot()
        house.pipeline.restore()
        house.pipeline.on_listening()
        (alarm,) = house.all(Alarm)
        assert (alarm.rule, alarm.active_since_at) == ("pump.gone", house.start + 5000)
    house.records.write(partial(set_online, online=True, at=8))
    house.boot()
    house.pipeline.restore()
    (alarm,) = house.all(Alarm)
    assert (alarm.active, alarm.inactive_since_at) == (False, house.start + 8000)


def test_late_readings_that_reach_into_a_known_run_are_its_true_beginning(house: House) -> None:
    """The onset was lost with the server; a repetition raised it, it ended, then it came again."""
    house.see("temperature", 20.0, 10)
    house.see("temperature", 85.0, 100)
    house.see("temperature", 20.0, 110)
    house.see("temperature", 85.0, 90, late=True)
    house.advance(60)
    (alarm,) = house.all(Alarm)
    assert (alarm.active_since_at, alarm.inactive_since_at) == (
        house.start + 90_000,
        house.start + 110_000,
    )
    assert house.kinds()[-1] == "alarm.onset_corrected"

"""A fault that comes back, one that goes away by itself, and one that never was."""

from server.alarms.figures import false_alarms
from server.alarms.model import Alarm, AlarmChange
from server.workorders.history import events_of
from server.workorders.model import WorkOrder
from server.workorders.service import has_arrived
from tests.fakes.house import MINUTE, House

DAY_S = 86_400
DONE = ("accepted", "on_site", "completed")


def fail(house: House, at: float) -> None:
    """The pump trips at a second of the clock; before, what was on is over and seen."""
    house.see("fault", value=False, at=at)
    for alarm in house.all(Alarm):
        if alarm.closed_at is None:
            house.acknowledge(alarm.id)
    house.see("fault", value=True, at=at + 1)


def repaired(house: House, *more: str) -> None:
    house.see("fault", value=True, at=1)
    for state in (*DONE, *more):
        house.walk(state)


def test_a_fault_that_comes_back_within_days_reopens_the_closed_order(house: House) -> None:
    repaired(house, "verified", "closed")
    house.clock.advance(6 * DAY_S)
    fail(house, 6 * DAY_S)
    (order,) = house.all(WorkOrder)
    assert (order.state, order.assignee, order.closed_at) == ("dispatched", "wang", None)
    assert order.repeat_failures == 1
    assert not house.records.read(lambda session: has_arrived(session, order))
    assert order.on_site_due_at == house.clock.now_ms() + 30 * MINUTE
    kinds = house.records.read(lambda session: [one.kind for one in events_of(session, 1)])
    assert kinds[-1] == "repeat_failure"


def test_after_the_days_it_is_another_order(house: House) -> None:
    repaired(house, "verified", "closed")
    house.clock.advance(8 * DAY_S)
    fail(house, 8 * DAY_S)
    assert [order.repeat_failures for order in house.all(WorkOrder)] == [0, 0]


def test_work_that_was_said_to_be_done_and_not_looked_at_is_reopened(house: House) -> None:
    repaired(house)
    fail(house, 100)
    (order,) = house.all(WorkOrder)
    assert (order.state, order.repeat_failures) == ("dispatched", 1)


def test_long_after_it_was_done_an_open_order_goes_on_without_a_mark(house: House) -> None:
    repaired(house)
    house.clock.advance(30 * DAY_S)
    fail(house, 30 * DAY_S)
    (order,) = house.all(WorkOrder)
    assert (order.state, order.repeat_failures) == ("dispatched", 0)


def test_a_safety_order_stays_open_when_its_alarm_returns_and_says_so(house: House) -> None:
    house.see("fault", value=True, at=1)
    house.clock.advance(60)
    house.see("fault", value=False, at=60)
    house.acknowledge()
    (order,) = house.all(WorkOrder)
    assert (order.state, order.closed_at) == ("open", None)
    assert order.recovered_at == house.clock.now_ms()
    assert house.kinds().count("work-order.recovered") == 1
    house.see("fault", value=True, at=61)
    (order,) = house.all(WorkOrder)
    assert order.recovered_at is None


def test_what_somebody_repaired_has_not_recovered_by_itself(house: House) -> None:
    house.see("fault", value=True, at=1)
    house.walk("accepted")
    house.walk("on_site")
    house.see("fault", value=False, at=60)
    (order,) = house.all(WorkOrder)
    assert order.recovered_at is None
    assert "work-order.recovered" not in house.kinds()


def test_it_has_recovered_when_the_last_of_its_alarms_is_over(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.see("fault", value=True, at=2)
    house.see("fault", value=False, at=3)
    assert house.all(WorkOrder)[0].recovered_at is None
    house.see("temperature", 20.0, 4)
    assert house.all(WorkOrder)[0].recovered_at is not None


def test_a_false_alarm_counts_against_its_rule(house: House) -> None:
    house.see("fault", value=True, at=1)
    house.walk("cancelled", reason="false_alarm")
    (alarm,) = house.all(Alarm)
    assert (alarm.false_alarm_by, alarm.active) == ("wang", True)
    assert [one.kind for one in house.all(AlarmChange)] == ["raised", "judged_false"]
    now = house.clock.now_ms()
    found = house.records.read(lambda session: false_alarms(session, start=0, end=now + 1))
    assert found == {"pump.fault": 1}


def test_another_reason_is_no_judgement(house: House) -> None:
    house.see("fault", value=True, at=1)
    house.walk("cancelled", reason="same as number 7")
    assert house.all(Alarm)[0].false_alarm_at is None

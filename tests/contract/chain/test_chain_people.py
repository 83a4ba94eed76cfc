"""What people do: acknowledge, remark, walk a work order, read lists."""

from typing import Any

import pytest

from server.alarms.model import Alarm
from server.alarms.service import changes_of, comment, list_alarms
from server.core.errors import InvalidError, NotFoundError
from server.incidents.model import Incident
from server.incidents.service import list_incidents
from server.workorders.history import events_of
from server.workorders.model import WorkOrder, WorkOrderEvidence
from server.workorders.service import (
    StaleVersionError,
    list_orders,
    needs_arrival,
)
from server.workorders.states import OrderState, next_states
from tests.fakes.house import MINUTE, House


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
    assert kinds[-2:] == ["alarm.acknowledged", "incident.acknowledged"]
    with pytest.raises(NotFoundError, match="no alarm 7"):
        house.acknowledge(7)


def test_an_acknowledgement_is_void_when_the_alarm_comes_back(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.acknowledge()
    house.see("temperature", 20.0, 2)
    house.see("temperature", 86.0, 3)
    states = [(alarm.closed_at is None, alarm.acknowledged_at) for alarm in house.all(Alarm)]
    assert states[1] == (True, None)


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
    assert house.count(WorkOrder) == 1
    assert "work-order.repeat_failure" in house.kinds()


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
    state = OrderState(order.state)
    assert list(next_states(state, needs_arrival=needs_arrival(order), arrived=False)) == [
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

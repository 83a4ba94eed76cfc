"""Equipment that is gone: no new alarm; retired by a person or by rule, its alarms end."""

import pytest
from sqlalchemy.orm import Session

from server.alarming.retirement import Retirement
from server.alarms.model import Alarm, AlarmChange
from server.alarms.suppression.outages import units_of_line
from server.assets.model import Equipment, Gateway, Site
from server.assets.presence import mark_removed
from server.assets.registry import Registry
from server.core.errors import ConflictError, InvalidError
from server.incidents.model import Incident
from server.workorders.model import WorkOrder, WorkOrderEvent
from tests.fakes.house import House

DAY_S = 86_400


def go_offline(house: House) -> None:
    def work(session: Session) -> None:
        session.get_one(Equipment, 1).online = False

    house.do(work)


def retire(house: House, *, reason: str = "sold", equipment: int = 1) -> None:
    house.do(
        lambda session: house.actions.retire(
            session,
            session.get_one(Equipment, equipment),
            reason=reason,
            by="li",
            now=house.clock.now_ms(),
        )
    )


def detach(house: House) -> None:
    for series in house.series.values():
        house.engine.detach(series)
    house.pipeline.on_samples([])


def changes(house: House) -> list[tuple[str, str | None]]:
    return [(row.kind, row.comment) for row in house.all(AlarmChange)]


def test_what_is_removed_raises_nothing_and_its_alarms_return(house: House) -> None:
    house.see("temperature", 85.0, 1)
    detach(house)
    assert house.state() == "returned_unacknowledged"
    assert changes(house)[-1] == ("returned", "no rule watches it any more")
    house.see("temperature", 99.0, 2)
    house.see("connection", value=False, at=3)
    house.clock.advance(3600)
    house.pipeline.on_silence()
    assert house.count(Alarm) == 1


def test_a_delay_that_runs_when_it_is_removed_raises_nothing(house: House) -> None:
    house.see("level", 0.5, 1)
    detach(house)
    house.advance(60)
    assert house.count(Alarm) == 0


def test_what_comes_back_is_watched_as_before(house: House) -> None:
    house.see("temperature", 85.0, 1)
    detach(house)
    go_offline(house)
    retire(house)
    for series in house.series.values():
        house.engine.attach(series, equipment_class="pump")
    house.see("temperature", 90.0, 60)
    assert [alarm.closed_at is None for alarm in house.all(Alarm)] == [False, True]


def test_retiring_ends_alarms_and_incident_and_leaves_a_word_on_the_order(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.shelve()
    go_offline(house)
    retire(house, reason="replaced by pump 7")
    alarm, incident, order = house.alarm(), house.all(Incident)[0], house.all(WorkOrder)[0]
    assert alarm.closed_at is not None
    assert not alarm.active
    assert alarm.shelved_until_at is None
    assert incident.closed_at is not None
    assert ("retired", "replaced by pump 7") in changes(house)
    assert order.closed_at is None
    assert (order.state, order.version) == ("open", 2)
    assert "replaced by pump 7" in house.all(WorkOrderEvent)[-1].note
    row = house.all(Equipment)[0]
    assert (row.retired_by, row.retired_reason) == ("li", "replaced by pump 7")
    before = house.kinds()
    retire(house)
    assert house.kinds() == before


def test_what_answers_is_not_retired_nor_anything_without_a_reason(house: House) -> None:
    with pytest.raises(ConflictError, match="is online"):
        retire(house)
    go_offline(house)
    with pytest.raises(InvalidError, match="reason"):
        retire(house, reason=" ")


def test_life_safety_is_acknowledged_before_its_equipment_is_retired(house: House) -> None:
    house.see("temperature", 85.0, 1)

    def make_safety(session: Session) -> None:
        session.get_one(Alarm, 1).life_safety = True

    house.do(make_safety)
    go_offline(house)
    with pytest.raises(ConflictError, match="acknowledge it first"):
        retire(house)
    assert house.all(Equipment)[0].retired_at is None
    house.acknowledge()
    retire(house)
    assert house.alarm().closed_at is not None


def test_a_gateway_takes_along_what_hangs_on_it(house: House) -> None:
    def add_gateway(session: Session) -> int:
        session.get_one(Equipment, 1).online = False
        session.get_one(Gateway, 1).online = False
        words = {"name_en": "Gateway", "name_zh": "网关", "equipment_class": "gateway"}
        row = Equipment(
            key="estate/gw", site_id=1, gateway_id=1, profile="", online=False, since_at=0, **words
        )
        session.add(row)
        session.flush()
        return row.id

    house.see("temperature", 85.0, 1)
    retire(house, equipment=house.do(add_gateway))
    assert [row.retired_at is not None for row in house.all(Equipment)] == [True, True]
    assert house.alarm().closed_at is not None


def test_the_setting_of_a_site_retires_what_was_removed_long_enough_ago(house: House) -> None:
    house.see("temperature", 85.0, 1)
    go_offline(house)
    removed_at = house.clock.now_ms()
    house.do(lambda session: mark_removed(session, [1], omitted_before={1: 0}, at=removed_at))
    registry = Registry(house.records, house.clock)
    registry.load()
    sweep = Retirement(house.records, registry, house.actions, house.clock).sweep
    house.clock.advance(400 * DAY_S)
    sweep()
    assert house.all(Equipment)[0].retired_at is None  # a person is asked
    house.do(lambda session: setattr(session.get_one(Site, 1), "retire_removed_after_days", 399.0))
    sweep()
    assert house.all(Equipment)[0].retired_by == "plantroom"
    assert house.alarm().closed_at is not None
    asset = registry.asset("estate/gw/pump1")
    assert asset is not None
    assert asset.absence == (True, True)


def test_what_is_removed_is_no_sign_of_a_silent_line(house: House) -> None:
    def work(session: Session) -> int:
        session.get_one(Equipment, 1).port = "bus"
        session.flush()
        before = len(units_of_line(session, "estate/gw/bus"))
        mark_removed(session, [1], omitted_before={1: 0}, at=1)
        session.flush()
        return before - len(units_of_line(session, "estate/gw/bus"))

    assert house.do(work) == 1

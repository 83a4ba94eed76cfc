"""Shelved, latched, out of service: hidden for a while, never forgotten."""

import pytest

from config.classes import EquipmentClass
from server.alarms.model import Alarm
from server.alarms.service import changes_of, list_alarms
from server.assets.model import Equipment
from server.core.errors import ConflictError, InvalidError
from server.incidents.model import Incident
from server.messages.model import Message
from server.workorders.model import WorkOrder
from tests.fakes.house import MINUTE, House
from tests.fakes.pump_room import PUMP


def variant(rule: str, **changes: object) -> dict[str, EquipmentClass]:
    content = PUMP.model_dump(mode="json", by_alias=True)
    content["rules"][rule] |= changes
    return {"pump": EquipmentClass.model_validate(content, strict=False)}


def kinds(house: House, alarm_id: int = 1) -> list[str]:
    return house.records.read(lambda session: [c.kind for c in changes_of(session, alarm_id)])


def ids(house: House, state: str) -> list[int]:
    return house.records.read(lambda s: [row.id for row in list_alarms(s, state=state)[0]])


def take_out(house: House, *, minutes: float = 60) -> None:
    house.do(
        lambda session: house.actions.take_out(
            session,
            session.get_one(Equipment, 1),
            until=house.clock.now_ms() + round(minutes * MINUTE),
            reason="bearing",
            by="wang",
            now=house.clock.now_ms(),
        )
    )


def test_a_shelf_that_ends_announces_what_is_still_on(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.shelve(minutes=30)
    assert house.state() == "shelved"
    assert ids(house, "shelved") == [1]
    house.advance(29 * 60)
    assert house.count(Message) == 1
    house.advance(61)
    assert house.state() == "unacknowledged"
    assert kinds(house) == ["raised", "shelved", "acknowledged", "unshelved"]
    first, second = house.all(Message)
    assert second.key != first.key
    assert second.payload["incident"]["id"] == 1
    house.advance(3600)
    assert house.count(Message) == 2


def test_a_shelf_outlives_a_restart_and_ends_once(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.shelve(minutes=30)
    house.restart()
    house.clock.advance(3600)
    house.timers.sweep()
    house.timers.sweep()
    assert kinds(house).count("unshelved") == 1
    assert house.count(Message) == 2


def test_a_shelved_alarm_that_comes_and_goes_is_silent(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.shelve()
    for at in range(2, 20, 2):
        house.see("temperature", 20.0, at)
        house.see("temperature", 85.0, at + 1)
    house.see("temperature", 20.0, 30)
    assert (house.count(Alarm), house.count(Message), house.count(Incident)) == (1, 1, 1)
    assert house.alarm().activations == 10
    house.advance(3600)
    # Nobody has seen that it came back, so it does not disappear.
    assert house.state() == "returned_unacknowledged"
    assert house.count(Message) == 1


def test_what_is_well_when_the_shelf_ends_is_closed(house: House) -> None:
    house.see("temperature", 85.0, 1)
    house.shelve()
    house.see("temperature", 20.0, 2)
    assert house.alarm().closed_at is None
    house.advance(3600)
    assert house.alarm().closed_at is not None
    assert house.all(Incident)[0].closed_at is not None


def test_a_shelf_is_limited_by_severity(house: House) -> None:
    house.see("temperature", 85.0, 1)
    with pytest.raises(InvalidError, match="8 hours at most"):
        house.shelve(minutes=8 * 60 + 1)
    with pytest.raises(InvalidError, match="past"):
        house.shelve(minutes=-1)
    house.shelve(minutes=8 * 60)


def test_an_alarm_of_life_safety_is_hidden_by_nobody(house: House) -> None:
    house.classes = variant("fault", life_safety=True)
    house.restart()
    house.see("fault", value=True, at=1)
    with pytest.raises(ConflictError, match="life safety is never shelved"):
        house.shelve()
    with pytest.raises(ConflictError, match="life safety is never taken out of service"):
        take_out(house)
    assert house.state() == "unacknowledged"
    assert house.timers_besides_orders() == 0
    assert house.all(Equipment)[0].out_of_service_since_at is None


def test_a_latched_alarm_stays_until_it_is_reset(house: House) -> None:
    house.classes = variant("hot", latching=True)
    house.restart()
    house.see("temperature", 85.0, 1)
    house.acknowledge()

    def reset() -> Alarm:
        return house.do(
            lambda session: house.actions.reset(session, 1, by="li", now=house.clock.now_ms())
        )

    with pytest.raises(ConflictError, match="still active"):
        reset()
    house.see("temperature", 20.0, 2)
    assert house.state() == "latched"
    assert ids(house, "latched") == [1]
    house.see("temperature", 85.0, 3)
    assert house.state() == "unacknowledged"
    assert house.alarm().acknowledged_by is None
    house.see("temperature", 20.0, 4)
    house.acknowledge()
    reset()
    assert house.alarm().closed_at is not None
    assert house.all(Incident)[0].closed_at is not None
    with pytest.raises(ConflictError, match="was closed"):
        reset()


def test_equipment_out_of_service_is_watched_in_silence(house: House) -> None:
    take_out(house)
    house.see("temperature", 85.0, 1)
    house.see("temperature", 20.0, 2)
    house.see("fault", value=True, at=3)
    assert house.count(Message) == house.count(Incident) == house.count(WorkOrder) == 0
    assert house.alarm(1).closed_at is not None
    assert house.state(2) == "out_of_service"
    assert ids(house, "out_of_service") == [2]
    house.advance(3601)
    assert house.state(2) == "unacknowledged"
    assert house.count(Incident) == house.count(WorkOrder) == 1
    assert [row.receiver for row in house.all(Message)] == ["duty", "chief"]
    assert house.all(Equipment)[0].out_of_service_since_at is None


def test_open_alarms_go_out_of_service_with_their_equipment(house: House) -> None:
    house.see("temperature", 85.0, 1)
    take_out(house)
    assert house.state() == "out_of_service"
    house.see("temperature", 20.0, 2)
    house.do(
        lambda session: house.actions.put_in(
            session, session.get_one(Equipment, 1), by="wang", now=house.clock.now_ms()
        )
    )
    # It was announced, so somebody has to say that it was seen.
    assert house.state() == "returned_unacknowledged"
    assert house.count(Message) == 1
    assert house.timers_besides_orders() == 0


def test_a_rule_on_trial_counts_and_tells_nobody(house: House) -> None:
    house.classes = variant("hot", mode="monitor")
    house.restart()
    house.see("temperature", 85.0, 1)
    house.see("temperature", 20.0, 2)
    house.see("temperature", 85.0, 3)
    assert (ids(house, "all"), ids(house, "monitored")) == ([], [2, 1])
    assert house.count(Message) == house.count(Incident) == house.count(WorkOrder) == 0
    assert house.kinds() == []

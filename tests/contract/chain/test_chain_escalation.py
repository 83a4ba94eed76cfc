"""Who is called after whom, exactly once, on every database."""

import pytest

from server.incidents.model import Incident
from server.messages.model import Message
from tests.contract.chain.test_chain_shelving import take_out, variant
from tests.fakes.duty_house import (
    MINUTE_S,
    called,
    history,
    load,
    messages,
    pass_time,
    person,
    staff,
    steps,
    sweep_of,
    take,
)
from tests.fakes.house import House

ENGINEER_LEAD_MANAGER = [("Wang", 0.0), ("Li", 300.0), ("Zhao", 900.0)]


def trip(house: House, at: float = 0) -> None:
    house.see("fault", value=True, at=at)


def incident(house: House) -> Incident:
    return house.all(Incident)[0]


def test_without_people_only_the_webhooks_hear(house: House) -> None:
    trip(house)
    pass_time(house, 60 * MINUTE_S)
    assert steps(house) == []
    assert incident(house).policy is None


def test_half_an_hour_of_silence_climbs_from_engineer_to_manager(house: House) -> None:
    load(house, staff())
    trip(house)
    assert called(house) == [("Wang", 0.0)]
    pass_time(house, 29 * MINUTE_S)
    assert called(house) == ENGINEER_LEAD_MANAGER
    assert [one.state for one in steps(house)] == ["done", "done", "done", *["pending"] * 3]


@pytest.mark.long
def test_a_step_is_at_most_a_second_late(house: House) -> None:
    load(house, staff(fast={"steps": [{"after_s": n * 7.3, "who": ["on_duty"]} for n in range(9)]}))
    trip(house)
    sweep = sweep_of(house)
    for _ in range(320):
        house.clock.advance(0.25)
        sweep.sweep()
    assert [one.state for one in steps(house)] == ["done"] * 9
    assert all(0 <= (one.ran_at or 0) - one.due_at <= 250 for one in steps(house))


def test_the_round_is_repeated_as_often_as_the_policy_says(house: House) -> None:
    two = [{"after_s": 0, "who": ["on_duty"]}, {"after_s": 10, "who": ["leader"]}]
    load(house, staff(twice={"steps": two, "repeat": 2, "repeat_after_s": 20}))
    trip(house)
    pass_time(house, 300)
    once = [("Wang", 0.0), ("Li", 10.0)]
    assert called(house) == [(name, at + n * 30.0) for n in range(3) for name, at in once]
    assert house.timers_besides_orders() == 0


def test_an_acknowledgement_stops_the_climb_and_acknowledges_the_alarms(house: House) -> None:
    load(house, staff())
    trip(house)
    house.see("temperature", 85.0, 1)
    pass_time(house, 10)
    take(house)
    take(house, by="li")
    assert incident(house).acknowledged_by == "wang"
    assert house.kinds().count("alarm.acknowledged") == 2
    assert house.kinds().count("incident.acknowledged") == 1
    assert [one.state for one in steps(house)] == ["done", "cancelled", "cancelled"]
    house.walk("accepted")
    pass_time(house, 60 * MINUTE_S)
    assert called(house) == [("Wang", 0.0)]
    assert house.timers_besides_orders() == 0


def test_acknowledging_every_alarm_is_the_same(house: House) -> None:
    load(house, staff())
    trip(house)
    house.see("temperature", 85.0, 1)
    house.acknowledge(1)
    assert incident(house).acknowledged_at is None
    house.acknowledge(2)
    assert incident(house).acknowledged_by == "li"


def test_an_acknowledgement_after_which_nobody_moves_times_out(house: House) -> None:
    load(house, staff())
    trip(house)
    pass_time(house, 60)
    take(house)
    house.walk("dispatched", assignee="wang")
    pass_time(house, 15 * MINUTE_S - 1)
    assert called(house) == [("Wang", 0.0)]
    pass_time(house, 2)
    assert called(house) == [("Wang", 0.0), ("Li", 960.0)]
    assert incident(house).acknowledged_at is None
    assert history(house)[-2:] == [("acknowledged", "wang"), ("acknowledgement_timed_out", "wang")]
    pass_time(house, 10 * MINUTE_S)
    assert called(house)[-1] == ("Zhao", 960.0 + 600.0)


def test_when_all_were_called_before_the_last_one_is_called_again(house: House) -> None:
    only = {"steps": [{"after_s": 0, "who": ["on_duty"]}], "idle_s": 60}
    load(house, staff(short=only))
    trip(house)
    take(house)
    pass_time(house, 61)
    assert called(house) == [("Wang", 0.0), ("Wang", 60.0)]


def test_accepting_the_order_is_an_answer_too(house: House) -> None:
    load(house, staff())
    trip(house)
    house.walk("accepted")
    assert incident(house).acknowledged_by == "wang"
    assert history(house)[-1] == ("moved", "wang")
    pass_time(house, 60 * MINUTE_S)
    assert called(house) == [("Wang", 0.0)]


def test_an_order_that_is_handed_back_starts_the_clock_again(house: House) -> None:
    load(house, staff())
    trip(house)
    house.walk("dispatched", assignee="wang")
    assert incident(house).acknowledged_at is None
    house.walk("accepted")
    pass_time(house, 600)
    house.walk("dispatched", assignee="sun")
    pass_time(house, 16 * MINUTE_S)
    assert called(house)[-1] == ("Li", 600.0 + 900.0)


def test_closing_cancels_what_was_planned(house: House) -> None:
    load(house, staff())
    house.see("temperature", 85.0, 1)
    house.see("temperature", 20.0, 2)
    house.acknowledge()
    assert history(house) == [("opened", None), ("acknowledged", "li"), ("closed", None)]
    assert house.timers_besides_orders() == 0


def test_the_policy_is_frozen_when_the_incident_opens(house: House) -> None:
    load(house, staff())
    trip(house)
    load(house, staff(silent={"steps": [{"after_s": 0, "who": ["manager"]}]}))
    pass_time(house, 20 * MINUTE_S)
    assert called(house) == ENGINEER_LEAD_MANAGER
    assert (incident(house).policy or {})["key"] == "default-heating-urgent"


def test_a_graver_alarm_begins_anew_even_after_an_acknowledgement(house: House) -> None:
    load(house, staff())
    house.see("temperature", 85.0, 0)
    take(house, by="li")
    house.clock.advance(60)
    trip(house, at=60)
    assert incident(house).acknowledged_at is None
    assert called(house) == [("Wang", 0.0), ("Wang", 60.0)]
    assert (incident(house).policy or {})["plan"] == 2
    assert [kind for kind, _ in history(house)] == ["opened", "acknowledged", "called_anew"]


def test_a_step_without_anybody_hands_over_at_once(house: House) -> None:
    content = staff()
    del content["rosters"]
    load(house, content)
    trip(house)
    assert called(house) == [("Li", 0.0)]
    assert [one.state for one in steps(house)][:2] == ["nobody", "done"]
    pass_time(house, 901)
    assert called(house) == [("Li", 0.0), ("Zhao", 900.0)]


def test_the_supplier_of_the_heating_is_called_at_once(house: House) -> None:
    content = staff()
    content["persons"]["supplier"] = person("Warm Ltd", "contractor", trades=["heating"])
    content["persons"]["lifts"] = person("Up Ltd", "contractor", trades=["lift"])
    load(house, content)
    trip(house)
    assert called(house) == [("Wang", 0.0), ("Warm Ltd", 0.0)]


def test_a_channel_that_the_server_does_not_have_is_none(house: House) -> None:
    content = staff()
    content["persons"]["wang"]["channels"] = [{"channel": "telegraph"}]
    load(house, content)
    trip(house)
    assert called(house) == [("Li", 0.0)]


def test_quiet_hours_hold_back_the_lead_but_not_who_is_on_duty(house: House) -> None:
    always = {"start": "00:00", "end": "23:59"}
    content = staff()
    for one in content["persons"].values():
        one["quiet_hours"] = always
    load(house, content)
    house.see("temperature", 85.0, 0)
    pass_time(house, 11 * MINUTE_S)
    wang, li = messages(house)
    assert wang.next_attempt_at == wang.created_at
    assert li.next_attempt_at > li.created_at + 60_000


def test_nobody_is_called_for_equipment_in_maintenance_until_it_is_over(house: House) -> None:
    load(house, staff())
    house.see("temperature", 85.0, 0)
    house.clock.advance(60)
    take_out(house, minutes=30)
    pass_time(house, 29 * MINUTE_S)
    assert called(house) == [("Wang", 0.0)]
    assert steps(house)[1].state == "cancelled"
    house.advance(2 * MINUTE_S)
    assert called(house)[1][0] == "Wang"
    pass_time(house, 10 * MINUTE_S)
    assert [name for name, _ in called(house)] == ["Wang", "Wang", "Li"]


def test_a_shelved_alarm_needs_nobody_to_move(house: House) -> None:
    load(house, staff())
    house.see("temperature", 85.0, 0)
    house.shelve(minutes=120)
    pass_time(house, 110 * MINUTE_S)
    assert called(house) == [("Wang", 0.0)]
    assert incident(house).acknowledged_at is not None


def test_an_alarm_that_joins_while_the_others_are_shelved_is_called_about(house: House) -> None:
    house.classes = variant("manual", severity="high", cause="motor")
    house.restart()
    load(house, staff())
    house.see("temperature", 85.0, 0)
    house.shelve(minutes=120)
    house.clock.advance(60)
    house.see("mode", 2, at=60)
    assert called(house) == [("Wang", 0.0), ("Wang", 60.0)]
    assert incident(house).acknowledged_at is None
    assert [row.receiver for row in house.all(Message)].count("duty") == 2
    pass_time(house, 10 * MINUTE_S)
    assert called(house)[-1] == ("Li", 660.0)


def test_an_alarm_that_joins_what_somebody_has_answered_calls_nobody(house: House) -> None:
    house.classes = variant("manual", severity="high", cause="motor")
    house.restart()
    load(house, staff())
    house.see("temperature", 85.0, 0)
    take(house)
    house.see("mode", 2, at=60)
    assert called(house) == [("Wang", 0.0)]


def test_life_safety_is_called_about_on_equipment_that_is_out_of_service(house: House) -> None:
    house.classes = variant("manual", severity="high", cause="motor", life_safety=True)
    house.restart()
    load(house, staff())
    house.see("temperature", 85.0, 0)
    take_out(house, minutes=60)
    pass_time(house, 11 * MINUTE_S)
    house.see("mode", 2, at=11 * MINUTE_S)
    assert called(house) == [("Wang", 0.0), ("Wang", 660.0)]

"""Acknowledged, but without activity: what counts as activity, and what does not."""

import pytest

from server.alarms.service import comment
from server.incidents.model import Incident
from tests.fakes.duty_house import MINUTE_S, called, history, load, pass_time, staff, take
from tests.fakes.house import House

DAY_S = 86_400


def trip(house: House, at: float = 0) -> None:
    house.see("fault", value=True, at=at)


def incident(house: House, number: int = 1) -> Incident:
    return house.all(Incident)[number - 1]


@pytest.mark.long
def test_cancelling_the_order_answers_nothing(house: House) -> None:
    load(house, staff())
    trip(house)
    pass_time(house, MINUTE_S)
    house.walk("cancelled", reason="a duplicate")
    assert incident(house).acknowledged_at is None
    pass_time(house, 28 * MINUTE_S)
    assert called(house) == [("Wang", 0.0), ("Li", 300.0), ("Zhao", 900.0)]


def test_an_acknowledgement_whose_order_is_cancelled_times_out(house: House) -> None:
    load(house, staff())
    trip(house)
    take(house)
    pass_time(house, MINUTE_S)
    house.walk("cancelled", reason="a duplicate")
    pass_time(house, 15 * MINUTE_S)
    assert called(house)[-1] == ("Li", 960.0)


def test_an_order_that_is_given_up_after_it_was_accepted_calls_the_next_ones(house: House) -> None:
    load(house, staff())
    trip(house)
    house.walk("accepted")
    pass_time(house, MINUTE_S)
    house.walk("cancelled", reason="wrong building")
    pass_time(house, 15 * MINUTE_S)
    assert called(house)[-1] == ("Li", 960.0)
    assert [kind for kind, _ in history(house)] == ["opened", "moved", "acknowledgement_timed_out"]


def test_an_order_accepted_days_before_the_incident_moves_nobody(house: House) -> None:
    load(house, staff())
    trip(house)
    house.walk("accepted")
    take(house)
    house.see("fault", value=False, at=60)
    assert incident(house).closed_at is not None
    house.clock.advance(5 * DAY_S)
    trip(house, at=5 * DAY_S)
    take_second(house)
    pass_time(house, 16 * MINUTE_S)
    assert [name for name, _ in called(house)] == ["Wang", "Wang", "Li"]


def take_second(house: House) -> None:
    house.acknowledge(2)
    assert incident(house, 2).acknowledged_by == "li"


def test_somebody_under_way_is_not_called_on_when_he_acknowledges_as_well(house: House) -> None:
    load(house, staff())
    house.see("temperature", 85.0, 0)
    house.walk("accepted")
    house.clock.advance(60)
    trip(house, at=60)
    take(house)
    pass_time(house, 60 * MINUTE_S)
    assert [name for name, _ in called(house)] == ["Wang", "Wang"]


WITHOUT_ORDER = {"steps": [{"after_s": 0, "who": ["on_duty"]}], "idle_s": 60}


def low_level(house: House) -> None:
    """An alarm whose rule opens no order; taken at 11 s."""
    load(house, staff(all=WITHOUT_ORDER))
    house.see("level", 0.5, 0)
    house.advance(11)
    take(house)


def test_without_an_order_an_acknowledgement_times_out_as_well(house: House) -> None:
    low_level(house)
    pass_time(house, 59)
    assert called(house) == [("Wang", 11.0)]
    pass_time(house, 2)
    assert called(house) == [("Wang", 11.0), ("Wang", 71.0)]
    assert incident(house).acknowledged_at is None


def test_without_an_order_a_comment_starts_the_clock_again(house: House) -> None:
    low_level(house)
    pass_time(house, 40)
    house.do(
        lambda session: comment(session, 1, by="wang", text="filling up", now=house.clock.now_ms())
    )
    pass_time(house, 59)
    assert called(house) == [("Wang", 11.0)]
    pass_time(house, 2)
    assert called(house) == [("Wang", 11.0), ("Wang", 111.0)]


def test_without_an_order_acknowledging_again_starts_the_clock_again(house: House) -> None:
    low_level(house)
    for _ in range(3):
        pass_time(house, 40)
        take(house, by="sun")
    assert called(house) == [("Wang", 11.0)]
    assert incident(house).acknowledged_by == "wang"
    assert history(house)[1:] == [("acknowledged", "wang"), *[("confirmed", "sun")] * 3]


def test_with_an_order_words_alone_move_nobody(house: House) -> None:
    load(house, staff())
    trip(house)
    take(house)
    pass_time(house, 10 * MINUTE_S)
    take(house)
    pass_time(house, 5 * MINUTE_S + 1)
    assert called(house) == [("Wang", 0.0), ("Li", 900.0)]

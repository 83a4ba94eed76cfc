"""A feeder without power explains what it supplies, as long as people know of the feeder."""

from collections.abc import Generator

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from server.alarms.model import Alarm
from server.assets.model import Equipment, PowerLink
from tests.fakes.estate import Estate

LOST, BACK = 2, 1
"""Values of the mode: the feeders of these tests have lost their power in mode 2."""


class Live(Estate):
    """Pumps that keep reporting."""

    def live(self, seconds: int) -> None:
        for first in range(0, seconds, 60):
            self.report(self.every)
            super().live(min(60, seconds - first))


@pytest.fixture
def estate(url: str) -> Generator[Estate]:
    estate = Live(url)
    yield estate
    estate.records.close()


def test_a_link_explains_only_the_equipment_that_it_is_of(estate: Estate) -> None:
    estate.feed(1, 2, cause="motor")
    estate.feed(1, 3, cause="mode")
    estate.read(1, "mode", LOST)
    estate.read(2, "temperature", 85.0)
    estate.read(3, "temperature", 85.0)
    estate.live(15)
    assert estate.hidden() == {(3, "pump.hot"): "power:estate/gw/pump1:mode"}
    assert estate.told() == ["estate/gw/pump1", "estate/gw/pump2"]


@pytest.mark.long
def test_an_outage_lasts_however_many_alarms_of_its_cause_came_after_it(estate: Estate) -> None:
    estate.feed(1, *range(2, 9), cause="motor")
    estate.read(1, "temperature", 85.0)
    estate.live(1)
    for _ in range(30):
        estate.read(1, "fault", value=True)
        estate.read(1, "fault", value=False)
        newest = max(row.id for row in estate.all(Alarm) if row.rule == "pump.fault")
        estate.acknowledge(newest)
        estate.live(1)
    estate.live(100)
    estate.read(2, "mode", LOST)
    estate.live(15)
    assert estate.hidden() == {(2, "pump.manual"): "power:estate/gw/pump1:motor"}


def test_what_is_urgent_is_told_although_there_is_no_power(estate: Estate) -> None:
    estate.feed(1, 2)
    estate.read(1, "mode", LOST)
    estate.live(15)
    estate.read(2, "fault", value=True)
    assert (2, "pump.fault") not in estate.hidden()
    assert estate.told()[-1] == "estate/gw/pump2"


def test_a_feeder_out_of_service_explains_nothing(estate: Estate) -> None:
    estate.feed(1, 2)

    def take_out(session: Session) -> None:
        now = estate.clock.now_ms()
        estate.actions.take_out(
            session,
            session.get_one(Equipment, 1),
            until=now + 3_600_000,
            reason="new contactor",
            by="li",
            now=now,
        )

    estate.do(take_out)
    estate.read(1, "mode", LOST)
    estate.read(2, "temperature", 85.0)
    estate.live(15)
    assert estate.told() == ["estate/gw/pump2"]


def test_a_feeder_that_goes_out_of_service_lets_go_of_what_it_explained(estate: Estate) -> None:
    estate.feed(1, 2)
    estate.read(1, "mode", LOST)
    estate.read(2, "temperature", 85.0)
    estate.live(15)
    assert estate.told() == ["estate/gw/pump1"]
    now = estate.clock.now_ms()
    estate.do(
        lambda session: estate.actions.take_out(
            session,
            session.get_one(Equipment, 1),
            until=now + 3_600_000,
            reason="new contactor",
            by="li",
            now=now,
        )
    )
    estate.live(5)
    assert estate.told() == ["estate/gw/pump1", "estate/gw/pump2"]


def test_a_shelved_feeder_is_known_and_still_explains(estate: Estate) -> None:
    estate.feed(1, 2)
    estate.read(1, "mode", LOST)
    estate.live(5)
    estate.shelve()
    estate.read(2, "temperature", 85.0)
    estate.live(60)
    assert estate.told() == ["estate/gw/pump1"]


@pytest.mark.long
def test_feeders_in_a_row_are_one_cause_the_uppermost(estate: Estate) -> None:
    """Pump 1 feeds 2, and 2 feeds 3 and 4; the order in which they fail does not matter."""
    estate.feed(1, 2)
    estate.feed(2, 3, 4)
    estate.read(3, "temperature", 85.0)
    estate.live(3)
    estate.read(2, "mode", LOST)
    estate.live(3)
    estate.read(1, "mode", LOST)
    estate.live(30)
    estate.read(4, "temperature", 85.0)
    estate.live(30)
    root = "power:estate/gw/pump1:mode"
    assert estate.hidden() == {
        (2, "pump.manual"): root,
        (3, "pump.hot"): root,
        (4, "pump.hot"): root,
    }
    assert estate.told() == ["estate/gw/pump1"]
    # Power is back above, but not below: then the lower feeder is the cause.
    estate.read(1, "mode", BACK)
    estate.live(120)
    below = "power:estate/gw/pump2:mode"
    assert estate.hidden() == {(3, "pump.hot"): below, (4, "pump.hot"): below}
    assert estate.told() == ["estate/gw/pump1", "estate/gw/pump2"]
    estate.read(2, "mode", BACK)
    estate.live(50)
    estate.read(3, "temperature", 20.0)
    assert estate.told() == ["estate/gw/pump1", "estate/gw/pump2"]
    estate.live(30)
    assert estate.hidden() == {}
    assert estate.told()[2:] == ["estate/gw/pump4"]


@pytest.mark.long
def test_a_lower_feeder_that_has_power_again_explains_no_longer(estate: Estate) -> None:
    estate.feed(1, 2)
    estate.feed(2, 3)
    estate.read(1, "mode", LOST)
    estate.read(2, "mode", LOST)
    estate.read(3, "temperature", 85.0)
    estate.live(30)
    assert estate.hidden()[3, "pump.hot"] == "power:estate/gw/pump1:mode"
    # The lower one was switched over to another feeder.
    estate.read(2, "mode", BACK)
    estate.live(50)
    assert estate.told() == ["estate/gw/pump1"]
    estate.live(30)
    assert estate.told() == ["estate/gw/pump1", "estate/gw/pump3"]


def test_feeders_that_supply_each_other_do_not_hide_each_other(estate: Estate) -> None:
    estate.feed(1, 2)
    estate.feed(2, 1)
    estate.read(1, "mode", LOST)
    estate.read(2, "mode", LOST)
    estate.live(30)
    assert len(estate.told()) == 1
    assert len(estate.hidden()) == 1


def test_a_link_that_is_forgotten_hides_nothing_any_more(estate: Estate) -> None:
    estate.feed(1, 2)
    estate.read(1, "mode", LOST)
    estate.read(2, "temperature", 85.0)
    estate.live(15)
    estate.do(lambda session: session.execute(delete(PowerLink)) and None)
    estate.live(4)
    assert estate.told() == ["estate/gw/pump1", "estate/gw/pump2"]


def test_a_feeder_alarm_that_nobody_heard_of_explains_nothing(estate: Estate) -> None:
    """The second feeder's alarm returned while it still waited for its own explanation."""
    estate.feed(1, 2)
    estate.feed(2, 3)
    estate.read(2, "mode", LOST)
    estate.live(2)
    estate.read(3, "temperature", 85.0)
    estate.live(2)
    estate.read(2, "mode", BACK)
    estate.live(20)
    assert estate.told() == ["estate/gw/pump3"]

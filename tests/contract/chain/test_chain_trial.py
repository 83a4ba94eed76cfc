"""What a tried rule would have meant for people, counted on a history with a known answer."""

from collections.abc import Generator
from typing import Any

import pytest

from config.server import ServerSettings
from server.alarming.trial_impact import Effect, Tried, effects_of
from server.alarms.evaluation.replay import Onset
from server.alarms.rulebook import merged
from server.incidents.model import Incident
from tests.fakes.duty_house import load, staff
from tests.fakes.estate import Estate
from tests.fakes.house import SETTINGS
from tests.fakes.pump_room import PUMP

SERVER = ServerSettings(messages=SETTINGS)
TEN_MINUTES = 600_000


@pytest.fixture
def estate(url: str) -> Generator[Estate]:
    estate = Estate(url)
    estate.report(estate.every)
    yield estate
    estate.records.close()


def effects(
    estate: Estate, name: str, *onsets: tuple[int, float, float | None], **changes: Any
) -> list[Effect]:
    """Onsets are pump, and seconds from the start at which it began and ended."""
    rule = merged(PUMP, name, PUMP.rules[name], changes)
    found = [
        Onset(
            pump,
            pump * 10,
            estate.start + round(at * 1000),
            None if until is None else estate.start + round(until * 1000),
            85.0,
        )
        for pump, at, until in onsets
    ]
    return estate.records.read(
        lambda session: effects_of(
            session,
            Tried(f"pump.{name}", rule, "heating"),
            found,
            settings=SERVER,
            acknowledged_ms=TEN_MINUTES,
        )
    )


def flags(found: list[Effect]) -> list[tuple[bool, bool, int]]:
    return [(one.new_incident, one.new_order, one.messages) for one in found]


NEW, JOINS = (True, True, 1), (False, False, 0)


def test_onsets_join_the_incident_until_it_was_acknowledged_and_is_over(estate: Estate) -> None:
    found = effects(
        estate,
        "hot",
        (2, 0, 10),  # opens; acknowledged at 600
        (2, 60, 70),  # still open
        (2, 500, 900),  # still open, and on until 900
        (3, 505, 510),  # another pump
        (2, 901, None),  # the incident was over at 900
        (2, 99_999, None),
    )
    assert flags(found) == [NEW, JOINS, JOINS, NEW, NEW, JOINS]


def test_urgent_ones_reach_more_receivers_and_some_open_no_order(estate: Estate) -> None:
    assert flags(effects(estate, "very_hot", (2, 0, 10))) == [(True, True, 2)]
    assert flags(effects(estate, "hot", (2, 0, 10), work_order=False)) == [(True, False, 1)]


def test_incidents_of_other_rules_are_joined_its_own_are_what_is_asked_for(
    estate: Estate,
) -> None:
    estate.read(2, "temperature", 85.0)
    estate.live(10)
    assert estate.count(Incident) == 1
    # Its incident was opened by hot itself, a moment after the reading.
    assert flags(effects(estate, "hot", (2, 5, 10))) == [NEW]
    # very_hot has the same cause: hot's incident and order were there anyway.
    assert flags(effects(estate, "very_hot", (2, 5, 10))) == [JOINS]
    assert flags(effects(estate, "very_hot", (3, 5, 10))) == [(True, True, 2)]


@pytest.mark.long
def test_what_an_outage_hid_meant_nothing(estate: Estate) -> None:
    estate.feed(1, 2)
    estate.read(1, "mode", 2)
    estate.live(100)
    estate.read(1, "mode", 1)
    estate.live(100)
    found = effects(
        estate,
        "hot",
        (2, 20, 90),  # all of it in the outage
        (2, 95, 400),  # still on when the outage has been over for a minute
        (3, 20, 90),  # has power
    )
    assert [one.explained_by for one in found] == ["power:estate/gw/pump1:mode", None, None]
    assert flags(found)[0] == JOINS
    assert flags(found)[1:] == [NEW, NEW]
    assert flags(effects(estate, "very_hot", (2, 20, 90))) == [(True, True, 2)]


@pytest.mark.long
def test_lost_connections_wait_and_a_silent_line_explains_them(estate: Estate) -> None:
    found = effects(estate, "gone", (2, 10, 15), (3, 10, 60))
    assert [one.explained_by for one in found] == ["settling", None]
    estate.connect(range(1, 5), online=False)
    estate.live(60)
    estate.connect(range(1, 5), online=True)
    estate.live(60)
    found = effects(estate, "gone", (2, 5, 55), (6, 5, 55))
    assert [one.explained_by for one in found] == ["line:estate/gw/a", None]


def test_people_are_called_by_the_steps_before_the_acknowledgement(estate: Estate) -> None:
    """Engineer at once, lead after five minutes, manager after fifteen; acknowledged after ten."""
    load(estate, staff())
    found = effects(estate, "fault", (2, 0, 4000), (2, 100, 200))
    assert [one.messages for one in found] == [2 + 2, 0]
    # Medium: the engineer, and after an hour the lead.
    assert [one.messages for one in effects(estate, "no_pressure", (2, 0, 4000))] == [1 + 1]

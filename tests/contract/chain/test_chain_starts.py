"""A start: what was away before, and delays that may have been cut short unheard."""

import pytest
from sqlalchemy.orm import Session

from server.alarms.model import Alarm
from server.assets.model import Equipment
from tests.fakes.house import House, link_watch


def away(house: House) -> None:
    """The row says that the pump went away five seconds after the start."""

    def set_offline(session: Session) -> None:
        equipment = session.get_one(Equipment, 1)
        equipment.online, equipment.since_at = False, house.start + 5000

    house.do(set_offline)


def test_a_start_without_the_broker_is_no_alarm_of_lost_connections(house: House) -> None:
    away(house)
    house.restart()
    receives = False
    sweep = link_watch(house, lambda: receives)

    def live(seconds: int) -> None:
        for _ in range(seconds // 2):
            house.advance(2)
            sweep.sweep()

    live(300)
    assert house.count(Alarm) == 0
    receives = True
    live(58)
    assert house.count(Alarm) == 0
    house.series["connection"].last_value = False
    live(4)
    assert house.alarm().rule == "pump.gone"


def test_a_start_with_the_broker_finds_who_is_away_with_its_true_onset(house: House) -> None:
    away(house)
    house.restart()
    sweep = link_watch(house, lambda: True)
    for _ in range(29):
        house.advance(2)
        sweep.sweep()
    assert house.count(Alarm) == 0
    for _ in range(2):
        house.advance(2)
        sweep.sweep()
    assert house.alarm().active_since_at == house.start + 5000


def test_a_delay_that_ended_while_the_server_was_away_waits_for_the_backlog(house: House) -> None:
    house.see("level", 0.5, 0)
    house.clock.advance(60)
    house.restart()
    house.advance(1)
    assert house.count(Alarm) == 0
    house.see("level", 3.0, 2, late=True)
    house.advance(60)
    assert house.count(Alarm) == 0


@pytest.mark.parametrize("seconds", [0, 9])
def test_a_delay_whose_value_still_stands_ends_at_once_after_a_start(
    house: House, seconds: int
) -> None:
    house.see("level", 0.5, 0)
    house.clock.advance(seconds)
    house.restart()
    house.born("level", 0)
    house.advance(10.5 - seconds)
    assert house.alarm().active_since_at == house.start

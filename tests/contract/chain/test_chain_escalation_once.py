"""A step runs exactly once, whatever is restarted, repeated or refused, on every database."""

from functools import partial

import pytest
from sqlalchemy.exc import OperationalError

from server.core.errors import StoreError
from server.core.model import Event
from server.core.timers import due_timers
from tests.fakes.duty_house import MINUTE_S, at_once, called, load, pass_time, staff, sweep_of
from tests.fakes.house import House

ENGINEER_LEAD_MANAGER = [("Wang", 0.0), ("Li", 300.0), ("Zhao", 900.0)]


def trip(house: House) -> None:
    house.see("fault", value=True, at=0)


def test_steps_that_were_due_while_the_server_was_down_run_once_at_its_start(
    house: House,
) -> None:
    load(house, staff())
    trip(house)
    house.clock.advance(20 * MINUTE_S)
    sweep_of(house).sweep()
    sweep_of(house).sweep()
    assert called(house) == [("Wang", 0.0), ("Li", 1200.0), ("Zhao", 1200.0)]


@pytest.mark.parametrize("minutes", [0, 3, 6, 14, 16])
def test_a_restart_at_any_moment_changes_no_step(house: House, minutes: int) -> None:
    load(house, staff())
    trip(house)
    pass_time(house, minutes * MINUTE_S)
    house.restart()
    pass_time(house, (20 - minutes) * MINUTE_S)
    assert called(house) == ENGINEER_LEAD_MANAGER


def test_two_servers_and_a_repeated_timer_run_a_step_once(house: House) -> None:
    load(house, staff())
    trip(house)
    house.clock.advance(301)
    due = house.records.read(partial(due_timers, now=house.clock.now_ms()))
    at_once(house, lambda handler: handler.on_timer(due[0]))
    assert called(house) == [("Wang", 0.0), ("Li", 301.0)]
    events = [one.payload for one in house.all(Event) if one.kind == "incident.escalated"]
    assert [one["notified"] for one in events] == [["Wang"], ["Li"]]
    assert all(one["told"] == one["notified"] for one in events)  # the earlier name


def test_a_step_whose_commit_fails_runs_once_when_the_records_are_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_transaction: object) -> None:
        raise OperationalError("COMMIT", {}, OSError("disk full"))

    load(house, staff())
    trip(house)
    house.clock.advance(301)
    monkeypatch.setattr("sqlalchemy.orm.SessionTransaction.commit", fail)
    with pytest.raises(StoreError):
        sweep_of(house).sweep()
    monkeypatch.undo()
    assert called(house) == [("Wang", 0.0)]
    sweep_of(house).sweep()
    assert called(house) == [("Wang", 0.0), ("Li", 301.0)]

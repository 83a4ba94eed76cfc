"""Random walks over rows: they say at every step what the pure state machine says."""

import random
from dataclasses import replace

import pytest

from server.alarms import state
from server.alarms.model import Alarm
from server.alarms.repository import facts_of
from server.alarms.state import AlarmFacts, OutOfService, Shelf
from server.assets.model import Equipment
from server.core.errors import ConflictError, InvalidError
from server.core.model import Message
from tests.contract.chain.test_chain_putting_aside import variant
from tests.fakes.house import MINUTE, House

EVENTS = ("on", "off", "acknowledge", "shelve", "unshelve", "take_out", "put_in", "reset", "kill")


class Walk:
    """The house and the model side by side."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.random = random.Random(seed)  # noqa: S311 (repeatable, no secret)
        self.model = AlarmFacts(latching=True)
        self.out = False
        self.told = 0
        self.at = 0

    def alarm(self) -> Alarm | None:
        rows = [row for row in self.house.all(Alarm) if row.closed_at is None]
        assert len(rows) <= 1
        return rows[0] if rows else None

    def step(self) -> str:
        event = self.random.choice(EVENTS)
        self.at += 100
        self.house.clock.advance(1)
        getattr(self, event)()
        row = self.alarm()
        expected = replace(self.model, shelf=None, out_of_service=None)
        if row is None:
            assert expected.over or self.out, event
            self.model = AlarmFacts(latching=True)
        else:
            found = facts_of(row)
            assert found.state == self.model.state, event
            assert replace(found, shelf=None, out_of_service=None) == expected, event
        return event

    def on(self) -> None:
        fresh = self.alarm() is None
        self.house.see("temperature", 90.0, self.at)
        self.model = state.activate(self.model)
        if fresh and self.out:
            until = self.house.clock.now_ms() + 1
            self.model = state.take_out_of_service(self.model, OutOfService(until, "wang"))

    def off(self) -> None:
        self.house.see("temperature", 20.0, self.at)
        self.model = state.return_to_normal(self.model)

    def acknowledge(self) -> None:
        row = self.alarm()
        if row is not None:
            self.house.acknowledge(row.id)
            self.model = state.acknowledge(self.model)

    def shelve(self) -> None:
        row = self.alarm()
        if row is None:
            return
        self.house.shelve(row.id)
        self.model = state.shelve(state.acknowledge(self.model), Shelf(1, "li", "x"))

    def unshelve(self) -> None:
        row = self.alarm()
        if row is None:
            return
        row_id, now = row.id, self.house.clock.now_ms()
        self.house.do(
            lambda session: self.house.handling.unshelve(
                session, session.get_one(Alarm, row_id), by="li", now=now
            )
        )
        self.model = state.unshelve(self.model)

    def take_out(self) -> None:
        now = self.house.clock.now_ms()
        self.house.do(
            lambda session: self.house.handling.take_out(
                session,
                session.get_one(Equipment, 1),
                until=now + 600 * MINUTE,
                reason="bearing",
                by="wang",
                now=now,
            )
        )
        if self.alarm() is not None:
            self.model = state.take_out_of_service(self.model, OutOfService(1, "wang"))
        self.out = True

    def put_in(self) -> None:
        now = self.house.clock.now_ms()
        self.house.do(
            lambda session: self.house.handling.put_in(
                session, session.get_one(Equipment, 1), by="wang", now=now
            )
        )
        self.model = state.put_in_service(self.model)
        self.out = False

    def reset(self) -> None:
        row = self.alarm()
        if row is None:
            return
        row_id, now = row.id, self.house.clock.now_ms()
        try:
            self.house.do(
                lambda session: self.house.handling.reset(session, row_id, by="li", now=now)
            )
        except (ConflictError, InvalidError):
            assert self.model.active or not self.model.latched
            return
        self.model = state.reset(self.model)

    def kill(self) -> None:
        self.house.restart()


@pytest.mark.parametrize("seed", range(6))
def test_rows_follow_the_state_machine(house: House, seed: int) -> None:
    house.classes = variant("hot", latching=True, severity="low")
    house.restart()
    walk = Walk(house, seed)
    seen = {walk.step() for _ in range(60)}
    assert seen == set(EVENTS)
    keys = [row.key for row in house.all(Message)]
    assert len(keys) == len(set(keys))

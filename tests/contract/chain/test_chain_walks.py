"""Random walks over rows: they say at every step what a plain model says, and forget nothing."""

import random
from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from server.alarms.model import Alarm, AlarmChange
from server.alarms.repository import facts_of
from server.assets.model import Equipment
from server.core.errors import ConflictError
from server.messages.model import Message
from tests.contract.chain.test_chain_shelving import variant
from tests.fakes.house import MINUTE, House

EVENTS = (
    "on",
    "off",
    "acknowledge",
    "shelve",
    "unshelve",
    "suppress",
    "release",
    "take_out",
    "put_in",
    "reset",
    "late",
    "again",
    "rule",
    "kill",
)


class Plain:
    """The alarm of one point in the words of an operator; knows nothing of the code."""

    def __init__(self) -> None:
        self.open = self.on = self.unseen = self.latch = self.told = False
        self.hidden: set[str] = set()

    def name(self) -> str:
        for way in ("out_of_service", "suppressed", "shelved"):
            if way in self.hidden:
                return way
        if self.unseen:
            return "unacknowledged" if self.on else "returned_unacknowledged"
        return "acknowledged" if self.on else "latched" if self.latch else "normal"

    def raised(self, *, out: bool) -> None:
        if not self.open:
            self.__init__()
            self.open = True
            self.hidden = {"out_of_service"} if out else set()
        self.on = self.unseen = self.latch = True
        self.told = self.told or not self.hidden

    def back_in_view(self, way: str) -> None:
        if way in self.hidden:
            self.hidden.discard(way)
            self.unseen = self.unseen or self.on
            self.told = self.told or (self.on and not self.hidden)
            self.close()

    def close(self) -> None:
        """It ends when nothing is left to do; unheard of, nobody need have seen it."""
        done = not self.on and not self.latch
        seen = not self.unseen and "shelved" not in self.hidden
        unheard = not self.told and bool(self.hidden)
        if done and (seen or unheard):
            self.open = False


class Walk:
    """The house and the model side by side."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.random = random.Random(seed)  # noqa: S311 (repeatable, no secret)
        self.plain = Plain()
        self.out = False
        self.enabled = True
        self.at = 100
        self.seen: list[tuple[int, float]] = []
        """What the point has said live."""
        self.recent: list[tuple[int, float]] = []
        """The same since the rule was switched on: what came before it may judge anew."""
        self.recorded = 0

    def alarm(self) -> Alarm | None:
        rows = [row for row in self.house.all(Alarm) if row.closed_at is None]
        assert len(rows) <= 1
        return rows[0] if rows else None

    def step(self) -> str:
        event = self.random.choice(EVENTS)
        self.at += 100
        self.house.clock.advance(1)
        getattr(self, event)()
        row, plain = self.alarm(), self.plain
        assert (row is not None) is plain.open, event
        if row is not None:
            found = facts_of(row)
            assert str(found.state) == plain.name(), event
            assert (found.active, found.acknowledged, found.latched) == (
                plain.on,
                not plain.unseen,
                plain.latch,
            ), event
            assert (row.announced_at is not None) is plain.told, event
        past = [one for one in self.house.all(AlarmChange) if one.kind == "recorded"]
        assert len(past) == self.recorded, event
        return event

    def do(self, work: Callable[[Session, Alarm, int], object]) -> bool:
        """Do something with the open alarm; False when there is none."""
        row = self.alarm()
        if row is None:
            return False
        row_id, now = row.id, self.house.clock.now_ms()
        self.house.do(lambda session: work(session, session.get_one(Alarm, row_id), now))
        return True

    def say(self, value: float) -> None:
        self.seen.append((self.at, value))
        self.recent.append((self.at, value))
        self.house.see("temperature", value, self.at)

    def on(self) -> None:
        self.say(90.0)
        if self.enabled and not self.plain.on:
            self.plain.raised(out=self.out)

    def off(self) -> None:
        self.say(20.0)
        self.over()

    def over(self) -> None:
        if self.plain.on:
            self.plain.on = False
            self.plain.close()

    def again(self) -> None:
        """What was said is said again, live and late."""
        for at, value in self.random.sample(self.recent, min(3, len(self.recent))):
            self.house.see("temperature", value, at, late=self.random.random() < 0.5)

    def late(self) -> None:
        """Between two values that were normal it was hot for a while; told twice."""
        if not self.enabled:
            self.rule()
        self.off()
        before = self.at
        self.at += 100
        self.off()
        for _ in range(2):
            self.house.see("temperature", 91.0, before + 30, late=True)
            self.house.see("temperature", 20.0, before + 60, late=True)
        self.recorded += 1

    def rule(self) -> None:
        self.enabled = not self.enabled
        self.recent.clear()
        self.house.change_rule("hot", {} if self.enabled else {"enabled": False})
        if not self.enabled:
            self.over()
        elif self.seen and self.seen[-1][1] > 80:
            self.plain.raised(out=self.out)

    def acknowledge(self) -> None:
        if self.do(lambda _session, alarm, _now: self.acknowledged.append(alarm.id)):
            self.house.acknowledge(self.acknowledged.pop())
            self.plain.unseen = False
            self.plain.close()

    acknowledged: list[int] = []  # noqa: RUF012 (emptied at once)

    def shelve(self) -> None:
        row = self.alarm()
        if row is not None:
            self.house.shelve(row.id)
            self.plain.hidden.add("shelved")
            self.plain.unseen = False

    def unshelve(self) -> None:
        actions = self.house.actions
        if self.do(lambda session, alarm, now: actions.unshelve(session, alarm, by="li", now=now)):
            self.plain.back_in_view("shelved")

    def suppress(self) -> None:
        actions, cause = self.house.actions, "power:estate/gw/board"
        if self.do(lambda session, alarm, now: actions._suppress(session, alarm, cause, now=now)):
            self.plain.hidden.add("suppressed")
            self.plain.close()

    def release(self) -> None:
        actions = self.house.actions
        if self.do(lambda session, alarm, now: actions.release(session, alarm, now=now)):
            self.plain.back_in_view("suppressed")

    def take_out(self) -> None:
        now = self.house.clock.now_ms()
        self.house.do(
            lambda session: self.house.actions.take_out(
                session,
                session.get_one(Equipment, 1),
                until=now + 600 * MINUTE,
                reason="bearing",
                by="wang",
                now=now,
            )
        )
        self.out = True
        if self.plain.open:
            self.plain.hidden.add("out_of_service")
            self.plain.close()

    def put_in(self) -> None:
        now = self.house.clock.now_ms()
        self.house.do(
            lambda session: self.house.actions.put_in(
                session, session.get_one(Equipment, 1), by="wang", now=now
            )
        )
        self.out = False
        self.plain.back_in_view("out_of_service")

    def reset(self) -> None:
        row = self.alarm()
        if row is None:
            return
        actions = self.house.actions
        try:
            self.do(lambda session, alarm, now: actions.reset(session, alarm.id, by="li", now=now))
        except ConflictError:
            assert self.plain.on or not self.plain.latch
        else:
            assert self.plain.latch
            self.plain.latch = False
            self.plain.close()

    def kill(self) -> None:
        """The next process knows the last value from the history."""
        self.house.restart()
        if self.seen:
            at, value = self.seen[-1]
            series = self.house.series["temperature"]
            series.last_at, series.last_value = self.house.start + 1000 * at, value
            series.last_quality = series.last_quality.GOOD


@pytest.mark.long
@pytest.mark.seeds(2, 8)
def test_rows_follow_a_plain_model(house: House, seed: int) -> None:
    house.classes = variant("hot", latching=True, severity="low")
    house.restart()
    walk = Walk(house, seed)
    seen = {walk.step() for _ in range(90)}
    assert seen == set(EVENTS)
    assert walk.recorded > 0
    keys = [row.key for row in house.all(Message)]
    assert len(keys) == len(set(keys))

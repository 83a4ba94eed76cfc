"""A heating season of orders in seconds; its monthly figures are counted a second time by hand."""

from collections import Counter
from datetime import date, datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, true
from sqlalchemy.orm import Session

from config.server import ServerSettings
from server.assets.model import Room, Site
from server.reports.records import facts
from server.reports.repairs import Figure, month_of, ratio
from server.requests.faults import FAULTS
from server.requests.service import Wish, take_request
from server.workorders.history import Satisfaction
from server.workorders.model import WorkOrder, WorkOrderEvent
from server.workorders.service import make_appointment, transition
from tests.fakes.house import MINUTE, House

ZONE = ZoneInfo("Asia/Shanghai")
MONTHS = [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1), date(2027, 2, 1)]
DAYS, LOOKS, DAY_S = 100, 2, 86_400
DONE = {"completed", "verified", "called_back", "closed"}
FIGURES = ("on_time", "passed", "called_back", "satisfied")
NEVER_CALLED = 5
"""Whose order has a number that this divides is never reached."""
SETTINGS = ServerSettings()
Rows = list[WorkOrderEvent]


class Season:
    """What happens to a house with some pumps."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.random = Random(seed)  # noqa: S311 (a season, no secret)
        self.rooms: list[int] = house.do(_add_rooms)

    def trip(self) -> None:
        """A pump trips or runs hot, and after a while is normal again and seen."""
        house, random = self.house, self.random
        house.series = random.choice(house.pumps)
        at = (house.clock.now_ms() - house.start) / 1000
        point, bad, good = random.choice([("fault", True, False), ("temperature", 85.0, 20.0)])
        house.see(point, bad, at)
        house.clock.advance(60)
        house.see(point, good, at + 60)
        for alarm in house.all_open_alarms():
            house.acknowledge(alarm)

    def ask(self) -> None:
        """A resident asks for a repair: for something new, or once more."""
        random, now = self.random, self.house.clock.now_ms()
        room, fault = random.choice(self.rooms), random.choice(["tap", "socket", "no_power"])

        def take(session: Session) -> None:
            wish = Wish(
                room=session.get_one(Room, room),
                fault=FAULTS[fault],
                name="Li",
                phone="13912345678",
                by="li",
            )
            take_request(session, wish, settings=SETTINGS, channels=None, now=now)

        self.house.do(take)

    def work(self, order: WorkOrder) -> None:
        """Somebody takes the order one step further, sometimes back."""
        random = self.random
        more: dict[str, Any] = {}
        match order.state:
            case "open" | "dispatched":
                to = "cancelled" if random.random() < 0.08 else "accepted"
                more = {"reason": "false_alarm"} if to == "cancelled" else {}
                if to == "accepted" and order.severity != "urgent" and random.random() < 0.6:
                    self.agree(order)
            case "accepted":
                to, more = ("on_site", {})
                if random.random() < 0.2:
                    to, more = "waiting", {"reason": "resident"}
            case "waiting":
                to = "on_site"
            case "on_site" | "in_progress":
                to = "completed"
            case "completed":
                to = "in_progress" if random.random() < 0.15 else "verified"
            case "verified":
                to = "called_back" if random.random() < 0.5 else "closed"
                more = {"satisfaction": random.choice([None, *Satisfaction])}
            case _:
                to = "closed"
        self.step(order, to, **more)
        if to == "accepted" and random.random() < 0.4:
            # Somebody goes there at once.
            self.house.clock.advance(random.randrange(60, 2000))
            self.step(order, "on_site")

    def call(self, order: WorkOrder) -> None:
        """The desk calls a resident; some are never reached, some are not content."""
        if order.state == "called_back":
            self.step(order, "in_progress" if self.random.random() < 0.2 else "closed")
        elif order.id % NEVER_CALLED:
            said = self.random.choice(list(Satisfaction))
            self.step(order, "called_back", satisfaction=said)

    def step(self, order: WorkOrder, to: str, **more: Any) -> None:
        self.house.do(
            lambda session: transition(
                session, order.id, to=to, by="wang", now=self.house.clock.now_ms(), **more
            )
        )

    def agree(self, order: WorkOrder) -> None:
        now = self.house.clock.now_ms()
        at = now + self.random.randrange(10, 300) * MINUTE
        self.house.do(
            lambda session: make_appointment(session, order.id, at=at, note=None, by="li", now=now)
        )

    def run(self, days: int, trips_a_day: float) -> None:
        house, random = self.house, self.random
        for _ in range(days):
            for _ in range(LOOKS):
                if random.random() < trips_a_day / LOOKS:
                    self.trip()
                if random.random() < trips_a_day / LOOKS:
                    self.ask()
                for order in house.records.read(_open_orders):
                    if random.random() < 0.6:
                        house.clock.advance(random.randrange(30, 900))
                        calls = order.of_resident and order.state in {"verified", "called_back"}
                        (self.call if calls else self.work)(order)
                house.clock.advance(DAY_S / LOOKS * 0.9)


def _add_rooms(session: Session) -> list[int]:
    site = session.scalars(select(Site.id)).one()
    rooms = [
        Room(site_id=site, key=key, building="", floor="", name="") for key in ("501", "502", "601")
    ]
    session.add_all(rooms)
    session.flush()
    return [one.id for one in rooms]


def _open_orders(session: Session) -> list[WorkOrder]:
    return list(session.scalars(select(WorkOrder).where(WorkOrder.closed_at.is_(None))))


def by_hand(
    rows: Rows, start: int, end: int, now: int, *, of_resident: bool
) -> dict[str, bool | None]:
    """Count one repair a second time, from its raw lines and nothing else."""
    states = [row for row in rows if row.from_state != row.to_state]
    first = {state: next((r.at for r in states if r.to_state == state), None) for state in DONE}
    arrived = next((r.at for r in states if r.to_state == "on_site"), None)
    gone = next((r.at for r in states if r.to_state == "cancelled"), None)
    due: list[int] = []
    says = {"opened", "severity", "repeat_failure", "reopened"}
    urgent = [row.at for row in rows if row.kind in says and row.reason == "urgent"]
    if urgent:
        limit = urgent[0] + 30 * MINUTE
        for row, after in zip(states, [*states[1:], None], strict=True):
            if row.to_state == "waiting" and row.at < limit:
                limit += max((now if after is None else after.at) - max(row.at, urgent[0]), 0)
        due.append(limit)
    agreed = [row.appointment_at for row in rows if row.kind == "appointment"]
    due += [agreed[-1]] if agreed and agreed[-1] is not None else []
    found: dict[str, bool | None] = dict.fromkeys(FIGURES)
    if due and start <= min(due) < end:
        if arrived is not None and arrived <= min(due):
            found["on_time"] = True
        elif now > min(due) and not (gone is not None and gone <= min(due)):
            found["on_time"] = False
    back = any(r.from_state in DONE and r.to_state == "in_progress" for r in states)
    completed = first["completed"]
    if completed is not None and start <= completed < end:
        found["passed"] = False if back else True if first["verified"] is not None else None
    calls = [r for r in states if r.to_state == "called_back"]
    if of_resident and completed is not None and start <= completed < end:
        found["called_back"] = bool(calls)
    if calls and start <= calls[-1].at < end and calls[-1].satisfaction is not None:
        found["satisfied"] = calls[-1].satisfaction != "dissatisfied"
    return found


def counted_by_hand(session: Session, start: int, end: int, now: int) -> dict[str, list[int]]:
    counts = {f"{name} {met}": [] for name in FIGURES for met in (0, 1)}
    for order in session.scalars(select(WorkOrder).order_by(WorkOrder.id)):
        query = select(WorkOrderEvent).where(WorkOrderEvent.work_order_id == order.id)
        rows = list(session.scalars(query.order_by(WorkOrderEvent.id)))
        repairs: list[Rows] = [[]]
        for row in rows:
            if row.kind in {"repeat_failure", "reopened"}:
                repairs.append([])
            repairs[-1].append(row)
        for number, repair in enumerate(repairs):
            of_resident = order.room_id is not None
            found = by_hand(repair, start, end, now, of_resident=of_resident)
            again = repairs[number + 1][0].kind if number + 1 < len(repairs) else ""
            if again == "repeat_failure" and any(
                r.to_state == "completed" and start <= r.at < end
                for r in repair
                if r.from_state != r.to_state
                and r.at == min(x.at for x in repair if x.to_state == "completed")
            ):
                found["passed"] = False
            for name, met in found.items():
                if met is not None:
                    counts[f"{name} {int(met)}"].append(order.id)
    return counts


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.size(2, 12)
@pytest.mark.seeds(1, 6)
def test_the_figures_of_every_month_are_those_of_the_raw_lines(
    url: str, size: int, seed: int
) -> None:
    house = House(url, number=size)
    Season(house, seed).run(DAYS, trips_a_day=size / 10)
    now = house.clock.now_ms()
    assert datetime.fromtimestamp(now / 1000, ZONE).year == 2027

    def compare(session: Session) -> None:
        orders = session.scalars(select(WorkOrder)).all()
        assert len(orders) > size
        assert sum(order.repeat_failures for order in orders) > 0
        in_all: Counter[str] = Counter()
        for first in MONTHS:
            month = month_of(first, ZONE)
            repairs = facts(session, true(), month, now=now)
            found: dict[str, list[int]] = {}
            for figure in Figure:
                one = ratio(figure, repairs, month, now=now)
                found[f"{figure} 0"] = [repair.order_id for repair in one.missed]
                found[f"{figure} 1"] = [repair.order_id for repair in one.met]
            assert found == counted_by_hand(session, month.start, month.end, now)
            for name, ids in found.items():
                in_all[name] += len(ids)
        assert in_all.total() > 4 * size
        # Nothing is compared that did not happen.
        assert set(+in_all) == {f"{name} {met}" for name in FIGURES for met in (0, 1)}

    house.records.read(compare)
    house.records.close()

"""Twenty people and many orders: no state that the table forbids, no lost update, no odd clock."""

from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random

import pytest
from sqlalchemy.orm import Session

from server.access.model import User
from server.core.errors import ConflictError, InvalidError
from server.workorders.history import events_of
from server.workorders.model import WorkOrder, WorkOrderEvent
from server.workorders.service import StaleVersionError, get_order, transition
from tests.fakes.house import MINUTE, House
from tests.unit.test_workorders_states import ALLOWED

PEOPLE = [f"p{number}" for number in range(20)]
REASONS = ("parts", "vendor", "resident", "lunch", None)


@pytest.fixture
def crowd(url: str, size: int) -> Generator[House]:
    house = House(url, number=size)

    def logins(session: Session) -> None:
        for name in PEOPLE:
            session.add(User(name=name, password_hash="", role="operator", created_at=0))

    house.do(logins)
    for pump in house.pumps:
        house.series = pump
        house.see("fault", value=True, at=1)
    yield house
    house.records.close()


def step(
    house: House, order: int, who: str, to: str, *, version: int, reason: str | None = None
) -> str:
    """Return what became of a step: the state, stale, or refused."""
    try:
        row = house.do(
            lambda session: transition(
                session,
                order,
                to=to,
                by=who,
                reason=reason,
                assignee=who if to == "dispatched" else None,
                now=house.clock.now_ms(),
                expected_version=version,
            )
        )
    except StaleVersionError:
        return "stale"
    except (ConflictError, InvalidError):
        return "refused"
    return row.state


def arrival_due(events: list[WorkOrderEvent], now: int) -> int:
    """Thirty minutes after the opening, and what was waited before, counted here by hand."""
    due = events[0].at + 30 * MINUTE
    done = [row.at for row in events if row.to_state in {"completed", "cancelled"}]
    end = done[-1] if done and events[-1].to_state not in WORKING else now
    for row, after in zip(events, [*events[1:], None], strict=True):
        if row.to_state == "waiting" and row.at < due:
            due += min(end if after is None else after.at, end) - row.at
    return due


WORKING = {"open", "dispatched", "accepted", "on_site", "in_progress", "waiting"}


@pytest.mark.timeout(240)
@pytest.mark.size(5, 500)
@pytest.mark.seeds(1, 5)
def test_whoever_does_what_in_any_order(crowd: House, size: int, seed: int) -> None:
    random = Random(seed)  # noqa: S311 (a walk, no secret)
    known = dict.fromkeys(range(1, size + 1), (1, "open"))
    read: dict[tuple[str, int], int] = {}
    outcomes: Counter[str] = Counter()
    for _ in range(size * 14):
        crowd.clock.advance(random.randrange(0, 240))
        who, order = random.choice(PEOPLE), random.randint(1, size)
        version, state = known[order]
        # Some act on what they have read a while ago.
        seen = version if random.random() < 0.7 else read.get((who, order), version)
        read[who, order] = version
        usual = ALLOWED[state].split()
        to = random.choice(usual) if usual and random.random() < 0.8 else random.choice([*ALLOWED])
        reason = random.choice(REASONS)
        became = step(crowd, order, who, to, version=seen, reason=reason)
        if seen != version:
            assert became == "stale"
        elif became not in {"stale", "refused"}:
            assert to in ALLOWED[state].split()
            known[order] = (version + 1, became)
        outcomes[became] += 1
    assert outcomes["stale"]
    assert outcomes["refused"]
    check(crowd, known)


def check(house: House, known: dict[int, tuple[int, str]]) -> None:
    """Compare every order with what was accepted, and with its own history."""

    def look(session: Session) -> None:
        for order_id, (version, state) in known.items():
            order = get_order(session, order_id)
            events = list(events_of(session, order_id))
            assert (order.version, order.state) == (version, state)
            assert version == len(events)
            for before, after in pairwise(events):
                assert after.from_state == before.to_state
                assert after.to_state in ALLOWED[str(after.from_state)].split()
                assert after.at >= before.at
                if after.to_state == "waiting":
                    assert after.reason in {"parts", "vendor", "resident"}
            assert (order.closed_at is not None) == (state in {"closed", "cancelled"})
            # The column is as of the last step.
            assert order.on_site_due_at == arrival_due(events, events[-1].at)

    house.records.read(look)


@pytest.mark.timeout(240)
@pytest.mark.size(3, 60)
def test_of_twenty_at_once_one_takes_the_step(crowd: House, size: int) -> None:
    for order in range(1, size + 1):
        with ThreadPoolExecutor(len(PEOPLE)) as pool:
            became = list(
                pool.map(
                    lambda who, order=order: step(crowd, order, who, "accepted", version=1), PEOPLE
                )
            )
        assert Counter(became) == {"accepted": 1, "stale": len(PEOPLE) - 1}
        winner = PEOPLE[became.index("accepted")]
        row = crowd.records.read(lambda session, order=order: session.get_one(WorkOrder, order))
        assert (row.version, row.assignee) == (2, winner)

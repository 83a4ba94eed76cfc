"""The table of what a device does not give: each state by each event."""

from collections.abc import Callable

import pytest

from config.points import Table
from edge_agent.drivers.question import ALL_AVAILABLE, Barrier, Unavailable
from edge_agent.drivers.registers.plan import Block
from edge_agent.polling.availability import Availability, State, Transition
from edge_agent.polling.bisection import SILENT, Bisection
from tests.fakes.devices import point

POINTS = {f"p{at}": point(at) for at in (0, 1, 8)}
WHOLE = Block(Table.HOLDING, 0, 9, ("p0", "p1", "p8"))
ONE = Block(Table.HOLDING, 1, 1, ("p1",))
HOUR = 3600.0


class Rows:
    """A table, its transitions and what it had kept."""

    def __init__(self, known: Unavailable = ALL_AVAILABLE) -> None:
        self.kept: list[Unavailable] = []
        self.transitions: list[Transition] = []
        self.table = Availability(
            known, now_s=0.0, keep=self.kept.append, report=self.transitions.append
        )

    def find(self, now_s: float, code: int = 2) -> bool:
        """p1 is found."""
        search = Bisection()
        search.split(ONE, POINTS, code, "exception")
        return self.table.conclude(search, now_s, heard=True)

    def state(self) -> State:
        row = self.table._points.get("p1")
        return State.AVAILABLE if row is None else row.state

    def reported(self) -> list[State]:
        return [one.state for one in self.transitions]


def fail(rows: Rows) -> None:
    rows.table.failed(ONE, "refused_6", "busy")


def disturb(rows: Rows) -> None:
    rows.table.disturbed(ONE, "garbage", "noise")


def separate(rows: Rows) -> None:
    rows.table.separate(ONE)


def find(rows: Rows) -> None:
    rows.find(10.0)


def find_silent(rows: Rows) -> None:
    rows.find(10.0, SILENT)


def retry(rows: Rows) -> None:
    rows.table.retry(100.0)


def put_back(rows: Rows) -> None:
    rows.table.retry_in_plan(ONE)


def answer(rows: Rows) -> None:
    rows.table.answered(ONE)


Step = Callable[[Rows], None]


@pytest.mark.parametrize(
    ("steps", "state", "reported"),
    [
        ([answer], State.AVAILABLE, []),
        ([fail], State.FAILING, ["failing"]),
        ([fail, fail, answer], State.AVAILABLE, ["failing", "available"]),
        ([disturb], State.FAILING, []),
        ([disturb, answer], State.AVAILABLE, []),
        ([disturb, disturb, disturb], State.FAILING, ["failing"]),
        ([fail, find], State.UNAVAILABLE, ["failing", "unavailable"]),
        ([find, fail, answer], State.UNAVAILABLE, ["unavailable"]),
        ([find, retry], State.RETRIED, ["unavailable"]),
        ([find, retry, fail], State.RETRIED, ["unavailable"]),
        ([find, retry, find], State.UNAVAILABLE, ["unavailable"]),
        ([find, retry, answer], State.AVAILABLE, ["unavailable", "available"]),
        ([find_silent, retry], State.UNAVAILABLE, ["unavailable"]),
        ([find_silent, retry, put_back, answer], State.AVAILABLE, ["unavailable", "available"]),
        ([separate], State.SEPARATE, []),
        ([separate, retry, answer], State.SEPARATE, []),
        ([separate, put_back, answer], State.AVAILABLE, []),
        ([separate, find_silent], State.UNAVAILABLE, ["unavailable"]),
        ([find, retry, separate, find_silent], State.UNAVAILABLE, ["unavailable"]),
    ],
)
def test_a_point_goes_from_state_to_state_and_each_change_is_reported_once(
    steps: list[Step], state: State, reported: list[str]
) -> None:
    rows = Rows()
    for step in steps:
        step(rows)
    assert rows.state() is state
    assert rows.reported() == reported
    assert ("p1" in rows.table.unavailable.points) == (state in {"unavailable", "separate"})


def test_what_is_found_again_is_tried_ever_more_rarely_and_kept() -> None:
    rows = Rows()
    assert rows.find(0.0)
    tries = []
    now_s = 0.0
    while now_s < 20 * HOUR:
        now_s += 10.0
        if rows.table.due(now_s):
            assert rows.table.retry(now_s) == []
            tries.append(now_s)
            rows.find(now_s)
    assert tries[:4] == pytest.approx([60, 660, 4260, 25860], abs=100)
    assert rows.kept == [Unavailable({"p1": "illegal_address"})]


def test_what_is_found_again_at_once_was_found_once() -> None:
    rows = Rows()
    rows.find(0.0)
    rows.table.retry(5.0, everything=True)
    rows.find(6.0)
    assert rows.kept == []


def test_what_an_earlier_process_found_is_tried_after_ten_minutes_and_dropped_when_answered() -> (
    None
):
    rows = Rows(Unavailable({"p1": "illegal_address"}))
    assert not rows.table.due(599.0)
    assert rows.table.due(600.0)
    rows.table.retry(600.0)
    assert rows.kept == []
    rows.table.answered(WHOLE)
    assert rows.kept == [ALL_AVAILABLE]
    assert rows.reported() == [State.AVAILABLE]


def test_a_barrier_that_is_not_found_again_is_gone_and_one_of_silence_stays() -> None:
    refused, silent = Barrier(Table.HOLDING, 8), Barrier(Table.INPUT, 8)
    known = Unavailable(barriers={refused: "illegal_address", silent: "no_answer"}, longest=20)
    rows = Rows(known)
    now_s = 0.0
    while now_s < 20 * HOUR:
        now_s += 10.0
        if rows.table.due(now_s):
            rows.table.retry(now_s)
    assert rows.table.unavailable == Unavailable(barriers={silent: "no_answer"}, longest=20)
    assert rows.kept == [rows.table.unavailable]
    rows.table.retry(now_s, everything=True)
    assert rows.table.unavailable == ALL_AVAILABLE


def test_a_barrier_that_is_found_again_is_tried_ever_more_rarely() -> None:
    rows = Rows()
    tries = 0
    for second in range(0, 30_000, 10):
        if second == 0 or (rows.table.due(second) and not rows.table.retry(second)):
            tries += 1
            search = Bisection()
            first, rest = search.split(WHOLE, POINTS)
            search.answered(first)
            search.answered(rest)
            rows.table.conclude(search, second, heard=True)
    assert tries == 5
    assert rows.table.unavailable.barriers.keys() == {Barrier(Table.HOLDING, 8)}

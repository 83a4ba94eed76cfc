"""What one device does not give: one table (pure).

A row says of a point, of a barrier that no request may cross or of the longest request that is
answered: its state, why, how often that was found and when it is tried again, monotonic seconds.
Only `Availability` changes rows: by what a search found, by answers, and when a retry is due. The
planner reads `unavailable`; each transition goes to the log, and what was found twice, some time
apart, to the store. A device refuses registers for ever that it does not have, and all of them for
a while when it starts: so each is tried again after a minute, ten minutes, an hour and then every
six hours. What is not answered at all is tried alone, so that this costs its neighbours nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import NamedTuple

from edge_agent.drivers.question import ALL_AVAILABLE, Barrier, Question, Unavailable
from edge_agent.polling.bisection import NO_ANSWER, UNKNOWN, Bisection

_RETRY_S = (60.0, 600.0, 3600.0, 6 * 3600.0)
_APART_S = 30.0  # between two findings that confirm each other; what is due within it goes together
_FRUITLESS_S = (10.0, 60.0, 600.0, 3600.0)
_FAILING_CYCLES = 2  # in a row until it is reported; one is noise, and counted in the metrics
_ALONE = frozenset({NO_ANSWER, UNKNOWN})


class State(StrEnum):
    """What a device does with a point."""

    AVAILABLE = "available"
    """It answers; there is no row."""
    FAILING = "failing"
    """Its block has no good answer, and is asked in every cycle."""
    SEPARATE = "separate"
    """Its block is not answered: it is left out of the plan, and asked apart for a search."""
    UNAVAILABLE = "unavailable"
    """It is left out of the plan."""
    RETRIED = "retried"
    """It is in the plan again and was not answered yet."""


_LEFT_OUT = frozenset({State.SEPARATE, State.UNAVAILABLE})


@dataclass(slots=True)
class Row:
    """One point, or one limit of requests.

    Attributes:
        state: What the device does with it.
        reason: Why, a fixed word.
        tries: How often it was found unavailable again; of a failing one, its cycles in a row.
        next_try_at: When it is tried again, monotonic seconds.
        found_at: When it was found unavailable first, monotonic seconds; None: it was not.
        confirmed: It was found twice, some time apart; that outlives the process.
        reported: The log knows of it.
    """

    state: State
    reason: str
    tries: int = 0
    next_try_at: float = inf
    found_at: float | None = None
    confirmed: bool = False
    reported: bool = False

    @property
    def left_out(self) -> bool:
        """Whether the plan leaves it out."""
        return self.state in _LEFT_OUT


class Longest(NamedTuple):
    """The device answers no request for more registers than that."""

    registers: int


Limit = Barrier | Longest


class Transition(NamedTuple):
    """A change that the log reports.

    Attributes:
        state: What the device does now.
        points: The points that it concerns, and why.
        block: The request that failed or was answered; None for points that are left out.
        error: What the driver said.
    """

    state: State
    points: Mapping[str, str]
    block: Question | None = None
    error: str = ""


class Availability:
    """The table of one device.

    Args:
        known: What an earlier process found.
        now_s: Monotonic seconds.
        keep: Takes what outlives the process, whenever that changes.
        report: Takes the transitions.

    Attributes:
        unavailable: What the plan leaves out.
    """

    def __init__(
        self,
        known: Unavailable,
        *,
        now_s: float,
        keep: Callable[[Unavailable], None],
        report: Callable[[Transition], None],
    ) -> None:
        self.unavailable = ALL_AVAILABLE
        self._keep = keep
        self._report = report
        self._kept = known
        self._points = {name: _known(why, now_s) for name, why in known.points.items()}
        self._limits: dict[Limit, Row] = {
            barrier: _known(why, now_s) for barrier, why in known.barriers.items()
        }
        if known.longest:
            self._limits[Longest(known.longest)] = _known(NO_ANSWER, now_s)
        self._fruitless: dict[Question, tuple[float, int]] = {}
        self._next_try_at = inf
        self._changed()

    def conclude(self, search: Bisection, now_s: float, *, heard: bool) -> bool:
        """Take over what a search found; returns whether the plan changes.

        Args:
            search: It.
            now_s: Monotonic seconds.
            heard: Whether anything else of the class was answered in that cycle.
        """
        before, found = self.unavailable, search.found(heard=heard)
        for block in search.fruitless(found):
            _, step = self._fruitless.get(block, (0.0, 0))
            wait_s = _FRUITLESS_S[min(step, len(_FRUITLESS_S) - 1)]
            self._fruitless[block] = (now_s + wait_s, step + 1)
        new = self._find_points(found.points, now_s)
        for barrier, why in found.barriers.items():
            row = self._limits.setdefault(barrier, Row(State.UNAVAILABLE, why))
            _find(row, why, now_s)
        if found.longest:
            self._limit_length(Longest(found.longest), now_s)
        self._changed()
        for block, reason, error in search.unexplained(self.unavailable):
            self.failed(block, reason, error)
        if new:
            self._report(Transition(State.UNAVAILABLE, new))
        return self.unavailable != before

    def due(self, now_s: float) -> bool:
        """Whether anything is to be tried again."""
        return now_s >= self._next_try_at

    def retry(self, now_s: float, *, everything: bool = False) -> list[str]:
        """Take into the plan again what is due; returns the points that are to be tried alone.

        Args:
            now_s: Monotonic seconds.
            everything: Whatever is due: the device may be another one now.
        """
        self._fruitless.clear()
        self._drop_disproved(now_s)
        alone: list[str] = []
        rows: list[tuple[str | Limit, Row]] = [*self._points.items(), *self._limits.items()]
        for key, row in rows:
            due = everything or row.next_try_at <= now_s + _APART_S
            if row.state is not State.UNAVAILABLE or not due:
                continue
            row.next_try_at = _next_try_at(row.tries + 1, now_s)
            if isinstance(key, str) and row.reason in _ALONE:
                alone.append(key)
            elif everything or row.reason not in _ALONE:
                row.state = State.RETRIED
            else:
                # To try it would cost its neighbours: it stays until the unit comes up.
                row.tries, row.confirmed = row.tries + 1, True
        self._changed()
        return alone

    def separate(self, block: Question) -> None:
        """Leave the points of a block out of the plan while they are asked apart."""
        for name in block.points:
            row = self._points.setdefault(name, Row(State.SEPARATE, NO_ANSWER))
            row.state, row.reason = State.SEPARATE, NO_ANSWER
        self._changed()

    def retry_in_plan(self, block: Question) -> None:
        """Record that the device answers a request for these points alone: they are asked again."""
        for name in block.points:
            row = self._points.get(name)
            if row is not None and row.left_out:
                row.state = State.RETRIED
        self._changed()

    def answered(self, block: Question) -> None:
        """Record that a block was answered well."""
        if self._fruitless:
            self._fruitless.pop(block, None)
        if not self._points or self._points.keys().isdisjoint(block.points):
            return
        # What was left out since it was asked stays so until its next try.
        rows = [
            self._points.pop(name)
            for name in block.points
            if name in self._points and not self._points[name].left_out
        ]
        self._changed()
        if any(row.reported for row in rows):
            self._report(Transition(State.AVAILABLE, dict.fromkeys(block.points, ""), block))

    def failed(self, block: Question, reason: str, error: str) -> None:
        """Record that a block cannot be had, and is asked on."""
        self._fail(block, reason, error, _FAILING_CYCLES)

    def disturbed(self, block: Question, reason: str, error: str) -> None:
        """Record a block without a good answer in a whole cycle; reported when that lasts."""
        self._fail(block, reason, error, 1)

    def is_fruitless(self, block: Question, now_s: float) -> bool:
        """Whether a search in this block found nothing a short while ago."""
        return self._fruitless.get(block, (0.0, 0))[0] > now_s

    def _fail(self, block: Question, reason: str, error: str, cycles: int) -> None:
        reported = False
        for name in block.points:
            row = self._points.setdefault(name, Row(State.FAILING, reason))
            if row.state is State.FAILING and not row.reported:
                row.tries += cycles
                row.reported = row.tries >= _FAILING_CYCLES
                reported |= row.reported
        if reported:
            points = dict.fromkeys(block.points, reason)
            self._report(Transition(State.FAILING, points, block, error))

    def _find_points(self, points: Mapping[str, str], now_s: float) -> dict[str, str]:
        """Record which points were found unavailable; returns those that are new."""
        new: dict[str, str] = {}
        for name, why in points.items():
            row = self._points.setdefault(name, Row(State.UNAVAILABLE, why))
            if row.found_at is None:
                new[name] = why
            row.reported = True
            _find(row, why, now_s)
        return new

    def _limit_length(self, longest: Longest, now_s: float) -> None:
        row = self._limits.get(longest) or Row(State.UNAVAILABLE, NO_ANSWER)
        for other in [limit for limit in self._limits if isinstance(limit, Longest)]:
            del self._limits[other]
        self._limits[longest] = row
        _find(row, NO_ANSWER, now_s)

    def _drop_disproved(self, now_s: float) -> None:
        """Drop the limits that were not found again for as long as they were retried."""
        self._limits = {
            limit: row
            for limit, row in self._limits.items()
            if row.state is not State.RETRIED or row.next_try_at > now_s + _APART_S
        }

    def _changed(self) -> None:
        """Derive what others read from the rows."""
        points, limits = self._points, self._limits
        unavailable = _of(points, limits, lambda row: row.left_out)
        if unavailable != self.unavailable:
            self.unavailable = unavailable
        waiting = [row.next_try_at for row in limits.values()]
        waiting += [row.next_try_at for row in points.values() if row.left_out]
        self._next_try_at = min(waiting, default=inf)
        kept = _of(points, limits, lambda row: row.confirmed)
        if kept != self._kept:
            self._kept = kept
            self._keep(kept)


def _of(
    points: Mapping[str, Row], limits: Mapping[Limit, Row], wanted: Callable[[Row], bool]
) -> Unavailable:
    """The rows that are wanted, as the planner and the store take them."""
    chosen = {limit: row.reason for limit, row in limits.items() if wanted(row)}
    return Unavailable(
        {name: row.reason for name, row in sorted(points.items()) if wanted(row)},
        {limit: why for limit, why in chosen.items() if isinstance(limit, Barrier)},
        min((limit.registers for limit in chosen if isinstance(limit, Longest)), default=0),
    )


def _known(reason: str, now_s: float) -> Row:
    next_try_at = _next_try_at(1, now_s)
    return Row(State.UNAVAILABLE, reason, 1, next_try_at, -inf, confirmed=True, reported=True)


def _find(row: Row, reason: str, now_s: float) -> None:
    """Record that what a row says was found, for the first time or again."""
    if row.found_at is None:
        row.found_at, row.tries = now_s, 0
    again = now_s - row.found_at >= _APART_S
    row.confirmed |= again
    row.tries += again
    row.state, row.reason = State.UNAVAILABLE, reason
    row.next_try_at = _next_try_at(row.tries, now_s)


def _next_try_at(tries: int, now_s: float) -> float:
    return now_s + _RETRY_S[min(tries, len(_RETRY_S) - 1)]

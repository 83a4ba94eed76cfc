"""What a rule remembers of past values: the course of a number, or since when nothing moved.

Pure and in event time. None is "nothing is known": the first value begins anew.
"""

from typing import NamedTuple, TypeAlias

from config.conditions import RateCondition, StuckCondition
from protocols.reading import Value

_SLOTS = 60
"""A window is remembered in so many pieces, so that its memory is bounded; its precision."""


class Slot(NamedTuple):
    """Lowest, highest and last value of a piece of the window."""

    number: int
    at: int
    """Instant of the last value."""
    low: float
    high: float
    last: float


class Anchor(NamedTuple):
    """The value from which nothing moved, and since when."""

    since: int
    value: Value


Course: TypeAlias = tuple[Slot, ...]
WindowState: TypeAlias = Course | Anchor | None
WindowedCondition: TypeAlias = RateCondition | StuckCondition


def span_ms(condition: WindowedCondition) -> int:
    """Return how far back the condition looks."""
    return round(1000 * _span_s(condition))


def advance(
    condition: WindowedCondition, state: WindowState, value: Value, *, at: int, hold_ms: int | None
) -> WindowState:
    """Return the state after a newer good value.

    Attributes:
        hold_ms: How long a value counts without a new one; default: as long as the window.
    """
    if isinstance(condition, StuckCondition):
        same = isinstance(state, Anchor) and not _moved(state.value, value, condition.band)
        return state if same else Anchor(at, value)
    if not isinstance(value, int | float):
        return None
    course = state if isinstance(state, tuple) and not isinstance(state, Anchor) else ()
    return _course(course, float(value), at=at, window=span_ms(condition), hold_ms=hold_ms)


def window_holds(
    condition: WindowedCondition, state: WindowState, *, at: int, before: bool
) -> bool | None:
    """Return whether the condition holds at the newest value; None when nothing is known."""
    if state is None:
        return None
    if isinstance(condition, StuckCondition):
        if not isinstance(state, Anchor):
            return None
        return at - state.since >= span_ms(condition)
    if not state or isinstance(state, Anchor):
        return None
    now = state[-1].last
    rise = now - min(slot.low for slot in state)
    fall = max(slot.high for slot in state) - now
    change = {"rising": rise, "falling": fall, "either": max(rise, fall)}[condition.direction]
    return change > condition.change - (condition.deadband if before else 0.0)


def _span_s(condition: WindowedCondition) -> float:
    return condition.for_s if isinstance(condition, StuckCondition) else condition.within_s


def _moved(before: Value, now: Value, band: float) -> bool:
    if isinstance(before, bool) or not isinstance(before, int | float):
        return before != now
    return not isinstance(now, int | float) or abs(now - before) > band


def _course(course: Course, value: float, *, at: int, window: int, hold_ms: int | None) -> Course:
    number = at // max(1, window // _SLOTS)
    start = at - window
    hold = window if hold_ms is None else hold_ms
    kept = [slot for slot in course if slot.at > start]
    expired = course[: len(course) - len(kept)]
    if expired and start - expired[-1].at <= hold:
        # The value in force when the window began counts as its first.
        old = expired[-1]
        kept.insert(0, Slot(old.number, old.at, old.last, old.last, old.last))
    if kept and kept[-1].number == number:
        same = kept.pop()
        return (*kept, Slot(number, at, min(same.low, value), max(same.high, value), value))
    return (*kept, Slot(number, at, value, value, value))

"""When a rule's bare condition holds, without delays: pure functions, in event time.

None means "this value says nothing": bad quality is neither active nor normal. Conditions over
several values remember a bounded window: the course of a number, or since when nothing moved;
where that is None nothing is known and the first value begins anew.
"""

import math
from typing import NamedTuple, TypeAlias

from config.conditions import (
    Condition,
    ExpressionCondition,
    LimitCondition,
    RateCondition,
    StaleCondition,
    StateCondition,
    StuckCondition,
    UnreachableCondition,
)
from protocols.reading import Quality, Value
from server.assets.series import CONNECTION

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


class Band(NamedTuple):
    """Values from ``low`` to ``high``, ends included, change nothing; low > high: all may."""

    low: float
    high: float

    def meet(self, other: "Band") -> "Band":
        """Return what lies in both."""
        return Band(max(self.low, other.low), min(self.high, other.high))


EVERYTHING = Band(-math.inf, math.inf)
NOTHING = Band(math.inf, -math.inf)


def point_of(condition: Condition) -> str:
    """Return the name of the point that the condition watches."""
    return CONNECTION if isinstance(condition, UnreachableCondition) else condition.point


def holds(condition: Condition, value: Value, quality: Quality, *, before: bool) -> bool | None:
    """Return whether the condition holds for this value; ``before`` decides in the deadband."""
    match condition:
        case StaleCondition():
            # A value that is not good neither cures silence nor proves it: the sweep judges.
            return False if quality is Quality.GOOD else None
        case LimitCondition():
            return _beyond(condition, value, quality, before=before)
        case StateCondition():
            return None if quality is not Quality.GOOD else _in_state(condition, value)
        case UnreachableCondition():
            return None if value is None else not value
        case RateCondition() | StuckCondition() | ExpressionCondition():
            return None  # one value alone says nothing: server/alarms/evaluation/judging.py


def no_change_band(
    condition: Condition, value: Value, *, held: bool, window: WindowState = None
) -> Band:
    """Return the values that leave the condition as it is; ``value`` is the one evaluated last."""
    match condition:
        case LimitCondition():
            return _limit_band(condition, held=held)
        case StaleCondition():
            return NOTHING if held else EVERYTHING
        case StateCondition() | UnreachableCondition():
            return only(value)
        case RateCondition():
            return NOTHING
        case StuckCondition(band=band):
            return _unmoved(window, band) if held else NOTHING
        case ExpressionCondition():
            return EVERYTHING  # a point that it reads is evaluated whenever it changes


def _limit_band(condition: LimitCondition, *, held: bool) -> Band:
    limit, deadband = condition.limit, condition.deadband
    if condition.level in {"hi", "hihi"}:
        if held:
            return Band(math.nextafter(limit - deadband, math.inf), math.inf)
        return Band(-math.inf, limit)
    if held:
        return Band(-math.inf, math.nextafter(limit + deadband, -math.inf))
    return Band(limit, math.inf)


def only(value: Value) -> Band:
    """Return the band in which nothing but this very value lies; text has none."""
    if isinstance(value, int | float):
        return Band(float(value), float(value))
    return NOTHING


def _unmoved(window: WindowState, band: float) -> Band:
    if not isinstance(window, Anchor) or not isinstance(window.value, int | float):
        return NOTHING
    if isinstance(window.value, bool):
        return only(window.value)
    return Band(window.value - band, window.value + band)


def _beyond(
    condition: LimitCondition, value: Value, quality: Quality, *, before: bool
) -> bool | None:
    if quality is not Quality.GOOD or not isinstance(value, int | float) or math.isnan(value):
        return None
    band = condition.deadband if before else 0.0
    if condition.level in {"hi", "hihi"}:
        return value > condition.limit - band
    return value < condition.limit + band


def _in_state(condition: StateCondition, value: Value) -> bool | None:
    if value is None:
        return None
    wanted = condition.equals if isinstance(condition.equals, tuple) else (condition.equals,)
    return any(_same(value, state) for state in wanted)


def _same(value: Value, state: bool | int | str) -> bool:  # noqa: FBT001 (a state, not a flag)
    if isinstance(value, str) or isinstance(state, str):
        return value == state
    # A Modbus coil may arrive as 1 where the class says true.
    return float(value or 0) == float(state)


def span_ms(condition: WindowedCondition) -> int:
    """Return how far back the condition looks."""
    return round(1000 * _span_s(condition))


def advance(
    condition: WindowedCondition, state: WindowState, value: Value, *, at: int, hold_ms: int | None
) -> WindowState:
    """Return the state after a newer good value.

    Args:
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

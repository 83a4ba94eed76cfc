"""When a rule's bare condition holds, without delays: pure functions of one value.

None means "this value says nothing": bad quality is neither active nor normal.
"""

import math
from typing import NamedTuple

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
from server.alarms.evaluation.windows import Anchor, WindowState
from server.assets.series import CONNECTION


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
    """Return the values that leave the condition as it is; ``value`` is the one last looked at."""
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
            return EVERYTHING  # a point that it reads is looked at whenever it changes


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

"""Points that other points make: scaled by registers, computed by an expression (pure).

What is read in one cycle goes together. A scaled number waits for the factors of its own cycle; one
that did not come, or is not good, makes it bad. An expression waits for those of its points that
have its period; a slower one counts with its last reading, as long as that is fresh.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, TypeAlias

from config.computed import (
    Computed,
    TimedComputed,
    all_needs_of,
    expression_of,
    needs_of,
    with_factors,
)
from config.expression import Expression
from config.point_kinds import AnyPoint
from config.points import DataType
from edge_agent.drivers.values import NOT_A_NUMBER, Unusable, believable, digits_of, rounded
from edge_agent.polling.held import TIME_UNKNOWN, HeldFor, known_whatever
from protocols.reading import Quality, Reading, Value

NO_FACTOR: Final = Unusable("no_factor")
"""What scales it is no factor: zero, no whole power of ten, or not read in this cycle."""
NOT_COMPUTABLE: Final = Unusable("not_computable")
"""The expression has no result: a division by zero."""
NOT_KNOWN_YET: Final = Unusable(TIME_UNKNOWN)

_MOST_PLACES: Final = 10
_FRESH_PERIODS: Final = 2.0
_FRESH_S: Final = 2.0
_WORST: Final = (Quality.BAD, Quality.STALE)
_FLOATS: Final = frozenset({DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64})

Timers: TypeAlias = dict[str, HeldFor]
"""What computed points of one device know of time, by their names."""

Make = Callable[[Mapping[str, Reading]], Value | Unusable]
"""Good readings of all that a point needs, itself included if it has registers, to its value."""


@dataclass(frozen=True)
class _Step:
    """How one point is made.

    Attributes:
        needs: What it waits for in its cycle.
        slower: What counts with its last reading; the age that it may have, seconds.
        scaled: Whether it has registers of its own, which carry the raw number.
    """

    name: str
    needs: tuple[str, ...]
    slower: tuple[tuple[str, float], ...]
    make: Make
    scaled: bool


class Deriver:
    """Makes the derived points of readings that belong together: of one cycle."""

    def __init__(self, steps: Sequence[_Step], latest: Mapping[str, Reading]) -> None:
        self._steps = steps
        self._latest = latest
        self._scaled = frozenset(step.name for step in steps if step.scaled)
        self._needed = frozenset(name for step in steps for name in step.needs) | self._scaled
        self._cycle = 0
        self._raw: dict[str, Reading] = {}
        self._have: dict[str, Reading] = {}

    def take(self, readings: Sequence[Reading], cycle: int = 0) -> list[Reading]:
        """Return what is complete now: these readings, and what they complete.

        Args:
            readings: Of the points' own registers, good or not.
            cycle: Number of the cycle; what another one left behind is forgotten.
        """
        if cycle != self._cycle:
            self._forget(cycle)
        ready: list[Reading] = []
        for reading in readings:
            name = reading.point
            if name in self._scaled and reading.quality is Quality.GOOD:
                self._raw[name] = reading
                continue
            ready.append(reading)
            if name in self._needed:
                self._have[name] = reading
        return ready + self._complete(late=False)

    def end(self, cycle: int = 0) -> list[Reading]:
        """Return what the cycle leaves incomplete, as bad readings."""
        if cycle != self._cycle:
            return []
        ready = self._complete(late=True)
        self._forget(cycle)
        return ready

    def _forget(self, cycle: int) -> None:
        self._cycle = cycle
        self._raw.clear()
        self._have.clear()

    def _complete(self, *, late: bool) -> list[Reading]:
        ready: list[Reading] = []
        # Each step stands behind those that it needs.
        for step in self._steps:
            if step.name in self._have or (step.scaled and step.name not in self._raw):
                continue
            found = {name: self._have[name] for name in step.needs if name in self._have}
            missing = [name for name in step.needs if name not in found]
            if missing and not (late and (found or step.scaled)):
                continue
            if any(name not in self._latest for name, _ in step.slower):
                # Not read once since the start.
                continue
            found |= {name: self._latest[name] for name, _ in step.slower}
            reading = self._made(step, found, missing)
            self._have[step.name] = reading
            ready.append(reading)
        return ready

    def _made(self, step: _Step, found: dict[str, Reading], missing: Sequence[str]) -> Reading:
        raw = self._raw.get(step.name)
        if raw is not None:
            found[step.name] = raw
        # A factor that is the newer one does not make the number newer than it was read.
        at = raw.taken_at if raw else max(one.taken_at for one in found.values())
        for wanted in _WORST:
            for name, one in found.items():
                if one.quality is wanted:
                    return Reading(step.name, None, wanted, at, f"{one.reason} of {name}")
        if missing:
            return Reading(step.name, None, Quality.BAD, at, f"not_read of {missing[0]}")
        for name, longest_s in step.slower:
            if abs(at - found[name].taken_at) > 1000 * longest_s:
                return Reading(step.name, None, Quality.STALE, at, f"too_old of {name}")
        value = step.make(found)
        if type(value) is Unusable:
            return Reading(step.name, None, Quality.BAD, at, str(value))
        return Reading(step.name, value, Quality.GOOD, at)


def deriver_of_class(
    points: Mapping[str, AnyPoint],
    computed: Mapping[str, Computed],
    period_s: float,
    latest: Mapping[str, Reading],
    *,
    timers: Timers,
) -> Deriver | None:
    """Return what makes the derived points of one scan class; None when it has none.

    Args:
        points: All points of the device.
        computed: What is computed from them.
        period_s: Of the class.
        latest: The last reading of each point, whatever its class.
        timers: Of the device; all that makes its points shares them.
    """
    everything: dict[str, AnyPoint | Computed] = {**points, **computed}
    inside = {name for name, one in everything.items() if _period(one) == period_s}
    inside |= set(with_factors(points, inside))
    names = all_needs_of(sorted(inside), points, computed)
    steps = [
        _step(name, points, computed, inside, timers)
        for name in names
        if name in inside and needs_of(name, points, computed)
    ]
    return Deriver(steps, latest) if steps else None


def deriver_of_points(
    names: Sequence[str],
    points: Mapping[str, AnyPoint],
    computed: Mapping[str, Computed],
    *,
    timers: Timers,
) -> tuple[list[str], Deriver]:
    """Return the points with registers that these are made of, and what makes these of them.

    All are to be read together, whatever their periods.

    Args:
        names: The points that are wanted.
        points: All points of the device.
        computed: What is computed from them.
        timers: Of the device; empty where nothing was read before.
    """
    needed = all_needs_of(names, points, computed)
    steps = [
        _step(name, points, computed, set(needed), timers)
        for name in needed
        if needs_of(name, points, computed)
    ]
    return [name for name in needed if name in points], Deriver(steps, {})


def _step(
    name: str,
    points: Mapping[str, AnyPoint],
    computed: Mapping[str, Computed],
    inside: set[str],
    timers: Timers,
) -> _Step:
    needs = sorted(needs_of(name, points, computed))
    if name in points:
        return _Step(name, tuple(needs), (), _scaler(name, points[name], points), scaled=True)
    everything: dict[str, AnyPoint | Computed] = {**points, **computed}
    slower = tuple(
        (one, _FRESH_PERIODS * _period(everything[one]) + _FRESH_S)
        for one in needs
        if one not in inside
    )
    here = tuple(one for one in needs if one in inside)
    expression = expression_of(computed[name], everything.keys())
    make = _expression(computed[name], expression)
    if expression.held:
        held = timers.setdefault(name, HeldFor(expression))
        gap_s = _FRESH_PERIODS * _period(computed[name]) + _FRESH_S
        make = _timed(computed[name], expression, held, gap_s)
    return _Step(name, here, slower, make, scaled=False)


def _period(one: AnyPoint | Computed) -> float:
    if isinstance(one, TimedComputed) or not isinstance(one, Computed):
        return one.period_s or 1.0
    return 1.0


def _timed(one: Computed, expression: Expression, held: HeldFor, gap_s: float) -> Make:
    """Return what makes it with the times of the readings."""

    def result(found: Mapping[str, Reading]) -> Value | Unusable:
        values = {name: reading.value for name, reading in found.items()}
        at_ms = max(reading.taken_at for reading in found.values())
        times = held.results(values, at_ms, gap_s=gap_s)
        made = known_whatever(expression, values, times)
        if made is not None:
            return made
        return NOT_KNOWN_YET if None in times.values() else NOT_COMPUTABLE

    return believable(one, result)


def _expression(one: Computed, expression: Expression) -> Make:
    def result(values: Mapping[str, Value]) -> Value | Unusable:
        made = expression.evaluate(values)
        return NOT_COMPUTABLE if made is None else made

    finish = believable(one, result)
    return lambda found: finish({name: reading.value for name, reading in found.items()})


def _scaler(name: str, point: AnyPoint, points: Mapping[str, AnyPoint]) -> Make:
    """Return raw number and factors -> value; digits that no register has are taken off."""
    scale, offset, whole = point.scale, point.offset, point.type not in _FLOATS
    power, ratios = point.scale_from or point.decimals_from, point.ratio_from
    down = point.decimals_from is not None
    exact = all(points[one].type not in _FLOATS for one in ratios)
    digits = max(digits_of(scale), digits_of(offset))

    def scaled(found: Mapping[str, Reading]) -> Value | Unusable:
        value, places = _number(found[name]), digits
        if value is None:
            return NO_FACTOR
        value *= scale
        for ratio in ratios:
            factor = _number(found[ratio])
            if not factor or not isfinite(factor):
                return NO_FACTOR
            value *= factor
            places += digits_of(factor)
        if power is not None:
            exponent = _exponent(found[power], lowest=0 if down else -_MOST_PLACES)
            if exponent is None:
                return NO_FACTOR
            exponent = -exponent if down else exponent
            value = value * 10**exponent if exponent >= 0 else value / 10**-exponent
            places += max(0, -exponent)
        value += offset
        if not isfinite(value):
            return NOT_A_NUMBER
        return rounded(value, places) if whole and exact else value

    return believable(point, scaled)


def _number(reading: Reading) -> float | None:
    value = reading.value
    return float(value) if isinstance(value, int | float) and type(value) is not bool else None


def _exponent(reading: Reading, *, lowest: int) -> int | None:
    number = _number(reading)
    if number is None or number != int(number) or not lowest <= number <= _MOST_PLACES:
        return None
    return int(number)

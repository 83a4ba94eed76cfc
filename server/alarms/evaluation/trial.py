"""Tries a rule on stored history: the same engine, over the readings of the past.

It goes from one piece of equipment to the next, in an order that is as good as random: when there
is no time for all of them, those that were tried speak for the others.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from config.classes import AlarmRule, EquipmentClass
from server.alarms.evaluation.engine import STARTUP_GRACE_MS, AlarmEngine
from server.alarms.evaluation.replay import Onset, Replay, ReplayClock
from server.alarms.rulebook import RuleBook
from server.alarms.rules import Rule, compile_rule
from server.assets.series import Series
from server.history.base import HistoryReader

MOST_READINGS = 5_000_000
"""Of one piece of equipment; with more of them the trial begins later."""


class TrialPoint(NamedTuple):
    """A point of the equipment on which the rule is tried."""

    id: int
    key: str
    name: str
    equipment_id: int
    max_silence_ms: int | None


@dataclass(slots=True)
class Trial:
    """What has come of it so far."""

    covered_from: int
    """All equipment was tried from here on, UTC ms."""
    equipment: int = 0
    """How many pieces were tried."""
    readings: int = 0
    onsets: list[Onset] = field(default_factory=list[Onset])
    """In the order of their instants, once it is over."""


class TrialRun:
    """One trial; ``pages`` does a little of it at a time."""

    def __init__(
        self,
        kind: EquipmentClass,
        name: str,
        rule: AlarmRule,
        *,
        points: Sequence[TrialPoint],
        history: HistoryReader,
        start: int,
        end: int,
        most: int = MOST_READINGS,
    ) -> None:
        self.found = Trial(start)
        self._rule = compile_rule(kind, name, switched_on(rule))
        self._kind = kind.model_copy(update={"rules": {name: switched_on(rule)}})
        self._points = points
        self._history = history
        self._start, self._end, self._most = start, end, most

    def pages(self) -> Iterator[None]:
        """Go on by some ten thousand readings at each step.

        Raises:
            StoreError: The history cannot be read.
        """
        found = self.found
        for points in _in_any_order(self._points):
            replay = self._replay(points)
            pages = replay.run(self._start, self._end, most=self._most)
            begin = next(pages)
            yield
            for _ in pages:
                yield
            found.covered_from = max(found.covered_from, begin)
            found.readings += replay.readings
            found.onsets += replay.onsets()
            found.equipment += 1
        found.onsets = sorted(
            (one for one in found.onsets if one.at >= found.covered_from),
            key=lambda onset: onset.at,
        )

    def stop(self) -> None:
        """Be content with what was tried."""
        self.found.onsets.sort(key=lambda onset: onset.at)

    def _replay(self, points: Sequence[TrialPoint]) -> Replay:
        clock = ReplayClock(self._start - STARTUP_GRACE_MS)
        engine = AlarmEngine(RuleBook({self._kind.equipment_class: self._kind}), clock)
        series = [_series(point) for point in points]
        for one in series:
            engine.attach(one, equipment_class=self._kind.equipment_class)
        sweeps = self._rule.judged_by_silence
        return Replay(engine, clock, self._history, series, sweeps=sweeps)


def needed_points(kind: EquipmentClass, name: str, rule: AlarmRule) -> frozenset[str]:
    """Return the names of the points that the rule looks at."""
    made: Rule = compile_rule(kind, name, rule)
    return made.reads | {made.point}


def switched_on(rule: AlarmRule) -> AlarmRule:
    """Return the rule as it would be when it is on."""
    return rule.model_copy(update={"enabled": True, "mode": "announce"})


def _in_any_order(points: Sequence[TrialPoint]) -> list[list[TrialPoint]]:
    def scattered(point: TrialPoint) -> tuple[int, int]:
        return zlib.crc32(str(point.equipment_id).encode()), point.equipment_id

    ordered = sorted(points, key=scattered)
    return [list(group) for _, group in groupby(ordered, key=scattered)]


def _series(point: TrialPoint) -> Series:
    return Series(
        point.id,
        key=point.key,
        name=point.name,
        equipment_id=point.equipment_id,
        max_silence_ms=point.max_silence_ms,
    )

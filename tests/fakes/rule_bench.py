"""The alarm engine without any records: evaluates, commits, and lists what it found."""

import math

from protocols.reading import Quality, Value
from server.alarms.evaluation.engine import AlarmEngine, IsBehind, never_behind
from server.alarms.evaluation.step import Step
from server.alarms.rulebook import RuleBook
from server.assets.series import Sample
from tests.fakes.agent_clock import FakeClock
from tests.fakes.pump_room import CLASSES, pump_series, sample

Found = tuple[str, str, int, int | None]


class RuleBench:
    """One pump; times are seconds after ``start``."""

    def __init__(self, book: RuleBook | None = None) -> None:
        self.clock = FakeClock()
        self.is_behind: IsBehind = never_behind
        self.start = self.clock.now_ms()
        self.engine = AlarmEngine(book or RuleBook(CLASSES), self.clock)
        self.series = pump_series()
        for one in self.series.values():
            self.engine.attach(one, equipment_class="pump")

    def see(
        self,
        point: str,
        value: Value,
        at: float,
        *,
        late: bool = False,
        quality: Quality = Quality.GOOD,
    ) -> list[Found]:
        """One reading as the ingest treats it: quiet ones never reach the engine."""
        return self.see_all([(point, value)], at, late=late, quality=quality)

    def see_all(
        self,
        values: list[tuple[str, Value]],
        at: float,
        *,
        late: bool = False,
        quality: Quality = Quality.GOOD,
    ) -> list[Found]:
        """Readings of one message."""
        taken_at = self.start + round(at * 1000)
        samples = [
            sample(self.series[point], value, taken_at, quality=quality, late=late)._replace(
                before_at=self.series[point].last_at
            )
            for point, value in values
        ]
        loud = [one for one in samples if not self.quiet(one)]
        step = self.engine.evaluate(loud)
        self.engine.commit(step)
        for one in samples:
            self._remember(one)
        return self.found(step)

    def quiet(self, one: Sample) -> bool:
        if one.late:
            return one.series.no_change_low == -math.inf and one.series.no_change_high == math.inf
        if one.quality is not Quality.GOOD or not isinstance(one.value, int | float):
            return False
        return one.series.no_change_low <= one.value <= one.series.no_change_high

    def found(self, step: Step) -> list[Found]:
        return [
            (
                one.kind,
                one.rule.id.removeprefix("pump."),
                self.seconds(one.at),
                None if one.until is None else self.seconds(one.until),
            )
            for one in step.transitions
        ]

    def seconds(self, at: int) -> int:
        return (at - self.start) // 1000

    def expire(self, rule: str, point: str, since: float) -> list[Found]:
        step = self._expire(rule, point, since)
        assert step is not None
        self.engine.commit(step)
        return self.found(step)

    def is_held(self, rule: str, point: str, since: float) -> bool:
        """Whether the end of a delay waits for what its gateway has to say."""
        return self._expire(rule, point, since) is None

    def _expire(self, rule: str, point: str, since: float) -> Step | None:
        return self.engine.expire(
            f"pump.{rule}",
            self.series[point].id,
            since=self.start + round(since * 1000),
            is_behind=self.is_behind,
        )

    def sweep(self) -> list[Found]:
        step = self.engine.silence(is_behind=self.is_behind)
        self.engine.commit(step)
        return self.found(step)

    def _remember(self, one: Sample) -> None:
        if one.taken_at > one.series.last_at:
            one.series.last_at = one.taken_at
            one.series.last_value = one.value
            one.series.last_quality = one.quality
        one.series.seen_at = self.clock.now_ms()

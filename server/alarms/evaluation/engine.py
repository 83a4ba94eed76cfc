"""Runs the rules over samples, in event time, once per reading.

The engine only proposes: a ``Step`` holds what follows from the samples and becomes the engine's
memory by ``commit``, after the records hold it. So memory never claims what the database lacks.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from protocols.reading import Quality, Value
from server.alarms.evaluation.judging import (
    ALONE,
    Context,
    context_now,
    holds_now,
    judge_sample,
    judge_with_expression,
    present_of,
)
from server.alarms.evaluation.memory import Memory, Seen, expire, judge
from server.alarms.evaluation.reconcile import on_backlog_end
from server.alarms.evaluation.silence import (
    judge_connections,
    judge_silence,
    stop_connection_delays,
)
from server.alarms.evaluation.step import BACKLOG_QUIET_MS, Step, Transition
from server.alarms.evaluation.warm_start import StoredRows, seed, warm_start
from server.alarms.evaluation.watches import RuleInstance, WatchRegister, gateway_of, newest_of
from server.alarms.rulebook import RuleBook
from server.assets.series import Sample, Series
from server.core.clock import Clock
from server.history.base import LastValue

STARTUP_GRACE_MS = 60_000
"""Silence is not judged so long after a start: the readings may have waited for the server."""
CATCH_UP_MS = 30_000
"""Usual bound of ``alarms.catch_up_s``."""

IsBehind = Callable[[str], bool]
"""Whether what a gateway, by its key, said seconds ago is not evaluated yet."""


def never_behind(_gateway: str) -> bool:
    """Return that all that was received is evaluated."""
    return False


class AlarmEngine:
    """The rules of all equipment, attached to the series that the registry announces.

    Callers hold ``lock`` from ``evaluate`` to ``commit``.
    """

    def __init__(self, book: RuleBook, clock: Clock, *, catch_up_ms: int = CATCH_UP_MS) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._register = WatchRegister(book)
        self._catch_up_ms = catch_up_ms
        now = clock.now_ms()
        self._patient_from = now
        """Server time since which silence may mean something."""
        self._unheard_since = now
        """When the server was started or could not hear any more."""
        self._hears_at = now
        """Since when it hears."""
        self._late_at: dict[str, int] = {}
        """When the last late value of each gateway came, server time."""
        self._uncommitted_rules: dict[RuleInstance, bool] = {}
        """Whose rule was changed (True) or is gone, as long as that is not committed."""

    def attach(self, series: Series, *, equipment_class: str) -> None:
        """Watch a series of equipment of that class; repeating it changes nothing."""
        with self.lock:
            self._register.attach(series, equipment_class=equipment_class)

    def detach(self, series: Series) -> None:
        """Watch a series no more: its active alarms return with the next step."""
        with self.lock:
            self._register.detach(series)

    def restore(self, memories: Mapping[tuple[str, int], Memory]) -> None:
        """Take over what the records hold, for series attached before and after.

        What ends a delay that runs may wait in the journal of its gateway.
        """
        with self.lock:
            self._register.restore(memories)

    def warm_start(self, rows_of: StoredRows, *, newest: Iterable[LastValue] = ()) -> None:
        """Let rules over several values look at what the history holds; once, after a start.

        Args:
            newest: Last stored value of each series.
        """
        with self.lock:
            seed(self._register, newest)
            warm_start(self._register, rows_of, now=self._clock.now_ms())

    def mark_unconfirmed(self, *, clock_ahead: bool = False) -> None:
        """Reception is interrupted: what ends a running delay may be missed.

        Args:
            clock_ahead: Its clock jumped ahead, as after a standstill; silence begins anew too.
        """
        with self.lock:
            self._unheard_since = self._clock.now_ms()
            if clock_ahead:
                self._patient_from = self._unheard_since
            self._register.mark_unconfirmed()

    def hear_again(self) -> None:
        """Reception is back: the backlogs of the gateways are still to come."""
        with self.lock:
            self._hears_at = self._clock.now_ms()

    def gateways_to_confirm(self) -> set[str]:
        """Return the keys of gateways that could say whether a running delay was interrupted."""
        with self.lock:
            instances = self._register.instances.values()
            return {
                instance.gateway
                for instance in instances
                if instance.is_unconfirmed(instance.memory)
            }

    def connections(self) -> list[Series]:
        """Return the connection series that a rule watches."""
        with self.lock:
            return self._register.connections()

    def announces_silence(self, equipment_id: int) -> bool:
        """Return whether people are told that nothing is heard of this equipment.

        It takes no lock, so that who is in a transaction may ask.
        """
        return self._register.announces_silence(equipment_id)

    def watched(self) -> set[tuple[str, int]]:
        """Return rule and point of everything that is watched."""
        with self.lock:
            return set(self._register.instances)

    def reload(self, book: RuleBook) -> Step:
        """Apply other rules at once; propose what they find in the newest values.

        Open alarms stay open unless the newest value says otherwise or their rule is gone.
        """
        step = Step(self._clock.now_ms())
        changed, gone = self._register.replace_rules(book)
        self._uncommitted_rules.update(dict.fromkeys(changed, True) | dict.fromkeys(gone, False))
        step.rules_changed = True
        for instance, stays in self._uncommitted_rules.items():
            step.touched.add(instance.series.id)
            if stays:
                step.enable(instance)
                self._judge_again(step, instance)
            else:
                step.withdraw(instance)
        return step

    def enable(self, keys: Iterable[tuple[str, int]]) -> Step:
        """Propose to announce open alarms on trial, by rule and point, whose rule is not any more.

        Their class file was changed while the server was away.
        """
        step = Step(self._clock.now_ms())
        for key in keys:
            instance = self._register.instances.get(key)
            if instance is not None:
                step.enable(instance)
        return step

    def evaluate(self, samples: Sequence[Sample], *, handed_over: bool = True) -> Step:
        """Propose what follows from the samples.

        Args:
            handed_over: The ingest has counted them as undecided.
        """
        step = Step(self._clock.now_ms())
        self._withdraw_lost(step)
        with_expression: list[Sample] = []
        for sample in samples:
            if handed_over:
                step.decided.append(sample.series)
            if sample.late:
                self._late_at[gateway_of(sample.series)] = step.now
            entry = self._register.by_series.get(sample.series.id)
            if entry is None:
                continue
            step.touched.add(sample.series.id)
            for instance in entry.plain:
                judge_sample(step, instance, sample, at=sample.taken_at)
            if entry.with_expression:
                with_expression.append(sample)
                step.past.append(sample)
            if sample.quality is Quality.GOOD and not sample.late:
                step.last_evaluated[sample.series] = sample.value
        if with_expression:
            judge_with_expression(step, self._register, with_expression)
        return self._showing(step, samples)

    def expire(
        self, rule: str, point_id: int, *, since: int, is_behind: IsBehind = never_behind
    ) -> Step | None:
        """Propose what follows from the end of a delay; None while that is unconfirmed."""
        step = Step(self._clock.now_ms())
        instance = self._register.instances.get((rule, point_id))
        if instance is None:
            return step
        if instance.is_unconfirmed(instance.memory) and not self._is_certain(
            instance, now=step.now
        ):
            return None
        longest_ms = max(instance.delays.on, instance.delays.off) + self._catch_up_ms
        if step.now - since < longest_ms and is_behind(instance.gateway):
            return None
        memory, changes = expire(instance.memory, since=since)
        step.memories[instance] = memory
        step.add_changes(instance, changes)
        return self._showing(step)

    def end_late_run(self, rule: str, point_id: int) -> Step | None:
        """Propose the end of a late run; None while late values still come."""
        step = Step(self._clock.now_ms())
        instance = self._register.instances.get((rule, point_id))
        if instance is None:
            return step
        if not self._is_quiet(instance, now=step.now):
            return None
        now = present_of(instance, instance.memory, context=self._context(instance))
        memory, found, changes = on_backlog_end(
            instance.memory, present=now, delays=instance.delays, now=step.now
        )
        step.memories[instance] = memory
        step.add_late(instance, found)
        step.add_changes(instance, changes)
        return step

    def silence(self, *, is_behind: IsBehind = never_behind) -> Step:
        """Propose alarms for points that are silent, or not good, for too long."""
        step = Step(self._clock.now_ms())
        self._withdraw_lost(step)
        earliest = self._patient_from + STARTUP_GRACE_MS
        judge_silence(step, self._register, earliest=earliest, is_behind=is_behind)
        return step

    def stop_connection_delays(self) -> Step:
        """Propose to stop the delays of lost connections."""
        step = Step(self._clock.now_ms())
        stop_connection_delays(step, self._register)
        return step

    def judge_connections(self) -> Step:
        """Propose what follows from connections that are lost now, as if that began now."""
        step = Step(self._clock.now_ms())
        judge_connections(step, self._register)
        return step

    def commit(self, step: Step) -> None:
        """Make the step the truth and tell the ingest which values may be skipped from now on."""
        touched = step.touched
        if step.rules_changed:
            self._uncommitted_rules.clear()
        if step.lost_withdrawn:
            self._register.lost.clear()
        for instance, memory in step.memories.items():
            instance.memory = memory
            touched.add(instance.series.id)
        by_series = self._register.by_series
        for series, value in step.last_evaluated.items():
            by_series[series.id].last_evaluated = value
        for sample in step.past:
            by_series[sample.series.id].past.append(sample)
        for series in step.decided:
            series.undecided = max(0, series.undecided - 1)
        for series_id in touched:
            entry = by_series.get(series_id)
            if entry is not None:
                entry.set_band()

    def _showing(self, step: Step, samples: Sequence[Sample] = ()) -> Step:
        """Let alarms whose rule shows another point carry its value.

        Args:
            samples: What was evaluated; the series may not hold it yet.
        """
        if not any(one.rule.settings.shows for one in step.transitions):
            return step
        coming = {one.series: one for one in samples if not one.late}
        step.transitions = [
            one if one.kind != "raised" else one._replace(value=self._shown(one, coming))
            for one in step.transitions
        ]
        return step

    def _shown(self, raised: Transition, coming: Mapping[Series, Sample]) -> Value:
        """Return what an alarm shows: its own value where the other point says nothing."""
        shows, unit = raised.rule.settings.shows, self._register.units[raised.series.equipment_id]
        entry = None if shows is None else unit.entries.get(shows)
        if entry is None:
            return raised.value
        newest = newest_of(entry.series)
        # Of one moment the later word counts: a birth without a value, then the value.
        known = max(coming.get(entry.series, newest), newest, key=lambda one: one.taken_at)
        return (known.value if known.quality is Quality.GOOD else None) or raised.value

    def _withdraw_lost(self, step: Step) -> None:
        """Claim nothing any more for points that were removed or got another class."""
        if self._register.lost:
            for instance in self._register.unclaimed():
                step.withdraw(instance)
            step.lost_withdrawn = True

    def _is_certain(self, instance: RuleInstance, *, now: int) -> bool:
        """Return whether its gateway has said enough for an unconfirmed delay to count."""
        pending, series = instance.memory.pending, instance.series
        # A newer value that said otherwise would have been judged by now.
        if pending is not None and series.stands_at >= pending.at and not series.undecided:
            return True
        return now - self._unheard_since >= self._catch_up_ms or self._is_quiet(instance, now=now)

    def _is_quiet(self, instance: RuleInstance, *, now: int) -> bool:
        """Return whether the backlog of its gateway is through."""
        last = max(self._late_at.get(instance.gateway, 0), self._hears_at)
        return now - last >= BACKLOG_QUIET_MS

    def _context(self, instance: RuleInstance) -> Context:
        """Return what the other points say now."""
        return context_now(self._register, instance) if instance.rule.reads else ALONE

    def _judge_again(self, step: Step, instance: RuleInstance) -> None:
        """Judge the newest value by a rule that has changed; it counts from its own instant."""
        series = instance.series
        if not series.last_at or instance.rule.judged_by_silence:
            return
        memory = instance.memory
        condition = holds_now(instance, memory, context=self._context(instance))
        if condition is None:
            return
        seen = Seen(max(series.last_at, memory.changed_at), series.last_value, series.last_quality)
        after, changes = judge(
            replace(memory, held=condition), seen, condition=condition, delays=instance.delays
        )
        step.memories[instance] = after
        step.retimed.add(instance)
        step.add_changes(instance, changes)

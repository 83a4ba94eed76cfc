"""Samples against rules: is a sample news, is it late, does the rule hold.

What one message says about one instant is judged together where expressions read several points.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from protocols.reading import Quality, Value
from server.alarms.evaluation.conditions import WindowState, advance, holds, window_holds
from server.alarms.evaluation.memory import Memory, Seen, judge
from server.alarms.evaluation.reconcile import (
    Present,
    end_unconfirmed,
    on_late_value,
    on_live_value,
    was_held,
)
from server.alarms.evaluation.step import Step
from server.alarms.evaluation.watches import RuleInstance, Unit, WatchRegister, newest_of
from server.alarms.rules import Rule
from server.assets.series import Sample


class Context(NamedTuple):
    """What the other points of the equipment say at the instant of a sample."""

    enabled: bool | None = True
    """The rule's ``while``; None when it is not known."""
    values: Mapping[str, Value] = {}
    """Good values of the points that the rule's expressions read."""


ALONE = Context()
_Known = Mapping[str, Sample]


def judge_sample(
    step: Step,
    instance: RuleInstance,
    sample: Sample,
    *,
    at: int,
    context: Context = ALONE,
    present: Context = ALONE,
    own: bool = True,
) -> None:
    """Judge a sample of the watched point, or what another point changed at ``at``.

    ``sample.heard_at`` is the arrival of what is the reason to look.

    Args:
        context: What a rule with expressions needs, of the instant of the sample.
        present: The same of now, for a late sample.
        own: False when another point's change is the reason to look.
    """
    memory = step.memory_of(instance)
    by_silence = instance.rule.judged_by_silence
    # Silence ends with what arrives, however slow the clock of its gateway is.
    heard = by_silence and own and not sample.late and sample.taken_at > memory.seen_at
    if not heard and not _is_news(memory, sample, at=at, own=own):
        if sample.late and not by_silence:
            _judge_past(step, instance, sample, at=at, context=context, present=present, own=own)
        return
    window = _window(instance, memory.window, sample, context=context, own=own)
    # That another point has changed is no sign of life of this one.
    silent = by_silence and not own
    held = memory.held
    if not silent:
        held = _holds(instance, window, sample, context=context, before=memory.held)
    memory = replace(
        memory,
        held=memory.held if held is None else held,
        seen_at=at if own else memory.seen_at,
        bad_since=memory.bad_since if silent else _bad_since(step, instance, sample),
        window=window,
    )
    condition = both(held=held, enabled=context.enabled)
    if condition is not None:
        heard_at = 0 if sample.late else sample.heard_at
        seen = Seen(max(at, memory.changed_at), sample.value, sample.quality, heard_at)
        if own and memory.pending is None and condition is not memory.active:
            before = "normal_before" if condition else "active_before"
            memory = replace(memory, **{before: sample.before_at})
        memory = _judge_news(step, instance, memory, seen, condition=condition)
    step.memories[instance] = memory


def holds_now(instance: RuleInstance, memory: Memory, *, context: Context) -> bool | None:
    """Return whether the rule holds for the series' newest value."""
    last = newest_of(instance.series)
    held = _holds(instance, memory.window, last, context=context, before=memory.held)
    return both(held=held, enabled=context.enabled)


def present_of(instance: RuleInstance, memory: Memory, *, context: Context = ALONE) -> Present:
    """Return the series' newest value and what the rule finds, whatever was held before."""
    last = newest_of(instance.series)
    seen = Seen(last.taken_at, last.value, last.quality)
    found = {
        before: both(
            held=_holds(instance, memory.window, last, context=context, before=before),
            enabled=context.enabled,
        )
        for before in (False, True)
    }
    # Inside the deadband it is neither.
    return Present(seen, found[True] if found[True] is found[False] else None)


def context_from(rule: Rule, value_of: Callable[[str], Sample | None]) -> Context:
    """Return what the rule's expressions need.

    Args:
        value_of: Gives the value of a point at the instant in question.
    """
    if not rule.reads:
        return ALONE
    values: dict[str, Value] = {}
    for name in rule.reads:
        sample = value_of(name)
        if sample is not None and sample.quality is Quality.GOOD:
            values[name] = sample.value
    if rule.enabled_while is None:
        return Context(values=values)
    result = rule.enabled_while.evaluate(values)
    return Context(None if result is None else bool(result), values)


def _window(
    instance: RuleInstance, window: WindowState, sample: Sample, *, context: Context, own: bool
) -> WindowState:
    """Return what is remembered after the sample; where values mean nothing it begins anew."""
    condition = instance.rule.windowed
    if condition is None:
        return None
    if context.enabled is False or sample.quality is not Quality.GOOD:
        return None
    if not own:
        return window
    hold_ms = sample.series.max_silence_ms
    return advance(condition, window, sample.value, at=sample.taken_at, hold_ms=hold_ms)


def _holds(
    instance: RuleInstance, window: WindowState, sample: Sample, *, context: Context, before: bool
) -> bool | None:
    rule = instance.rule
    if rule.windowed is not None:
        if context.enabled is False:
            return False
        return window_holds(rule.windowed, window, at=sample.taken_at, before=before)
    if rule.when is not None:
        return rule.expression_holds(context.values, before=before)
    return holds(rule.settings.condition, sample.value, sample.quality, before=before)


def _is_news(memory: Memory, sample: Sample, *, at: int, own: bool) -> bool:
    """Return whether the sample speaks about now; repeated and older ones do not.

    A late one may end what is announced. It never begins anything by itself, because the values
    behind it may say that it is over.
    """
    waiting = memory.active or memory.pending is not None
    if sample.late and (at < sample.series.last_at or not waiting):
        return False
    if own:
        # A further value of the newest instant counts, though it is not newer.
        newest = memory.seen_at - (sample.before_at == at)
        return at > newest and at >= memory.changed_at
    return at >= memory.seen_at and at >= memory.changed_at


def _judge_news(
    step: Step, instance: RuleInstance, memory: Memory, seen: Seen, *, condition: bool
) -> Memory:
    began, delays = memory.pending, instance.delays
    if began is not None and instance.is_unconfirmed(memory):
        if memory.active and condition:
            # Whether it was gone for so long is not known; no data is not recovery.
            memory = replace(memory, pending=None)
        elif not memory.active and not condition and seen.at - began.at >= delays.on:
            return end_unconfirmed(memory, began, seen)
    if memory.late is None:
        memory, changes = judge(memory, seen, condition=condition, delays=delays)
    else:
        memory, found, changes = on_live_value(
            memory, memory.late, seen, condition=condition, delays=delays
        )
        step.add_late(instance, found)
    step.add_changes(instance, changes)
    return memory


def _judge_past(
    step: Step,
    instance: RuleInstance,
    sample: Sample,
    *,
    at: int,
    context: Context,
    present: Context,
    own: bool,
) -> None:
    memory = step.memory_of(instance)
    window = _window(instance, memory.late_window, sample, context=context, own=own)
    if window != memory.late_window:
        memory = step.memories[instance] = replace(memory, late_window=window)
    held = _holds(instance, window, sample, context=context, before=was_held(memory, at))
    condition = both(held=held, enabled=context.enabled)
    if condition is None:
        return
    seen = Seen(at, sample.value, sample.quality)
    now = partial(present_of, instance, memory, context=present)
    after, found = on_late_value(
        memory, seen, condition=condition, present=now, delays=instance.delays
    )
    if after is not memory:
        step.memories[instance] = after
        step.add_late(instance, found)


def both(*, held: bool | None, enabled: bool | None) -> bool | None:
    """Return whether both hold, where None is "not known" and False wins over it."""
    if held is False or enabled is False:
        return False
    return None if held is None or enabled is None else True


def _bad_since(step: Step, instance: RuleInstance, sample: Sample) -> int | None:
    if not instance.rule.judged_by_silence or sample.quality is Quality.GOOD:
        return None
    before = step.memory_of(instance).bad_since
    return step.now if before is None else before


def judge_with_expression(step: Step, entries: WatchRegister, samples: Sequence[Sample]) -> None:
    """Judge samples instant by instant; each sees the other points as they were then."""
    groups: dict[tuple[int, int, bool], dict[str, Sample]] = {}
    for sample in samples:
        key = (sample.taken_at, sample.series.equipment_id, sample.late)
        groups.setdefault(key, {})[sample.series.name] = sample
    coming = {(one.series.equipment_id, one.series.name) for one in samples if not one.late}
    news: dict[tuple[int, bool], dict[str, Sample]] = {}
    for at, equipment_id, late in sorted(groups):
        group = groups[at, equipment_id, late]
        known = news.setdefault((equipment_id, late), {})
        known.update(group)
        unit = entries.units[equipment_id]
        value_of = _past(unit, known, at) if late else _present(unit, known, coming)
        heard_at = next(iter(group.values())).heard_at
        for instance in {
            instance: None for name in group for instance in unit.entries[name].with_expression
        }:
            name = instance.series.name
            sample = value_of(name)
            if sample is not None:
                context = context_from(instance.rule, value_of)
                judge_sample(
                    step,
                    instance,
                    sample._replace(late=late, heard_at=heard_at),
                    at=at,
                    context=context,
                    present=context_now(entries, instance) if late else context,
                    own=name in group,
                )


def context_now(entries: WatchRegister, instance: RuleInstance) -> Context:
    """Return what the other points say now."""
    unit = entries.units[instance.series.equipment_id]

    def newest(name: str) -> Sample | None:
        entry = unit.entries.get(name)
        return None if entry is None else newest_of(entry.series)

    return context_from(instance.rule, newest)


def _past(unit: Unit, known: _Known, at: int) -> Callable[[str], Sample | None]:
    def value_of(name: str) -> Sample | None:
        entry = unit.entries.get(name)
        return None if entry is None else entry.value_at(at, known.get(name))

    return value_of


def _present(
    unit: Unit, known: _Known, coming: set[tuple[int, str]]
) -> Callable[[str], Sample | None]:
    def value_of(name: str) -> Sample | None:
        entry = unit.entries.get(name)
        if entry is None or name in known:
            return known.get(name)
        # The series may hold already what is still to be judged.
        if (entry.series.equipment_id, name) in coming:
            return entry.value_before()
        return newest_of(entry.series)

    return value_of

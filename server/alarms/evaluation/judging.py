"""One sample against one rule: is it news, is it late, does the condition hold."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from protocols.reading import Quality, Value
from server.alarms.evaluation.conditions import holds
from server.alarms.evaluation.memory import Memory, Seen
from server.alarms.evaluation.reconcile import Present, doubt_delay, judge_late, meet_late, was_held
from server.alarms.evaluation.rule_instance import Watch, newest_of
from server.alarms.evaluation.step import Step
from server.alarms.evaluation.windows import Trace, advance, trace_holds
from server.alarms.rules import Rule
from server.assets.series import Sample


class Around(NamedTuple):
    """What the other points of the equipment say at the instant of a sample."""

    enabled: bool | None = True
    """The rule's ``while``; None when it is not known."""
    values: Mapping[str, Value] = {}
    """Good values of the points that the rule's expressions read."""


ALONE = Around()


def judge_sample(
    step: Step,
    watch: Watch,
    sample: Sample,
    *,
    at: int,
    around: Around = ALONE,
    present: Around = ALONE,
    own: bool = True,
) -> None:
    """Judge a sample of the watched point, or what another point changed at ``at``.

    ``sample.heard_at`` is the arrival of what is the reason to look.

    Attributes:
        around: What a rule with expressions needs, of the instant of the sample.
        present: The same of now, for a late sample.
        own: False when another point's change is the reason to look.
    """
    memory = step.memory_of(watch)
    by_silence = watch.rule.judged_by_silence
    # Silence ends with what arrives, however slow the clock of its gateway is.
    heard = by_silence and own and not sample.late and sample.taken_at > memory.seen_at
    if not heard and not _is_news(memory, sample, at=at, own=own):
        if sample.late and not by_silence:
            _judge_past(step, watch, sample, at=at, around=around, present=present, own=own)
        return
    trace = _trace(watch, memory.trace, sample, around=around, own=own)
    # That another point has changed is no sign of life of this one.
    silent = by_silence and not own
    held = memory.held
    if not silent:
        held = _holds(watch, trace, sample, around=around, before=memory.held)
    memory = replace(
        memory,
        held=memory.held if held is None else held,
        seen_at=at if own else memory.seen_at,
        bad_since=memory.bad_since if silent else _bad_since(step, watch, sample),
        trace=trace,
    )
    condition = both(held=held, enabled=around.enabled)
    if condition is not None:
        heard_at = 0 if sample.late else sample.heard_at
        seen = Seen(max(at, memory.changed_at), sample.value, sample.quality, heard_at)
        if own and memory.pending is None and condition is not memory.active:
            before = "fresh_at" if condition else "last_at"
            memory = replace(memory, **{before: sample.before_at})
        memory = _judge_news(step, watch, memory, seen, condition=condition)
    step.memories[watch] = memory


def holds_now(watch: Watch, memory: Memory, *, around: Around) -> bool | None:
    """Return whether the rule holds for the series' newest value."""
    last = newest_of(watch.series)
    held = _holds(watch, memory.trace, last, around=around, before=memory.held)
    return both(held=held, enabled=around.enabled)


def present_of(watch: Watch, memory: Memory, *, around: Around = ALONE) -> Present:
    """Return the series' newest value and what the rule finds, whatever was held before."""
    last = newest_of(watch.series)
    seen = Seen(last.taken_at, last.value, last.quality)
    found = {
        before: both(
            held=_holds(watch, memory.trace, last, around=around, before=before),
            enabled=around.enabled,
        )
        for before in (False, True)
    }
    # Inside the deadband it is neither.
    return Present(seen, found[True] if found[True] is found[False] else None)


def look_around(rule: Rule, value_of: Callable[[str], Sample | None]) -> Around:
    """Return what the rule's expressions need.

    Attributes:
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
        return Around(values=values)
    result = rule.enabled_while.evaluate(values)
    return Around(None if result is None else bool(result), values)


def _trace(watch: Watch, trace: Trace, sample: Sample, *, around: Around, own: bool) -> Trace:
    """Return what is remembered after the sample; where values mean nothing it begins anew."""
    condition = watch.rule.traced
    if condition is None:
        return None
    if around.enabled is False or sample.quality is not Quality.GOOD:
        return None
    if not own:
        return trace
    hold_ms = sample.series.max_silence_ms
    return advance(condition, trace, sample.value, at=sample.taken_at, hold_ms=hold_ms)


def _holds(
    watch: Watch, trace: Trace, sample: Sample, *, around: Around, before: bool
) -> bool | None:
    rule = watch.rule
    if rule.traced is not None:
        if around.enabled is False:
            return False
        return trace_holds(rule.traced, trace, at=sample.taken_at, before=before)
    if rule.when is not None:
        return rule.expression_holds(around.values, before=before)
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


def _judge_news(step: Step, watch: Watch, memory: Memory, seen: Seen, *, condition: bool) -> Memory:
    began, delays = memory.pending, watch.delays
    if began is not None and watch.doubts(memory):
        if memory.active and condition:
            # Whether it was gone for so long is not known; no data is not recovery.
            memory = replace(memory, pending=None)
        elif not memory.active and not condition and seen.at - began.at >= delays.on:
            return doubt_delay(memory, began, seen)
    memory, found, flips = meet_late(memory, seen, condition=condition, delays=delays)
    step.add_late(watch, found)
    step.add_flips(watch, flips)
    return memory


def _judge_past(
    step: Step,
    watch: Watch,
    sample: Sample,
    *,
    at: int,
    around: Around,
    present: Around,
    own: bool,
) -> None:
    memory = step.memory_of(watch)
    trace = _trace(watch, memory.late_trace, sample, around=around, own=own)
    if trace != memory.late_trace:
        memory = step.memories[watch] = replace(memory, late_trace=trace)
    held = _holds(watch, trace, sample, around=around, before=was_held(memory, at))
    condition = both(held=held, enabled=around.enabled)
    if condition is None:
        return
    seen = Seen(at, sample.value, sample.quality)
    now = partial(present_of, watch, memory, around=present)
    after, found = judge_late(memory, seen, condition=condition, present=now, delays=watch.delays)
    if after is not memory:
        step.memories[watch] = after
        step.add_late(watch, found)


def both(*, held: bool | None, enabled: bool | None) -> bool | None:
    """Return whether both hold, where None is "not known" and False wins over it."""
    if held is False or enabled is False:
        return False
    return None if held is None or enabled is None else True


def _bad_since(step: Step, watch: Watch, sample: Sample) -> int | None:
    if not watch.rule.judged_by_silence or sample.quality is Quality.GOOD:
        return None
    before = step.memory_of(watch).bad_since
    return step.now if before is None else before

"""One sample against one rule: is it news, is it late, does the condition hold."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from protocols.reading import Quality, Value
from server.alarms.conditions import holds
from server.alarms.late import continue_late, judge_late
from server.alarms.memory import Delays, Flip, Memory, Seen, judge
from server.alarms.rules import Rule
from server.alarms.step import Step
from server.alarms.trace import Trace, advance, trace_holds
from server.alarms.watch import Unit, Watch
from server.assets.series import Sample, Series


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

    Attributes:
        around: What a rule with expressions needs, of the instant of the sample.
        present: The same of now, for a late sample.
        own: False when another point's change is the reason to look.
    """
    memory = step.memory_of(watch)
    if not _is_news(memory, sample, at=at, own=own):
        if sample.late and not watch.rule.judged_by_silence:
            _judge_past(step, watch, sample, at=at, around=around, present=present, own=own)
        return
    trace = _trace(watch, memory.trace, sample, around=around, own=own)
    held = _holds(watch, trace, sample, around=around, before=memory.held)
    memory = replace(
        memory,
        held=memory.held if held is None else held,
        seen_at=at if own else memory.seen_at,
        bad_since=_bad_since(step, watch, sample),
        trace=trace,
    )
    condition = _both(held=held, enabled=around.enabled)
    if condition is not None:
        seen = Seen(at, sample.value, sample.quality)
        memory, flips = _judge_news(memory, seen, condition=condition, delays=watch.delays)
        step.add_flips(watch, flips)
    step.memories[watch] = memory


def holds_now(watch: Watch, memory: Memory, *, around: Around) -> bool | None:
    """Return whether the rule holds for the series' newest value."""
    last = newest(watch.series)
    held = _holds(watch, memory.trace, last, around=around, before=memory.held)
    return _both(held=held, enabled=around.enabled)


def known_normal_at(watch: Watch, *, around: Around = ALONE) -> int | None:
    """Return when the series' newest value was taken, if the rule finds it normal."""
    last = newest(watch.series)
    held = _holds(watch, watch.memory.trace, last, around=around, before=True)
    return last.taken_at if _both(held=held, enabled=around.enabled) is False else None


def newest(series: Series) -> Sample:
    """Return the newest value that the series holds."""
    return Sample(series, series.last_value, series.last_quality, series.last_at)


def look_around(
    rule: Rule, unit: Unit, known: Mapping[str, Sample], *, late_at: int | None
) -> Around:
    """Return what the rule's expressions need.

    Attributes:
        known: What the message says; the rest is what the series hold.
        late_at: Event time when the past is judged.
    """
    if not rule.reads:
        return ALONE
    values: dict[str, Value] = {}
    for name in rule.reads:
        post = unit.posts.get(name)
        sample = known.get(name) or (newest(post.series) if post else None)
        if sample is None or sample.quality is not Quality.GOOD:
            continue
        # Today's value says nothing about the past, unless it is from before it.
        if late_at is None or sample.taken_at <= late_at:
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
        return at > memory.seen_at and at >= memory.changed_at
    return at >= memory.seen_at and at >= memory.changed_at


def _judge_news(
    memory: Memory, seen: Seen, *, condition: bool, delays: Delays
) -> tuple[Memory, list[Flip]]:
    late = memory.late
    if late is None or memory.active or seen.at <= late.at:
        return judge(memory, seen, condition=condition, delays=delays)
    if condition and memory.late_until is None:
        return continue_late(memory, seen, delays=delays)
    if not condition and memory.late_until is None:
        memory = replace(memory, late_until=seen.at)
    return judge(memory, seen, condition=condition, delays=delays)


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
    held = _holds(watch, trace, sample, around=around, before=memory.late is not None)
    condition = _both(held=held, enabled=around.enabled)
    if condition is None:
        return
    seen = Seen(at, sample.value, sample.quality)
    normal_at = known_normal_at(watch, around=present)
    after, finding = judge_late(
        memory, seen, condition=condition, normal_at=normal_at, delays=watch.delays
    )
    if after is not memory:
        step.memories[watch] = after
        step.add_late(watch, finding)


def _both(*, held: bool | None, enabled: bool | None) -> bool | None:
    """Both, where None is "not known" and False wins over it."""
    if held is False or enabled is False:
        return False
    return None if held is None or enabled is None else True


def _bad_since(step: Step, watch: Watch, sample: Sample) -> int | None:
    if not watch.rule.judged_by_silence or sample.quality is Quality.GOOD:
        return None
    before = step.memory_of(watch).bad_since
    return step.now if before is None else before

"""Alarms that no value raises: points that are silent, connections that are lost."""

from collections.abc import Callable
from dataclasses import replace

from protocols.reading import Quality
from server.alarms.evaluation.judging import both, context_now
from server.alarms.evaluation.memory import Seen, judge
from server.alarms.evaluation.step import Step
from server.alarms.evaluation.watches import RuleInstance, WatchRegister


def judge_silence(
    step: Step, entries: WatchRegister, *, earliest: int, is_behind: Callable[[str], bool]
) -> None:
    """Propose alarms for points that are silent, or not good, for too long.

    Args:
        step: Takes what is proposed.
        entries: What is watched.
        earliest: Server time before which silence is not counted, UTC ms.
        is_behind: Whether what a gateway said is not judged yet: its silence is ours.
    """
    for instance in entries.silences.values():
        after = instance.after_ms
        memory = instance.memory
        if after is None or memory.active or memory.pending is not None:
            continue
        series = instance.series
        since = series.seen_at if memory.bad_since is None else memory.bad_since
        if step.now - max(since, earliest) <= after or is_behind(instance.gateway):
            continue
        silent_at = series.last_at + after if series.last_at else step.now
        # After what was announced last, even if a clock that is ahead has dated that.
        at = max(min(silent_at, step.now), memory.changed_at + 1)
        _hold(step, entries, instance, Seen(at, series.last_value, Quality.STALE, step.now))


def stop_connection_delays(step: Step, entries: WatchRegister) -> None:
    """Propose to stop the delays of lost connections."""
    for instance in entries.of_connections():
        if instance.memory.pending is not None and not instance.memory.active:
            step.memories[instance] = replace(instance.memory, pending=None)


def judge_connections(step: Step, entries: WatchRegister) -> None:
    """Propose what follows from connections that are lost now, as if that began now."""
    for instance in entries.of_connections():
        memory, series = instance.memory, instance.series
        if memory.active or memory.pending is not None or series.last_value is not False:
            continue
        at = max(step.now, memory.changed_at)
        _hold(step, entries, instance, Seen(at, series.last_value, series.last_quality, step.now))


def _hold(step: Step, entries: WatchRegister, instance: RuleInstance, seen: Seen) -> None:
    """The condition holds; whether the rule does is a question of its ``while``."""
    memory = instance.memory
    condition = both(held=True, enabled=context_now(entries, instance).enabled)
    if condition is None or (memory.held and not condition):
        return
    memory = replace(memory, held=True)
    changes = []
    if condition:
        memory, changes = judge(memory, seen, condition=True, delays=instance.delays)
    step.memories[instance] = memory
    step.add_changes(instance, changes)

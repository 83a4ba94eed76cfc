"""Rules with expressions: what one message says about one instant is judged together."""

from collections.abc import Callable, Mapping, Sequence

from server.alarms.evaluation.judging import Context, context_from, judge_sample
from server.alarms.evaluation.rule_instance import RuleInstance, Unit, newest_of
from server.alarms.evaluation.step import Step
from server.alarms.evaluation.watches import WatchRegister
from server.assets.series import Sample

_Known = Mapping[str, Sample]


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

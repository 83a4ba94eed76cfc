"""Rules with expressions: what one message says about one instant is judged together."""

from collections.abc import Callable, Mapping, Sequence

from server.alarms.evaluation.judging import Around, judge_sample, look_around
from server.alarms.evaluation.rule_instance import Unit, Watch, newest_of
from server.alarms.evaluation.step import Step
from server.alarms.evaluation.watches import Posts
from server.assets.series import Sample

_Known = Mapping[str, Sample]


def judge_guarded(step: Step, posts: Posts, samples: Sequence[Sample]) -> None:
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
        unit = posts.units[equipment_id]
        value_of = _past(unit, known, at) if late else _present(unit, known, coming)
        heard_at = next(iter(group.values())).heard_at
        for watch in {watch: None for name in group for watch in unit.posts[name].guarded}:
            name = watch.series.name
            sample = value_of(name)
            if sample is not None:
                around = look_around(watch.rule, value_of)
                judge_sample(
                    step,
                    watch,
                    sample._replace(late=late, heard_at=heard_at),
                    at=at,
                    around=around,
                    present=around_now(posts, watch) if late else around,
                    own=name in group,
                )


def around_now(posts: Posts, watch: Watch) -> Around:
    """Return what the other points say now."""
    unit = posts.units[watch.series.equipment_id]

    def newest(name: str) -> Sample | None:
        post = unit.posts.get(name)
        return None if post is None else newest_of(post.series)

    return look_around(watch.rule, newest)


def _past(unit: Unit, known: _Known, at: int) -> Callable[[str], Sample | None]:
    def value_of(name: str) -> Sample | None:
        post = unit.posts.get(name)
        return None if post is None else post.value_at(at, known.get(name))

    return value_of


def _present(
    unit: Unit, known: _Known, coming: set[tuple[int, str]]
) -> Callable[[str], Sample | None]:
    def value_of(name: str) -> Sample | None:
        post = unit.posts.get(name)
        if post is None or name in known:
            return known.get(name)
        # The series may hold already what is still to be judged.
        if (post.series.equipment_id, name) in coming:
            return post.value_before()
        return newest_of(post.series)

    return value_of

"""Buckets out of what VictoriaMetrics calculates for each metric of a point."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from protocols.reading import Quality, Value
from server.history.base import Bucket
from server.history.exact_parts import READ, Part, value_of
from server.history.victoria_connection import Figures
from server.history.victoria_layout import SERIES, part_of

_ROLLUPS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "minimum": ("min",),
    "maximum": ("max",),
    "first": ("first", "tfirst"),
    "last": ("last", "tlast"),
}
"""What each figure is made of besides sum and count."""
_INEXACT = frozenset(
    (Part.WIDE, Part.DOUBLE_HIGH, Part.DOUBLE_LOW, Part.LARGE_HIGH, Part.LARGE_LOW, Part.MORE)
)
"""Whose figures do not say what the readings are."""
_COUNTED: Final = frozenset(
    (Part.DECIMAL, Part.SINGLE, Part.INTEGER, Part.BOOLEAN, Part.TEXT, Part.NO_VALUE)
)
"""Of these, every reading has one."""
_SUMMED: Final = frozenset((Part.NUMBER, Part.INTEGER, Part.BOOLEAN))
_NUMBER_OF: Final[Mapping[Part, Callable[[float], Any]]] = {**READ, Part.BOOLEAN: int}
_PLAIN: Final = tuple(
    {part, *beside}
    for part, beside in {
        Part.DECIMAL: (Part.NUMBER,),
        Part.SINGLE: (Part.NUMBER,),
        Part.INTEGER: (),
        Part.BOOLEAN: (),
    }.items()
)
"""Metrics of a point that says one kind of number."""
_GOOD = str(int(Quality.GOOD))


def bucket_question(
    series: Sequence[int], width: int, offset_ms: int, figures: Sequence[str]
) -> str:
    """Return what asks for figures of slices, each at its last millisecond.

    Each metric is asked once, so that its figures are of the same readings, and only for what it
    says: every figure costs both servers the same. How many readings there are is always asked
    for: it says of which kinds they are.

    Args:
        series: Numbers of points.
        width: Of a slice, ms.
        offset_ms: So much earlier than the slice it is asked: figures of the last 30 seconds
            are replaced by older ones.
        figures: Fields of a bucket that are wanted; the others are not known then.
    """
    rollups = [name for figure in figures for name in _ROLLUPS_OF.get(figure, ())]
    total = ["sum"] if "average" in figures else []
    wanted: list[tuple[list[str], str]] = [
        (rollups + total, _good_of(_SUMMED & _COUNTED)),
        (rollups, _good_of(_COUNTED - _SUMMED)),
        (total, _good_of(_SUMMED - _COUNTED)),
        ([], _good_of(_INEXACT)),
        ([], f'quality!="{_GOOD}"'),
    ]
    offset = f" offset -{offset_ms}ms" if offset_ms else ""
    asked = [
        f"aggr_over_time(({_quoted(['count', *names])}), "
        f"{{{of_series(series)},{some}}}[{width}ms]{offset}) keep_metric_names"
        for names, some in wanted
    ]
    return f"union({', '.join(asked)})"


def _quoted(rollups: Iterable[str]) -> str:
    return ",".join(f'"{name}_over_time"' for name in rollups)


def _good_of(parts: Iterable[Part]) -> str:
    return f'quality="{_GOOD}",__name__=~".*_({"|".join(sorted(parts))})"'


def of_series(series: Sequence[int]) -> str:
    """Return the filter for what points have said."""
    if len(series) == 1:
        return f'{SERIES}="{series[0]}"'
    return f'{SERIES}=~"{"|".join(map(str, series))}"'


@dataclass(slots=True)
class _Slice:
    """What is known of a slice."""

    count: int = 0
    bad_count: int = 0
    numbers: int = 0
    sum: float = 0
    minimum: float | int | None = None
    maximum: float | int | None = None
    first: tuple[float, int, Value] | None = None
    last: tuple[float, int, Value] | None = None


_Rollups = dict[str, dict[int, float]]
"""Figures of a metric by the name of the rollup and the start of the slice."""


def answers_by_series(answer: Iterable[Figures]) -> dict[int, list[Figures]]:
    """Return an answer to a question about several points, apart."""
    found: dict[int, list[Figures]] = {}
    for one in answer:
        found.setdefault(int(one.labels[SERIES]), []).append(one)
    return found


def buckets_from(answer: Iterable[Figures], *, width: int, offset_ms: int) -> list[Bucket] | None:
    """Return the buckets; None when only the readings say what they are.

    Args:
        answer: To ``bucket_question`` about one point, at the last millisecond of each slice.
    """
    metrics: dict[str, tuple[dict[str, str], _Rollups]] = {}
    begins_ms = offset_ms + 1 - width
    before_s: list[float] = []
    starts: list[int] = []
    for labels, values in answer:
        rollup = labels.pop("rollup", "")
        of_metric = metrics.setdefault(repr(sorted(labels.items())), (labels, {}))
        at_s = [at for at, _ in values]
        if at_s != before_s:  # mostly they are those of another figure
            before_s, starts = at_s, [round(at * 1000) + begins_ms for at in at_s]
        figures = map(float, (value for _, value in values))
        of_metric[1][rollup.removesuffix("_over_time")] = dict(zip(starts, figures, strict=True))
    known = [(part, *one) for one in metrics.values() if (part := part_of(one[0])) is not None]
    if any(part in _INEXACT for part, _, _ in known):
        return None
    good = {part: figures for part, labels, figures in known if labels.get("quality") == _GOOD}
    others = [(part, some) for part, labels, some in known if labels.get("quality") != _GOOD]
    if len(good) + len(others) == len(known) and good.keys() in _PLAIN:
        bad = [some for part, some in others if part in _COUNTED]
        return _plain_buckets(good, bad, width)
    slices: dict[int, _Slice] = {}
    for part, labels, figures in known:
        _add(slices, part, labels, figures)
    return [_bucket(at, width, slices[at]) for at in sorted(slices)]


def _plain_buckets(
    good: Mapping[Part, _Rollups], bad: Iterable[_Rollups], width: int
) -> list[Bucket]:
    """Return the buckets of a point that says one kind of number, one a millisecond."""
    summed = next(figures for part, figures in good.items() if part in _SUMMED)
    part, figures = next((part, some) for part, some in good.items() if part in _COUNTED)
    counts, sums, numbers = figures["count"], summed.get("sum", {}), summed["count"]
    low, high = (_read(figures.get(name), _NUMBER_OF[part]) for name in ("min", "max"))
    first, last = (_read(figures.get(name), READ[part]) for name in ("first", "last"))
    bad_counts = Counter[int]()
    for some in bad:
        bad_counts.update({at: int(count) for at, count in some["count"].items()})
    return [
        Bucket(
            at,
            at + width,
            low.get(at),
            sums[at] / numbers[at] if at in sums else None,
            high.get(at),
            first.get(at),
            last.get(at),
            int(counts.get(at, 0)),
            bad_counts.get(at, 0),
        )
        for at in sorted(counts.keys() | bad_counts.keys())
    ]


def _read(figures: Mapping[int, float] | None, read: Callable[[float], Any]) -> dict[int, Any]:
    return {} if figures is None else {at: read(figure) for at, figure in figures.items()}


def _add(
    slices: dict[int, _Slice],
    part: Part,
    labels: dict[str, str],
    figures: dict[str, dict[int, float]],
) -> None:
    is_good = labels.get("quality") == _GOOD
    for at, count in figures["count"].items():
        one = slices.get(at)
        if one is None:
            one = slices[at] = _Slice()
        if part in _COUNTED and is_good:
            one.count += int(count)
        elif part in _COUNTED:
            one.bad_count += int(count)
    if not is_good:
        return
    for at, total in figures.get("sum", {}).items():
        slices[at].sum += total
        slices[at].numbers += int(figures["count"][at])
    if part in _NUMBER_OF:
        _add_extremes(slices, _NUMBER_OF[part], figures)
    _add_ends(slices, part, labels, figures)


def _add_extremes(
    slices: dict[int, _Slice],
    number_of: Callable[[float], Any],
    figures: dict[str, dict[int, float]],
) -> None:
    for at, figure in figures.get("min", {}).items():
        number, one = number_of(figure), slices[at]
        if one.minimum is None or number < one.minimum:
            one.minimum = number
    for at, figure in figures.get("max", {}).items():
        number, one = number_of(figure), slices[at]
        if one.maximum is None or number > one.maximum:
            one.maximum = number


def _add_ends(
    slices: dict[int, _Slice],
    part: Part,
    labels: dict[str, str],
    figures: dict[str, dict[int, float]],
) -> None:
    place = int(labels.get("place", 0))
    text = labels.get("text", "")
    for at, figure in figures.get("first", {}).items():
        one = slices[at]
        when = (figures["tfirst"][at], place)
        if one.first is None or when < one.first[:2]:
            one.first = (*when, value_of({part: figure}, text))
    for at, figure in figures.get("last", {}).items():
        one = slices[at]
        when = (figures["tlast"][at], place)
        if one.last is None or when > one.last[:2]:
            one.last = (*when, value_of({part: figure}, text))


def _bucket(at: int, width: int, one: _Slice) -> Bucket:
    return Bucket(
        start=at,
        end=at + width,
        minimum=one.minimum,
        average=one.sum / one.numbers if one.numbers else None,
        maximum=one.maximum,
        first=one.first[2] if one.first else None,
        last=one.last[2] if one.last else None,
        count=one.count,
        bad_count=one.bad_count,
    )

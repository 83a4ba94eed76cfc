"""Parts in InfluxDB: how they are written, asked for and read. docs/history.md describes them.

``plantroom_hours`` and ``plantroom_minutes`` hold them; ``plantroom_rolled`` says how far a series
is rolled up, ``plantroom_late`` which of these hours do not count.
"""

import json
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any, Final

from protocols.reading import Value
from server.history.base import Bucket
from server.history.influxql import Answer, slice_start
from server.history.line_protocol import STRING
from server.history.parts import Part, Rolled
from server.history.places import PLACES
from server.history.shared import Span
from server.history.slices import HOUR_MS, MINUTE_MS, Slices

PARTS: Final = {HOUR_MS: "plantroom_hours", MINUTE_MS: "plantroom_minutes"}
ROLLED: Final = "plantroom_rolled"
LATE: Final = "plantroom_late"
SERIES: Final = "rolled_of"
"""Not the tag of readings, so that no query for readings finds a part."""
COUNTS, CAME_LATE, MIXED = 0, 1, 2
"""Why an hour does not count: it does; something came late; its readings say it alone."""
_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)
_ASKED = ", ".join(
    f"{what}({field})"
    for what, field in (
        *(("min", "low"), ("min", "low_whole"), ("sum", "total"), ("sum", "numbers")),
        *(("max", "high"), ("max", "high_whole"), ("first", "first_said"), ("last", "last_said")),
        *(("sum", "good"), ("sum", "bad")),
    )
)


def part_line(bucket: Bucket, numbers: int, *, series: int, unit_ms: int) -> str | None:
    """Return the line of a part; None: its readings say more than the fields can."""
    total = (bucket.average or 0.0) * numbers
    ends = (bucket.minimum, bucket.maximum)
    if not isfinite(total) or not all(_fits(one) for one in ends):
        return None
    fields = [f"good={bucket.count}i", f"bad={bucket.bad_count}i", f"numbers={numbers}i"]
    fields += [f"total={total!r}"] if numbers else []
    for name, end in zip(("low", "high"), ends, strict=True):
        if end is not None:
            fields.append(f"{name}={end!r}" if isinstance(end, float) else f"{name}_whole={end}i")
    if bucket.count:
        fields += [f"{name}_said={_text(getattr(bucket, name))}" for name in ("first", "last")]
    return f"{PARTS[unit_ms]},{SERIES}={series} {','.join(fields)} {bucket.start * PLACES}"


def late_line(series: int, hour_ms: int, why: int) -> str:
    """Return the line that says whether an hour counts."""
    return f"{LATE},{SERIES}={series} why={why}i {hour_ms * PLACES}"


def rolled_line(series: int, rolled: Rolled) -> str:
    """Return the line that says how far a series is rolled up."""
    fields = ",".join(f"{name}={value}i" for name, value in rolled._asdict().items())
    return f"{ROLLED},{SERIES}={series} {fields} {rolled.until * PLACES}"


def known_statements(series: int, start_ms: int, end_ms: int) -> list[str]:
    """Return what asks how far a series is rolled up, and what does not count of a range."""
    return [
        (
            f"SELECT since, until, minutes FROM {ROLLED} "  # noqa: S608 (constants)
            f"WHERE {SERIES} = '{series}' ORDER BY time DESC LIMIT 1"
        ),
        (
            f"SELECT why FROM {LATE} WHERE {SERIES} = '{series}' "  # noqa: S608 (constants)
            f"AND why > {COUNTS} AND {_between(start_ms - HOUR_MS, end_ms)}"
        ),
    ]


def all_known_statements() -> list[str]:
    """Return what asks the same of all series; of the hours only those that wait."""
    return [
        (
            f"SELECT since, until, minutes FROM {ROLLED} "  # noqa: S608 (constants)
            f"WHERE {SERIES} =~ /./ GROUP BY {SERIES} ORDER BY time DESC LIMIT 1"
        ),
        (
            f"SELECT why FROM {LATE} WHERE {SERIES} =~ /./ AND why = {CAME_LATE} "  # noqa: S608
            f"GROUP BY {SERIES}"
        ),
    ]


def parts_statement(series: int, inner: tuple[int, int], slices: Slices) -> str:
    """Return what asks for parts, added up by slices."""
    by = f"time({slices.width_ms}ms, {slices.first_ms % slices.width_ms}ms) fill(none)"
    return (
        f"SELECT {_ASKED} FROM {PARTS[slices.unit_ms]} "  # noqa: S608 (constants)
        f"WHERE {SERIES} = '{series}' AND {_between(*inner)} GROUP BY {by}"
    )


def first_statement(span: Span, tag: str) -> str:
    """Return what asks for the oldest reading of a series."""
    return (
        f"SELECT first(quality) FROM /.+/ WHERE {tag} = '{span.series_id}' "  # noqa: S608
        f"AND {_between(span.start_ms, span.end_ms)}"
    )


def rolled_of(answers: Iterable[Answer]) -> Rolled | None:
    """Return how far a series is rolled up."""
    return next((Rolled(*row[1:]) for one in answers for row in one.values), None)


def hours_of(answers: Iterable[Answer]) -> list[int]:
    """Return the hours that do not count."""
    return [row[0] // PLACES for one in answers for row in one.values]


def by_series(answers: Iterable[Answer]) -> dict[int, list[Answer]]:
    """Return answers by the series that they are of."""
    found: dict[int, list[Answer]] = {}
    for one in answers:
        found.setdefault(int(one.tags[SERIES]), []).append(one)
    return found


def parts_from(answers: Iterable[Answer], slices: Slices) -> list[Part]:
    """Return parts added up by slices."""
    return [
        _part(slice_start(row[0], slices.first_ms, slices.width_ms), slices.width_ms, row)
        for one in answers
        for row in one.values
    ]


def _part(at: int, width: int, row: Sequence[Any]) -> Part:
    _, low, low_whole, total, numbers, high, high_whole, first, last, good, bad = row
    bucket = Bucket(
        at,
        at + width,
        minimum=min(_numbers(low, low_whole), default=None),
        average=float(total) / numbers if numbers else None,
        maximum=max(_numbers(high, high_whole), default=None),
        first=None if first is None else json.loads(first),
        last=None if last is None else json.loads(last),
        count=good,
        bad_count=bad,
    )
    return Part(bucket, numbers)


def _numbers(number: float | None, whole: int | None) -> list[float | int]:
    return [*([] if number is None else [float(number)]), *([] if whole is None else [whole])]


def _fits(value: float | None) -> bool:
    if value is None or isinstance(value, float):
        return value is None or isfinite(value)
    return _SMALLEST <= value <= _LARGEST


def _text(value: Value) -> str:
    return f'"{json.dumps(value, ensure_ascii=False).translate(STRING)}"'


def _between(start_ms: int, end_ms: int) -> str:
    return f"time >= {start_ms * PLACES} AND time < {end_ms * PLACES}"

"""Several values of one point in one millisecond: each is kept once, the last one is current.

A reading is known by point, instant, value, quality and reason (ADR-25). A value that comes back
within one message, with another in between, is a further one, and its resend is recognised by its
place; what merely repeats the one before says nothing.
"""

from collections import Counter

from protocols.reading import Quality, Value
from protocols.sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from server.assets.series import Series

MOST_IN_ONE = 1_000
"""Values of a point in one millisecond beyond which no more are taken."""
REPEATED = -1
_NONE: dict[int, int] = {}


def further_values(payload: WirePayload) -> dict[int, int]:
    """Return which metrics say again what was said of the same instant in this message.

    By place in the message: how often it was said before, with something else in between;
    ``REPEATED`` when the metric only repeats the one before of its point and instant.
    """
    keys = [(metric.alias or metric.name, metric.timestamp) for metric in payload.metrics]
    if len(set(keys)) == len(keys):
        return _NONE
    found: dict[int, int] = {}
    last: dict[object, bytes] = {}
    times: Counter[tuple[object, bytes]] = Counter()
    for place, (key, metric) in enumerate(zip(keys, payload.metrics, strict=True)):
        content = metric.SerializeToString()
        if last.get(key) == content:
            found[place] = REPEATED
            continue
        last[key] = content
        if times[key, content]:
            found[place] = times[key, content]
        times[key, content] += 1
    return found


def is_further(
    series: Series, value: Value, quality: Quality, reason: str, *, nth: int = 0
) -> bool:
    """Return whether this was not said yet of the newest instant of a series, and note it.

    Args:
        series: Its newest value is of the same instant.
        value: What is said.
        quality: How good it is.
        reason: Why it is not good.
        nth: How often its message said the same before.
    """
    counts = _counts_of(series)
    key = (value.__class__, value, quality, reason)
    if counts.get(key, 0) > nth or len(counts) >= MOST_IN_ONE:
        return False
    counts[key] = counts.get(key, 0) + 1
    return True


def note_stored(series: Series, value: Value, quality: Quality, reason: str) -> None:
    """Count a stored value of the instant of the newest one."""
    counts = _counts_of(series)
    key = (value.__class__, value, quality, reason)
    counts[key] = counts.get(key, 0) + 1


def _counts_of(series: Series) -> dict[tuple[object, ...], int]:
    """Return how often each value was said of the newest instant."""
    known = series.instant
    if known is None or known[0] != series.last_at:
        last = series.last_value
        first = (last.__class__, last, series.last_quality, series.last_reason)
        known = series.instant = (series.last_at, {first: 1})
    return known[1]

"""Last values on their way to another process: JSON, some thousands at a time."""

import json
from collections.abc import Generator, Iterable, Sequence

from protocols.reading import Quality
from server.live.values import LastValue, Values

_FRAME_VALUES = 2000
"""Values in one frame: a millisecond of the interpreter's lock."""


def frames(values: Values, changed: Iterable[int]) -> Generator[bytes]:
    """Yield the last values of these points, each with how long it may say nothing, ms."""
    ids = sorted(changed)
    for start in range(0, len(ids), _FRAME_VALUES):
        last = values.of_points(ids[start : start + _FRAME_VALUES])
        silences = [values.max_silence_ms(one.point_id) for one in last]
        yield json.dumps([last, silences], separators=(",", ":")).encode()


def parse_frame(frame: bytes) -> tuple[list[LastValue], Sequence[int | None]]:
    """Return the values of a frame, and how long each may say nothing.

    Raises:
        ValueError: It is no frame.
        TypeError: Neither.
    """
    rows, silences = json.loads(frame)
    values = [
        LastValue(point, value, Quality(quality), reason, taken_at, seen_at)
        for point, value, quality, reason, taken_at, seen_at in rows
    ]
    if len(values) != len(silences):
        raise ValueError("a value without its silence")
    return values, silences

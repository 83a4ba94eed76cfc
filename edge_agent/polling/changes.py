"""Report by exception: which readings are worth sending (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.points import Point
from protocols.reading import Quality, Reading


@dataclass(slots=True)
class _Memory:
    """One point: its rule, and what was last reported."""

    deadband: float
    silence_ms: float
    always: bool
    last: Reading | None = None


class ChangeFilter:
    """The points of one device; remembers what was reported of each.

    Reported are: the first reading, a change of quality or reason, a state that changed, a number
    that moved by the deadband, and anything at all after ``max_silence_s``.
    """

    def __init__(self, points: Mapping[str, Point]) -> None:
        self._memory = {name: _memory(point) for name, point in points.items()}

    def pick(self, readings: Sequence[Reading]) -> list[Reading]:
        """Return the readings to report, and take them as reported."""
        picked: list[Reading] = []
        for reading in readings:
            memory = self._memory[reading.point]
            if memory.always or _worth(reading, memory):
                memory.last = reading
                picked.append(reading)
        return picked

    def forget(self) -> None:
        """Report every point again, as after a birth."""
        for memory in self._memory.values():
            memory.last = None


def _memory(point: Point) -> _Memory:
    # Half a period early, so that a cycle that is a moment early does not cost a whole one.
    silence_s = float("inf")
    if point.max_silence_s is not None:
        silence_s = point.max_silence_s - (point.period_s or 0.0) / 2
    return _Memory(point.deadband, max(0.0, silence_s) * 1000, point.report_all)


def _worth(reading: Reading, memory: _Memory) -> bool:
    last = memory.last
    if last is None or reading.quality is not last.quality or reading.reason != last.reason:
        return True
    if reading.taken_at - last.taken_at >= memory.silence_ms:
        return True
    if reading.quality is not Quality.GOOD:
        return False
    new, old = reading.value, last.value
    if memory.deadband and isinstance(new, int | float) and isinstance(old, int | float):
        return abs(new - old) >= memory.deadband
    return new != old

"""Report by exception: which readings are worth sending (pure).

Reported are the first reading of a point, every change of quality or reason, every change of a
state, a number that moved by its deadband (not sooner than ``min_interval_s`` after the last
report), and anything at all after ``max_silence_s``. A total that fell, because it wrapped or was
reset, is reported at once together with the last total before it, and so is the end of its good
quality: sums stay exact however coarse the deadband is (protocols/totals.py adds them up).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.computed import Reported
from protocols.reading import Quality, Reading


@dataclass(slots=True)
class _Memory:
    """One point that may be held back: its rule, what was last reported and what was not since."""

    totalizer: bool
    absolute: float
    relative: float
    pause_ms: float
    silence_ms: float
    last: Reading | None = None
    unreported: Reading | None = None


class ChangeFilter:
    """The points of one device; remembers what was reported of each."""

    def __init__(self, points: Mapping[str, Reported]) -> None:
        self._memory = {
            name: None if point.every_reading else _memory(point) for name, point in points.items()
        }

    def pick(self, readings: Sequence[Reading]) -> list[Reading]:
        """Return the readings to report, and take them as reported."""
        picked: list[Reading] = []
        for reading in readings:
            memory = self._memory[reading.point]
            if memory is None:
                picked.append(reading)
            elif _worth(reading, memory):
                if memory.unreported is not None and _ends_a_total(reading, memory.unreported):
                    picked.append(memory.unreported)
                memory.last, memory.unreported = reading, None
                picked.append(reading)
            elif memory.totalizer:
                memory.unreported = reading
        return picked

    def forget(self) -> None:
        """Report every point again, as after a birth."""
        for memory in filter(None, self._memory.values()):
            memory.last = memory.unreported = None


def _memory(point: Reported) -> _Memory:
    # Half a period early, so that a cycle that is a moment early does not cost a whole one.
    early_s = (point.period_s or 0.0) / 2
    silence_s = float("inf") if point.max_silence_s is None else point.max_silence_s - early_s
    pause_s = 0.0 if point.min_interval_s is None else point.min_interval_s - early_s
    deadband = point.deadband
    absolute = deadband.absolute or 0.0
    if deadband.of_span is not None and point.span is not None:
        absolute = deadband.of_span / 100 * (point.span[1] - point.span[0])
    return _Memory(
        totalizer=point.totalizer,
        absolute=absolute,
        relative=(deadband.percent or 0.0) / 100,
        pause_ms=max(0.0, pause_s) * 1000,
        silence_ms=max(0.0, silence_s) * 1000,
    )


def _worth(reading: Reading, memory: _Memory) -> bool:
    last = memory.last
    if last is None or reading.quality is not last.quality or reading.reason != last.reason:
        return True
    # A clock that was set back makes the age negative; that must not silence a point.
    age_ms = abs(reading.taken_at - last.taken_at)
    if age_ms >= memory.silence_ms:
        return True
    if reading.quality is not Quality.GOOD:
        return False
    if memory.totalizer and _fell(reading, memory.unreported or last):
        return True
    return _moved(reading, last, memory, may_wait=age_ms < memory.pause_ms)


def _moved(reading: Reading, last: Reading, memory: _Memory, *, may_wait: bool) -> bool:
    new, old = reading.value, last.value
    # A bool is an int; states are never held back.
    if type(new) is bool or not isinstance(new, int | float) or not isinstance(old, int | float):
        return new != old
    if may_wait or new == old:
        return False
    return abs(new - old) >= max(memory.absolute, memory.relative * abs(old))


def _ends_a_total(reading: Reading, unreported: Reading) -> bool:
    # While it is not good it may be exchanged; what it had counted until then must be known.
    return reading.quality is not Quality.GOOD or _fell(reading, unreported)


def _fell(reading: Reading, before: Reading) -> bool:
    new, old = reading.value, before.value
    return isinstance(new, int | float) and isinstance(old, int | float) and new < old

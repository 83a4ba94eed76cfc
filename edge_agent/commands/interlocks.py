"""Whether an interlock lets a command pass, on values fresh enough to be believed (pure)."""

from collections.abc import Callable, Mapping

from config.interlock import Place, compile_interlock
from config.points import Point
from config.resolve import ResolvedDevice
from protocols.reading import Quality, Reading, Value

Latest = Callable[[Place], Reading | None]
"""The last reading of a point, reported or not."""

_FRESH_PERIODS = 2.0
_FRESH_S = 2.0


def interlock_refusal(
    device: str, point: Point, *, devices: Mapping[str, ResolvedDevice], latest: Latest, now_ms: int
) -> str:
    """Return why the interlock of a point refuses a command now; empty when it does not.

    A value counts while it is good and not older than two of its periods and two seconds.
    """
    if point.writable is None or point.writable.interlock is None:
        return ""
    names = {name: known.points for name, known in devices.items()}
    interlock = compile_interlock(point.writable.interlock, device, names)
    values: dict[Place, Value] = {}
    doubts: list[str] = []
    for place in interlock.places:
        reading = latest(place)
        doubt = _doubt(reading, devices[place.device].points[place.point], now_ms)
        if doubt:
            doubts.append(f"{place.device}.{place.point} {doubt}")
        elif reading is not None:
            values[place] = reading.value
    held = interlock.holds(values)
    if held is None:
        return f"interlock {interlock.text!r} cannot be judged: {', '.join(doubts) or 'no result'}"
    return "" if held else f"interlock {interlock.text!r} does not hold"


def _doubt(reading: Reading | None, point: Point, now_ms: int) -> str:
    if reading is None:
        return "was never read"
    if reading.quality is not Quality.GOOD:
        return f"is {reading.quality.name.lower()} ({reading.reason})"
    age_s = abs(now_ms - reading.taken_at) / 1000
    if age_s > _FRESH_PERIODS * (point.period_s or 1.0) + _FRESH_S:
        return f"is {age_s:.0f} s old"
    return ""

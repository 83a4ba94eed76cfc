"""Whether an interlock lets a command pass, on values fresh enough to be believed (pure)."""

from collections.abc import Callable, Mapping
from typing import Self

from config.computed import Reported
from config.gateway import ResolvedDevice
from config.interlock import Interlock, Place, compile_interlock
from config.point_kinds import AnyPoint
from protocols.reading import Quality, Reading, Value

Latest = Callable[[Place], Reading | None]
"""The last reading of a point, reported or not."""

_FRESH_PERIODS = 2.0
_FRESH_S = 2.0


class Guard:
    """The interlock of one command, judged when its write goes out.

    Attributes:
        places: What it looks at.
    """

    def __init__(self, interlock: Interlock | None, points: Mapping[Place, Reported]) -> None:
        self.places = tuple(points)
        self._interlock = interlock
        self._points = points

    @classmethod
    def of(cls, device: str, point: AnyPoint, devices: Mapping[str, ResolvedDevice]) -> Self:
        """Return the guard of a writable point; one without an interlock refuses nothing."""
        if point.writable is None or point.writable.interlock is None:
            return cls(None, {})
        names = {name: known.reported for name, known in devices.items()}
        interlock = compile_interlock(point.writable.interlock, device, names)
        # As they are now: a reload must not pull them from under a command on its way.
        points = {place: devices[place.device].reported[place.point] for place in interlock.places}
        return cls(interlock, points)

    def refusal(self, latest: Latest, moving: Callable[[Place], bool], now_ms: int) -> str:
        """Return why the command must not go out now; empty when nothing is against it.

        A value counts while it is good, not older than two of its periods and two seconds, and
        not ``moving``: commanded on another port at this moment.
        """
        interlock = self._interlock
        if interlock is None:
            return ""
        values: dict[Place, Value] = {}
        unusable: list[str] = []
        for place, point in self._points.items():
            reading = latest(place)
            why = _why_unusable(reading, point, now_ms)
            if not why and moving(place):
                why = "is being commanded"
            if why:
                unusable.append(f"{place.device}.{place.point} {why}")
            elif reading is not None:
                values[place] = reading.value
        holds = interlock.holds(values)
        if holds is None:
            why = ", ".join(unusable) or "no result"
            return f"interlock {interlock.text!r} cannot be judged: {why}"
        return "" if holds else f"interlock {interlock.text!r} does not hold"


def _why_unusable(reading: Reading | None, point: Reported, now_ms: int) -> str:
    """Return why a value cannot be judged; empty when it can."""
    if reading is None:
        return "was never read"
    if reading.quality is not Quality.GOOD:
        return f"is {reading.quality.name.lower()} ({reading.reason})"
    age_s = abs(now_ms - reading.taken_at) / 1000
    return f"is {age_s:.0f} s old" if age_s > fresh_s(point) else ""


def fresh_s(point: Reported) -> float:
    """Return how old a value may be that is judged, seconds."""
    return _FRESH_PERIODS * (point.period_s or 1.0) + _FRESH_S

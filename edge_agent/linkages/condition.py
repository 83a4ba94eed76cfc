"""What a condition over points of several devices is now (pure)."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from config.gateway import ResolvedDevice
from config.interlock import Place
from config.linkage_rules import compile_condition
from edge_agent.commands.interlocks import Latest, fresh_s
from protocols.reading import Quality, Value


class Judged(NamedTuple):
    """What a condition is, or why that is not known.

    Attributes:
        truth: None: not known.
        why: Why it is not known, such as ``timeout of leak-1.leak``; empty when it is.
    """

    truth: bool | None
    why: str = ""


class Condition:
    """A condition, and how old each of its readings may be.

    Attributes:
        places: What it reads.
        max_age_s: How old a reading of each may be, seconds.
    """

    def __init__(
        self, text: str, devices: Mapping[str, ResolvedDevice], *, max_age_s: float | None
    ) -> None:
        known: Mapping[str, Collection[str]] = {name: one.reported for name, one in devices.items()}
        self._interlock = compile_condition(text, known)
        self.places = self._interlock.places
        self.max_age_s = {
            place: max_age_s or fresh_s(devices[place.device].reported[place.point])
            for place in self.places
        }

    def judge(self, latest: Latest, now_ms: int) -> Judged:
        """Return what it is by the last readings; one that is not good or too old is unknown."""
        values = dict[Place, Value]()
        unusable: list[str] = []
        for place in self.places:
            reading = latest(place)
            why = ""
            if reading is None:
                why = "not_read"
            elif reading.quality is not Quality.GOOD:
                why = reading.reason
            elif abs(now_ms - reading.taken_at) > 1000 * self.max_age_s[place]:
                why = "too_old"
            else:
                values[place] = reading.value
            if why:
                unusable.append(f"{why} of {place.device}.{place.point}")
        truth = self._interlock.holds(values)
        if truth is None:
            return Judged(None, unusable[0] if unusable else "not_computable")
        return Judged(truth)

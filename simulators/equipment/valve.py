"""A motor valve with two limit switches."""

from collections.abc import Mapping
from typing import ClassVar

from protocols.reading import Value

_TRAVEL_S = 3.0


class Valve:
    """Turns for three seconds; ``jam`` leaves it where it is."""

    events: ClassVar[frozenset[str]] = frozenset({"jam", "local"})

    def __init__(self, *, seed: int, started_s: float) -> None:
        del seed
        self._open = True
        self._from = 1.0
        self._since_s = started_s
        self._event = ""

    def happen(self, event: str, now_s: float) -> None:
        """Jam, or be switched to local control; clear: turn to where it is told to be."""
        self._from, self._since_s = self._at(now_s), now_s
        self._event = "" if event == "clear" else event

    def command(self, point: str, value: Value, now_s: float) -> bool:
        """Open or close."""
        if point != "command":
            return False
        self._from, self._since_s, self._open = self._at(now_s), now_s, bool(value)
        return True

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Return its command and what its switches say."""
        at = self._at(now_s)
        return {
            "command": self._open,
            "position": round(100 * at),
            "open_limit": at >= 1,
            "closed_limit": at <= 0,
            "fault": self._event == "jam",
            "remote": self._event != "local",
            "output_mode": "normal",
        }

    def _at(self, now_s: float) -> float:
        """Return how far it is open, 0 to 1."""
        if self._event:
            return self._from
        turned = max(0.0, now_s - self._since_s) / _TRAVEL_S
        return min(1.0, self._from + turned) if self._open else max(0.0, self._from - turned)

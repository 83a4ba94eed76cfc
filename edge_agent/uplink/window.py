"""How much of the backlog may be under way, pure: as much as keeps the way busy, and no more.

What is under way stands in front of live data, in this process, in the kernel, in the broker and
in the server. The time from sending to acknowledgement says how long that queue is.
"""

from collections.abc import Iterable
from typing import Final

from edge_agent.journal.ranges import Range

LEAST_READINGS: Final = 100
_FIRST_READINGS: Final = 500
_NEARLY_FULL: Final = 0.5
_LONGEST_QUEUE_S: Final = 0.5
_SHORT_QUEUE_S: Final = 0.2
_REMEMBERED_S: Final = 30.0
_LOST_S: Final = 60.0
_FIRST_QUEUE_BYTES: Final = 64_000
_LEAST_QUEUE_BYTES: Final = 8_000
_MOST_QUEUE_BYTES: Final = 250_000
_MEASURED_S: Final = 0.25


class AckTimes:
    """Measures how long acknowledgements take, one message at a time.

    Attributes:
        latest_s: The latest measurement; 0 before the first.
    """

    def __init__(self) -> None:
        self.latest_s = 0.0
        self._probe: tuple[int, float, int] | None = None
        self._heavy = False

    def sent(self, offset: int, now_s: float, *, under_way: int, heavy: bool = False) -> None:
        """Follow a message when no other one is, or that one will never be acknowledged.

        The first ``heavy`` one, with much of the window in front of it, is worth more than a light
        one: it says how long the queue becomes.
        """
        probe = self._probe
        if probe is None or now_s - probe[1] > _LOST_S or (heavy and not self._heavy):
            self._probe, self._heavy = (offset, now_s, under_way), heavy

    def acknowledged(self, ranges: Iterable[Range], now_s: float) -> int | None:
        """Return what was under way with the followed message, when it is among these."""
        if self._probe is None:
            return None
        offset, sent_s, under_way = self._probe
        if not any(first <= offset <= last for first, last in ranges):
            return None
        self._probe = None
        self.latest_s = now_s - sent_s
        return under_way

    def forget(self) -> None:
        """Stop following: the connection is gone."""
        self._probe = None


class Window:
    """Counts readings of the backlog that are sent and not acknowledged.

    Args:
        rate: Readings a second that may be sent at most.

    Attributes:
        readings: How many may be under way.
        under_way: How many are.
    """

    def __init__(self, *, rate: int) -> None:
        self.readings = _FIRST_READINGS
        self._rate = rate
        self._sent: dict[int, int] = {}
        self.under_way = 0
        self._shortest_s = float("inf")
        self._measured_at_s = 0.0
        self._afterwards: int | None = None

    @property
    def room(self) -> int:
        """How many more readings may be sent now."""
        return max(0, self.readings - self.under_way)

    @property
    def heavy(self) -> bool:
        """Whether more than half of what may be is under way."""
        return self.under_way > _NEARLY_FULL * self.readings

    def sent(self, offset: int, readings: int) -> None:
        """Add a message of the backlog."""
        self.under_way += readings - self._sent.get(offset, 0)
        self._sent[offset] = readings

    def gone(self, ranges: Iterable[Range]) -> None:
        """Remove what is no longer under way: acknowledged, or given up."""
        sent = self._sent
        for first, last in ranges:
            if last - first < len(sent):
                found = [offset for offset in range(first, last + 1) if offset in sent]
            else:
                found = [offset for offset in sent if first <= offset <= last]
            for offset in found:
                self.under_way -= sent.pop(offset)

    def forget(self) -> None:
        """Forget what is under way: the connection is gone."""
        self._sent.clear()
        self.under_way = 0
        if self._afterwards is not None:
            self.readings, self._afterwards = self._afterwards, None

    def took(self, seconds: float, now_s: float, *, under_way: int) -> None:
        """Adapt to how long an acknowledgement took, with so many readings under way."""
        if self._afterwards is not None:
            if under_way <= 2 * LEAST_READINGS:
                self._shortest_s, self._measured_at_s = seconds, now_s
                self.readings, self._afterwards = self._afterwards, None
            return
        if seconds < self._shortest_s:
            self._shortest_s, self._measured_at_s = seconds, now_s
        if now_s - self._measured_at_s > _REMEMBERED_S:
            # A queue that always stands looks like a long way: let it run empty and look.
            self.readings, self._afterwards = LEAST_READINGS, self.readings
            return
        shortest_s = self._shortest_s
        if seconds > shortest_s + _LONGEST_QUEUE_S:
            # What comes through in the time that it may take.
            fitting = int(under_way * (shortest_s + _LONGEST_QUEUE_S) / seconds)
            self.readings = max(LEAST_READINGS, min(self.readings, fitting))
        elif under_way > _NEARLY_FULL * self.readings and seconds < shortest_s + _SHORT_QUEUE_S:
            most = round(self._rate * (shortest_s + 1))
            self.readings = max(LEAST_READINGS, min(2 * self.readings, most))


class Outflow:
    """Measures how fast the connection takes bytes; half a second of them may be queued.

    Attributes:
        most_bytes: What may be queued in front of a live message.
    """

    def __init__(self) -> None:
        self.most_bytes = _FIRST_QUEUE_BYTES
        self._since: tuple[float, int] | None = None

    def look(self, now_s: float, *, passed_bytes: int, queued_bytes: int) -> None:
        """Measure from how many bytes have been taken in all, and how many wait."""
        if queued_bytes == 0:
            # Idle: what it took says nothing about what it could take.
            self._since = None
            return
        if self._since is None:
            self._since = (now_s, passed_bytes)
            return
        since_s, before_bytes = self._since
        if now_s - since_s < _MEASURED_S:
            return
        rate = max(0, passed_bytes - before_bytes) / (now_s - since_s)
        fitting = round(rate * _LONGEST_QUEUE_S)
        self.most_bytes = max(_LEAST_QUEUE_BYTES, min(_MOST_QUEUE_BYTES, fitting))
        self._since = (now_s, passed_bytes)

"""Which journal rows are to be sent again, pure: ranges of offsets and times, never rows."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.journal.ranges import Range, RangeSet
from edge_agent.uplink.window import AckTimes, Window

_SLOT_S = 1.0
_MAX_DUE_RANGES = 1000
_MOST_PATIENCE = 6
"""How many times its timeout a host that is slow, but acknowledges, is waited for."""


@dataclass(slots=True)
class _Slot:
    """Offsets sent within one second."""

    first: int
    last: int
    sent_at_s: float


class ResendBook:
    """What was sent and not acknowledged, and what is due.

    Offsets that are in no row any more cost one look into the journal; so acknowledged ones need
    not be followed one by one, and the book stays small however long the backlog is.
    """

    def __init__(self, *, ack_timeout_s: float, rate: int = 5000) -> None:
        self._least_timeout_s = self._timeout_s = ack_timeout_s
        self._times = AckTimes()
        self.window = Window(rate=rate)
        self._live: deque[_Slot] = deque()
        self._resent: deque[_Slot] = deque()
        self.due = RangeSet()
        self.last_ack_s = 0.0
        self.acknowledges = True
        """Whether the host is known to acknowledge, or was not yet found to be silent."""
        self._aside: dict[str, RangeSet] = {}
        self._unanswered_since_s: float | None = None
        self.begun = False

    def begin(self, next_offset: int, now_s: float) -> None:
        """Begin a session: everything journaled so far is due, the broker kept nothing."""
        self.forget_sent()
        self.begun = True
        self._aside.clear()
        self.due.clear()
        self.due.add(0, next_offset - 1)
        self.last_ack_s = now_s

    def forget_sent(self) -> None:
        """Forget what was under way: the connection is gone, it counts as not sent."""
        self.begun = False
        self._unanswered_since_s = None
        self._live.clear()
        self._resent.clear()
        self._times.forget()
        self.window.forget()

    def sent_live(self, offset: int, now_s: float) -> None:
        """Add a row that was published as it was journaled."""
        self._expect_answer(now_s)
        self._times.sent(offset, now_s, under_way=self.window.under_way)
        _extend(self._live, offset, offset, now_s)

    def sent_row(self, offset: int, readings: int, now_s: float) -> None:
        """Add a row of the backlog that was published."""
        self._expect_answer(now_s)
        self.window.sent(offset, readings)
        window = self.window
        self._times.sent(offset, now_s, under_way=window.under_way, heavy=window.heavy)

    def sent_again(self, first: int, last: int, now_s: float) -> None:
        """Add a range whose rows were published as historical."""
        self.due.discard(first, last)
        _extend(self._resent, first, last, now_s)

    def found_empty(self, first: int, last: int) -> None:
        """Drop a range of which the journal has no rows: they are acknowledged."""
        self.due.discard(first, last)

    def missed(self, offset: int) -> None:
        """Make a row due that could not be published; before a session begins there is no need."""
        if not self.begun:
            return
        self.due.add(offset, offset)
        self.due.coarsen(_MAX_DUE_RANGES)

    def set_aside(self, device: str, offset: int) -> None:
        """Keep a row back until its device is up, or the host found to acknowledge."""
        self.due.discard(offset, offset)
        waiting = self._aside.setdefault(device, RangeSet())
        waiting.add(offset, offset)
        waiting.coarsen(_MAX_DUE_RANGES)

    def bring_back(self, device: str) -> None:
        """Make due what was set aside of a device."""
        waiting = self._aside.pop(device, None)
        if waiting is not None:
            self.resend(waiting)

    def found_acknowledging(self) -> None:
        """Make due what was set aside: the host acknowledges, or may do so again."""
        self.acknowledges = True
        self._unanswered_since_s = None
        for device in list(self._aside):
            self.bring_back(device)

    def acknowledged(self, ranges: Iterable[Range], now_s: float) -> None:
        """Remove what the server has stored."""
        known = list(ranges)
        for first, last in known:
            self.due.discard(first, last)
        self.last_ack_s = now_s
        self.found_acknowledging()
        self.window.gone(known)
        under_way = self._times.acknowledged(known, now_s)
        if under_way is not None:
            took_s = self._times.latest_s
            self.window.took(took_s, now_s, under_way=under_way)
            # What is under way must not be sent again because the host is slow.
            most_s = _MOST_PATIENCE * self._least_timeout_s
            self._timeout_s = min(most_s, max(self._least_timeout_s, 2 * took_s))

    def expired(self, now_s: float) -> list[Range]:
        """Return, once, the ranges whose acknowledgement is overdue."""
        ranges: list[Range] = []
        for slots in (self._resent, self._live):
            while slots and now_s - slots[0].sent_at_s >= self._timeout_s:
                slot = slots.popleft()
                ranges.append((slot.first, slot.last))
        self.window.gone(ranges)
        return ranges

    def resend(self, ranges: Iterable[Range]) -> None:
        """Make ranges due."""
        self.due.update(ranges)
        self.due.coarsen(_MAX_DUE_RANGES)

    def arrived(self, ranges: Iterable[Range]) -> None:
        """Make rows due whose time is final now; what was sent live among them is under way.

        A range of the backlog that was sent may have such rows in it, which could not be read then.
        """
        for first, last in ranges:
            self.due.add(first, last)
            for slot in self._live:
                self.due.discard(slot.first, slot.last)
        self.due.coarsen(_MAX_DUE_RANGES)

    def silent(self, now_s: float) -> bool:
        """Return whether no host acknowledges; then the backlog is only probed."""
        return now_s - self.last_ack_s > self._timeout_s

    def note_silence(self, now_s: float) -> None:
        """Find out whether the host leaves messages unacknowledged for too long."""
        if self.unanswered_s(now_s) > self._timeout_s:
            self.acknowledges = False

    def unanswered_s(self, now_s: float) -> float:
        """Return how long ago the first message went out after which nothing was acknowledged."""
        since_s = self._unanswered_since_s
        return 0.0 if since_s is None else now_s - since_s

    def _expect_answer(self, now_s: float) -> None:
        if self._unanswered_since_s is None:
            self._unanswered_since_s = now_s


def _extend(slots: deque[_Slot], first: int, last: int, now_s: float) -> None:
    if slots:
        slot = slots[-1]
        if now_s - slot.sent_at_s < _SLOT_S and slot.last + 1 == first:
            slot.last = last
            return
    slots.append(_Slot(first, last, now_s))

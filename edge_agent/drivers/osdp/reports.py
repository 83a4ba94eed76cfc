"""Which status reports a reader is asked for, and which of them it refuses (pure).

The library gives a reader up for a single report that fails, and says neither why nor that it comes
back. So a failure and its return belong together: a report that fails again right after it is
refused, and one that failed because the secure channel was set up anew is answered then.
"""

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from protocols.osdp.notes import Kind

_STATES_S: Final = 30.0
"""So often all states are asked for anew: what a reader forgot to tell is known then."""
_REFUSED_AT: Final = 2


class Reports:
    """Of one reader.

    Attributes:
        asked: The report that is asked for now.
    """

    def __init__(self) -> None:
        self.asked: Kind | None = None
        self._wanted: deque[Kind] = deque()
        self._failures: Counter[Kind] = Counter()
        self._gone_for_one = False
        self._all_at_s = 0.0

    def came_back(self, now_s: float) -> None:
        """Record that it is there anew; failures are forgotten unless one was why it went."""
        if not self._gone_for_one:
            self._failures.clear()
        self._gone_for_one = False
        self._all_at_s = now_s

    def went(self) -> None:
        """Record that it is gone: what was asked is not answered any more."""
        self._wanted.clear()
        self.asked = None

    def all_due(self, now_s: float) -> bool:
        """Whether all reports are to be asked for; true once each time."""
        if now_s < self._all_at_s:
            return False
        self._all_at_s = now_s + _STATES_S
        return True

    def want(self, kinds: Iterable[Kind]) -> None:
        """Ask for these, behind what is wanted already."""
        self._wanted.extend(kind for kind in kinds if kind not in self._wanted)

    def want_first(self, kind: Kind) -> None:
        """Ask for this one next."""
        self._wanted.appendleft(kind)

    def next(self) -> Kind | None:
        """Return what is to be asked for now, and take it off."""
        return self._wanted.popleft() if self._wanted else None

    def refused(self, kind: Kind) -> bool:
        """Whether it does not give this one; asking again would cost the connection."""
        return self._failures[kind] >= _REFUSED_AT

    def answered(self, kind: Kind) -> None:
        """Record that it gives this one."""
        del self._failures[kind]
        self._gone_for_one = False

    def failed(self, kind: Kind) -> None:
        """Record that this one failed while the reader was there, its secure channel unbroken."""
        self._failures[kind] += 1
        self._gone_for_one = True

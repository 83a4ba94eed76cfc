"""Two clients with one client id, inferred from how connections end (pure).

A broker that gets a second CONNECT with a client id closes the first connection; MQTT 3.1.1 has no
word for it. Both clients connect again, so each is closed again and again within moments although
the broker is there all the time: that is what is looked for. A broker that is stopped, or a line
that is cut, refuses a connection right after the loss; the callers try one.
"""

from collections import deque
from typing import Final

_SUSPICIOUS: Final = 3
"""Connections in a row that ended ..."""
_WITHIN_S: Final = 30.0
"""... and lived no longer than this all together: the other client may have paused meanwhile."""
_FIRST_PAUSE_S: Final = 5.0
_LONGEST_PAUSE_S: Final = 60.0
_FORGIVEN_S: Final = 300.0


class TakeoverWatch:
    """Follows the connections of one client.

    Attributes:
        suspected: Whether somebody else probably uses the same client id.
    """

    def __init__(self) -> None:
        self.suspected = False
        self._at_once = True
        self._lived: deque[float] = deque(maxlen=_SUSPICIOUS)
        self._pauses = 0

    def refused(self) -> None:
        """Record a failed attempt, or a probe after a loss: the broker is away."""
        self._at_once = False
        self._forget()

    def lost(self, lived_s: float) -> None:
        """Record the end of a connection that we did not end, by a broker that is still there."""
        at_once, self._at_once = self._at_once, True
        if lived_s >= _FORGIVEN_S or not (at_once or self.suspected):
            self._forget()
        if self.suspected:
            self._pauses += 1
            return
        self._lived.append(lived_s)
        full = len(self._lived) == _SUSPICIOUS
        self.suspected = full and sum(self._lived) <= _WITHIN_S

    @property
    def pause_s(self) -> float:
        """How long to leave the broker alone, so that two clients make no storm; 0: no need."""
        if not self.suspected:
            return 0.0
        return min(_FIRST_PAUSE_S * 2 ** min(self._pauses, 8), _LONGEST_PAUSE_S)

    def _forget(self) -> None:
        self.suspected = False
        self._lived.clear()
        self._pauses = 0

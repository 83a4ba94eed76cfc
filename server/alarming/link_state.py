"""Whether the server receives what gateways publish: the states of that, and their changes (pure).

Silence counts and lost connections are alarms only while the server is connected to its broker and
the ingest takes what comes; together these are "received". What is late of one gateway alone is
asked where its points are evaluated (``is_behind``).

    STARTING   --received for GRACE_S-->      CONNECTED   first connected
    STARTING   --not received for LOSS_S-->   LOST        lost
    CONNECTED  --not received for LOSS_S-->   LOST        lost
    LOST       --received for GRACE_S-->      CONNECTED   reconnected
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

GRACE_S: Final = 60.0
"""After the broker is there: backlogs and births come first."""
LOSS_S: Final = 2.0
"""A shorter interruption is no loss; a start needs a moment to connect."""
CLOCK_JUMP_S: Final = 5.0
"""Further ahead than the time that has passed: the machine stood still, or was set ahead."""


class LinkPhase(StrEnum):
    """What is known of the connection."""

    STARTING = "starting"
    """Since the start of the server nothing proves that it receives."""
    CONNECTED = "connected"
    """It has received for so long that silence counts."""
    LOST = "lost"
    """It does not receive; connections that were lost with it are no finding of theirs."""


class Edge(StrEnum):
    """A change that something follows from."""

    INTERRUPTED = "interrupted"
    """Not received any more, since this moment."""
    RESUMED = "resumed"
    """Received again, since this moment."""
    CLOCK_AHEAD = "clock_ahead"
    """The clock jumped ahead, as after a standstill of the machine."""
    FIRST_CONNECTED = "first_connected"
    LOST = "lost"
    RECONNECTED = "reconnected"


TRANSITIONS: Final[Mapping[tuple[LinkPhase, LinkPhase], Edge]] = {
    (LinkPhase.STARTING, LinkPhase.CONNECTED): Edge.FIRST_CONNECTED,
    (LinkPhase.STARTING, LinkPhase.LOST): Edge.LOST,
    (LinkPhase.CONNECTED, LinkPhase.LOST): Edge.LOST,
    (LinkPhase.LOST, LinkPhase.CONNECTED): Edge.RECONNECTED,
}
"""All changes of the phase. An interruption shorter than ``LOSS_S`` is none, but begins the
``GRACE_S`` anew."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """The connection as it was looked at last; monotonic seconds.

    Attributes:
        unreceived_s: The last look at which nothing was received, or the start.
        ahead_s: By how much the clock was ahead of the monotonic one.
        received: Whether it was received at the last look; assumed at the start.
        interrupted_s: The first look at which it was not; only while ``received`` is False.
        phase: What follows from it.
    """

    unreceived_s: float
    ahead_s: float
    received: bool = True
    interrupted_s: float = 0.0
    phase: LinkPhase = LinkPhase.STARTING

    def look(
        self, *, received: bool, now_s: float, ahead_s: float
    ) -> tuple["LinkState", tuple[Edge, ...]]:
        """Return the state after a look, and what follows at once.

        Args:
            received: Whether what the broker delivers is taken as it comes.
            now_s: Monotonic.
            ahead_s: By how much the clock is ahead of the monotonic one.
        """
        edges: list[Edge] = []
        if ahead_s - self.ahead_s > CLOCK_JUMP_S:
            edges.append(Edge.CLOCK_AHEAD)
        if received != self.received:
            edges.append(Edge.RESUMED if received else Edge.INTERRUPTED)
        interrupted_s = now_s if self.received and not received else self.interrupted_s
        unreceived_s = self.unreceived_s if received else now_s
        state = replace(
            self,
            unreceived_s=unreceived_s,
            ahead_s=ahead_s,
            received=received,
            interrupted_s=interrupted_s,
        )
        return state, tuple(edges)

    def phase_at(self, now_s: float) -> LinkPhase:
        """Return the phase that the last look leads to."""
        if self.is_settled(now_s):
            return LinkPhase.CONNECTED
        if not self.received and now_s - self.interrupted_s >= LOSS_S:
            return LinkPhase.LOST
        return self.phase

    def is_settled(self, now_s: float) -> bool:
        """Return whether it has been received for so long that silence counts."""
        return self.received and now_s - self.unreceived_s >= GRACE_S

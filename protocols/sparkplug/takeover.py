"""Two clients with one client id, inferred from how connections end (pure).

A broker that gets a second CONNECT with a client id closes the first connection; MQTT 3.1.1 has no
word for it. Both clients connect again, so each is closed again within moments although the broker
is there: that is what is looked for. A broker that is restarted refuses connections meanwhile.
"""

from typing import Final

_SHORT_S: Final = 3.0
_SUSPICIOUS: Final = 3
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
        self._short = 0
        self._pauses = 0

    def refused(self) -> None:
        """Note an attempt that failed: the broker is away, which explains lost connections."""
        self._at_once = False
        self._forget()

    def lost(self, lived_s: float) -> None:
        """Note the end of a connection that the broker had accepted and we did not end."""
        at_once, self._at_once = self._at_once, True
        if lived_s >= _FORGIVEN_S:
            self._forget()
        if self.suspected:
            self._pauses += 1
        elif at_once and lived_s < _SHORT_S:
            self._short += 1
            self.suspected = self._short >= _SUSPICIOUS
        else:
            self._short = 0

    @property
    def pause_s(self) -> float:
        """How long to leave the broker alone, so that two clients make no storm; 0: no need."""
        if not self.suspected:
            return 0.0
        return min(_FIRST_PAUSE_S * 2 ** min(self._pauses, 8), _LONGEST_PAUSE_S)

    def _forget(self) -> None:
        self.suspected = False
        self._short = self._pauses = 0

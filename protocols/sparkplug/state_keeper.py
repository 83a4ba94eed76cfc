"""What a host has to say under STATE so that what is retained there is true (pure).

A node that obeys STATE ignores what is older than the newest it has heard. So birth and Will of a
connection count for nothing once something newer was said: then only a new CONNECT, with a newer
Will and birth, helps. All the rest is healed by saying the birth again. What is heard before the
birth has come back from the broker was said before it, and needs no answer.
"""

from enum import Enum, auto
from typing import Final

from protocols.errors import FrameError
from protocols.sparkplug.state import State, decode_state

_FOREVER: Final = 2**53
"""A timestamp from here on is no time; nothing can be said after it."""


class Answer(Enum):
    """What to do about a STATE that was received."""

    NOTHING = auto()
    REPEAT = auto()
    """Publish the birth again."""
    RIVAL = auto()
    """Publish the birth again, once, so that another host of this id hears of this one."""
    RECONNECT = auto()
    """End this connection without a DISCONNECT and make a new one."""


class StateKeeper:
    """The STATE of one host.

    Attributes:
        echoed: Whether the broker has brought back the birth of this connection.
    """

    def __init__(self) -> None:
        self._rival = False
        self._birth_at = 0
        self._newest = 0
        self.echoed = False
        self._leaving = False

    def connecting(self, now_ms: int) -> State:
        """Return the Will of the CONNECT that is made now; its birth has the same timestamp."""
        self._birth_at = max(now_ms, self._birth_at + 1, self._newest + 1)
        self.echoed = self._rival = False
        return State(online=False, timestamp=self._birth_at)

    def birth(self) -> State:
        """Return what to publish once subscribed, and again when ``heard`` asks for it."""
        self.echoed = False
        return State(online=True, timestamp=self._birth_at)

    def farewell(self, now_ms: int) -> State:
        """Return what a clean end says; nothing that is received is answered from now on.

        Whoever has heard something newer under this id would not believe what is older than that.
        """
        self._leaving = True
        return State(online=False, timestamp=max(now_ms, self._birth_at, self._newest))

    def heard(self, payload: bytes, *, retained: bool) -> Answer:
        """Take what the broker delivers under this host's STATE.

        Args:
            payload: What was said, maybe by this host itself; empty when somebody deleted it.
            retained: Whether it was kept by the broker, so was said before the subscription.
        """
        if self._leaving:
            return Answer.NOTHING
        state = _state(payload)
        if state == State(online=True, timestamp=self._birth_at):
            self.echoed = True
            return Answer.NOTHING
        if state is not None:
            newer = self._birth_at < state.timestamp < _FOREVER
            if newer:
                self._newest = max(self._newest, state.timestamp)
            if state.online and not retained:
                # Another host, alive, under this id: neither may shout the other down.
                known, self._rival = self._rival, True
                return Answer.NOTHING if known else Answer.RIVAL
            if newer:
                return Answer.RECONNECT
        return Answer.REPEAT if self.echoed else Answer.NOTHING


def _state(payload: bytes) -> State | None:
    try:
        return decode_state(payload)
    except FrameError:
        return None

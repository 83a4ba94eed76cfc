"""When a reader that libosdp has given up is tried again (pure).

The library leaves a reader alone for 300 s after one refusal, one wrong key or eight seconds of
silence, and does not say why. Disabled and enabled again it is tried at once.
"""

from enum import Enum, auto
from typing import Final

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_STABLE_S: Final = 60.0
_REPEAT_S: Final = 1.0
_IN_CLEAR_S: Final = 3.0
"""So long a reader may be there before its secure channel is, seconds."""


class Act(Enum):
    """What is to be done now."""

    NOTHING = auto()
    DISABLE = auto()
    ENABLE = auto()


class Watchdog:
    """Of one reader."""

    def __init__(self) -> None:
        self._pause_s = _FIRST_PAUSE_S
        self._again_at_s: float | None = None
        self._online_since_s: float | None = None
        self._in_clear_since_s: float | None = None

    def given_up(self, now_s: float) -> None:
        """Record that the library has given the reader up."""
        if self._again_at_s is not None:
            return
        stayed = self._online_since_s is not None and now_s - self._online_since_s >= _STABLE_S
        if stayed:
            self._pause_s = _FIRST_PAUSE_S
        self._online_since_s = None
        self._again_at_s = now_s + self._pause_s
        self._pause_s = min(_LONGEST_PAUSE_S, 2 * self._pause_s)

    def online(self, now_s: float) -> None:
        """Record that it is there, with its secure channel where it has one."""
        self._again_at_s = self._in_clear_since_s = None
        if self._online_since_s is None:
            self._online_since_s = now_s

    def in_clear(self, now_s: float) -> None:
        """Record that the library speaks to it without the secure channel that it shall have."""
        if self._in_clear_since_s is None:
            self._in_clear_since_s = now_s
        elif now_s - self._in_clear_since_s >= _IN_CLEAR_S:
            self.given_up(now_s)

    def next(self, now_s: float, *, enabled: bool) -> Act:
        """Return what to do now.

        Args:
            now_s: Monotonic seconds.
            enabled: Whether the library asks it, or would.
        """
        if not enabled:
            # It was disabled a moment ago: what it knew of the reader is forgotten.
            self._again_at_s = self._in_clear_since_s = None
            return Act.ENABLE
        if self._again_at_s is None or now_s < self._again_at_s:
            return Act.NOTHING
        self._again_at_s = now_s + _REPEAT_S
        return Act.DISABLE

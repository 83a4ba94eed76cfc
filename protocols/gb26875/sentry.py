"""The inspection of the sentry (查岗): when it is due, and whether somebody answered (pure).

The centre asks the device; it beeps in the fire control room until somebody presses its key.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Final

from protocols.fire.session import Moment

_LONGEST_LOOK: Final = timedelta(minutes=1)
"""A clock that jumps by more was set: what lies between was no time of the day."""


class SentryWatch:
    """One inspection after the other.

    Args:
        times: Local times of the day at which somebody is asked.
    """

    def __init__(self, times: Sequence[time], *, moment: Moment) -> None:
        self._times = tuple(times)
        self._looked = moment.local
        self._until_s: float | None = None

    def is_due(self, moment: Moment) -> bool:
        """Whether one of the times has come since the last look."""
        before, self._looked = self._looked, moment.local
        if not timedelta() < moment.local - before <= _LONGEST_LOOK:
            return False
        return any(
            before < datetime.combine(moment.local, one) <= moment.local for one in self._times
        )

    def asked(self, moment: Moment, *, minutes: int) -> None:
        """Note that the device has taken the command."""
        self._until_s = moment.monotonic_s + 60.0 * minutes

    def answered(self) -> None:
        """Note that somebody pressed the key."""
        self._until_s = None

    def is_missed(self, moment: Moment) -> bool:
        """Whether the time is over without an answer; true once."""
        is_over = self._until_s is not None and moment.monotonic_s > self._until_s
        if is_over:
            self._until_s = None
        return is_over

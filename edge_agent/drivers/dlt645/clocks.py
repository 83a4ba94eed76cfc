"""The clocks of all meters of a line: set once a day by a broadcast that none answers (pure)."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Final

from config.machine_clock import synchronised
from config.ports import Dlt645Port
from edge_agent.drivers.dlt645.targets import Broadcast
from edge_agent.drivers.question import Announcement
from protocols.dlt645.commands import broadcast_time
from protocols.dlt645.frames import BROADCAST

_AROUND_MIDNIGHT: Final = timedelta(minutes=10)
"""Meters take no time around midnight; they may be five minutes off themselves."""
_LOOK_AGAIN_MS: Final = 600_000


class ClockBroadcast:
    """Says when the clocks of a line are set, and to what; see ``Announcements``.

    Args:
        port: Of the meters; it has ``clock_at``.
        at: The time of the day, by the clocks of the meters.
        is_right: Whether the gateway's own clock is right.
    """

    def __init__(
        self, port: Dlt645Port, at: time, *, is_right: Callable[[], bool] = synchronised
    ) -> None:
        self._at = at
        self._offset = timedelta(hours=port.meter_utc_offset_h)
        self._seconds_first = port.clock_seconds_first
        self._is_right = is_right

    def first_at(self, now_ms: int) -> int:
        """Return when the clocks are set next, UTC ms."""
        shown = self._shown(now_ms)
        today = datetime.combine(shown.date(), self._at)
        then = today if today > shown else today + timedelta(days=1)
        return round((then - self._offset).replace(tzinfo=UTC).timestamp() * 1000)

    def held_back(self, now_ms: int) -> tuple[str, int]:
        """Return why they are not set now, and when to look again; empty: nothing is in the way."""
        midnight = datetime.combine(self._shown(now_ms).date(), time())
        since = self._shown(now_ms) - midnight
        if not _AROUND_MIDNIGHT <= since <= timedelta(days=1) - _AROUND_MIDNIGHT:
            return "meters take no time around midnight", self.first_at(now_ms)
        if not self._is_right():
            return "the clock of this gateway is not synchronised", now_ms + _LOOK_AGAIN_MS
        return "", now_ms

    def announcement(self, now_ms: int) -> Announcement:
        """Return what is told to all meters now."""
        shown = self._shown(now_ms)
        request = broadcast_time(shown, seconds_first=self._seconds_first)
        told = {"event": "clocks_set", "to": shown.isoformat(" ")}
        return Announcement(BROADCAST, Broadcast(request), told)

    def _shown(self, now_ms: int) -> datetime:
        """Return what the clocks of the meters should show, to the nearest second."""
        utc = datetime.fromtimestamp(round(now_ms / 1000), UTC).replace(tzinfo=None)
        return utc + self._offset

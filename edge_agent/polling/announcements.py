"""What a port tells all of its devices by itself, and none answers: the time of the day."""

import structlog

from edge_agent.clock import Clock
from edge_agent.drivers.base import Driver
from edge_agent.drivers.question import Announcements
from edge_agent.errors import DriverError, PortDownError

_AGAIN_MS = 600_000


class Announcer:
    """Tells it when it is due: behind commands, in front of reads.

    It goes out once; what may have gone out when the port was lost is not told again that day.
    """

    def __init__(
        self, name: str, *, announcements: Announcements, driver: Driver, clock: Clock
    ) -> None:
        self._name = name
        self._announcements = announcements
        self._driver = driver
        self._clock = clock
        self._at_ms = announcements.first_at(clock.now_ms())
        self._held_back = ""

    def wake_at(self, now_s: float) -> float:
        """When it is due, monotonic seconds."""
        return now_s + (self._at_ms - self._clock.now_ms()) / 1000

    async def tell_if_due(self) -> None:
        """Tell it if its time has come.

        Raises:
            PortDownError: The port is lost.
        """
        now_ms = self._clock.now_ms()
        if now_ms < self._at_ms:
            return
        log = structlog.get_logger()
        why, again_ms = self._announcements.held_back(now_ms)
        if why:
            self._at_ms = again_ms
            if why != self._held_back:
                log.warning("announcement_held_back", port=self._name, reason=why)
            self._held_back = why
            return
        self._held_back = ""
        said = self._announcements.announcement(now_ms)
        try:
            await self._driver.tell(said.unit, said.target, (), timeout_s=1.0)
        except DriverError as error:
            self._at_ms = now_ms + _AGAIN_MS
            if error.went_out:
                self._at_ms = self._announcements.first_at(now_ms)
            log.warning("announcement_failed", port=self._name, error=str(error))
            if isinstance(error, PortDownError):
                raise
            return
        self._at_ms = self._announcements.first_at(now_ms)
        log.info(**said.told, port=self._name)

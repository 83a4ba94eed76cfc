"""A sign of life to somebody outside: when it stays away, they raise the alarm."""

from collections.abc import Callable, Mapping

import structlog
from sqlalchemy import select

from config.channels import HeartbeatSettings
from server.core.clock import Clock
from server.core.errors import ServerError
from server.core.records import Records
from server.notifications.channels.outbound import Outbound

log = structlog.get_logger()


class Heartbeat:
    """Beats only while the records answer and every part works: who cannot help is silent."""

    def __init__(
        self,
        settings: HeartbeatSettings,
        records: Records,
        checks: Mapping[str, Callable[[], bool]],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._records = records
        self._checks = checks
        self._clock = clock
        self._silent = False

    async def run(self) -> None:
        """Beat until cancelled."""
        settings = self._settings
        out = Outbound(timeout_s=settings.timeout_s, allow_private=settings.allow_private)
        async with out:
            while True:
                self._say(await self.beat(out))
                await self._clock.sleep(settings.interval_s)

    async def beat(self, out: Outbound) -> str | None:
        """Beat once; return why it did not work."""
        ill = [name for name, works in self._checks.items() if not works()]
        if ill:
            return f"not well: {', '.join(sorted(ill))}"
        try:
            await self._records.read_async(lambda session: session.scalar(select(1)))
            reply = await out.request("GET", self._settings.url, headers={}, most_bytes=0)
        except ServerError as error:
            return str(error)
        return None if reply.is_success else f"HTTP {reply.status}"

    def _say(self, why: str | None) -> None:
        if why is not None and not self._silent:
            log.warning("heartbeat_stopped", error=why)
        elif why is None and self._silent:
            log.info("heartbeat_running_again")
        self._silent = why is not None

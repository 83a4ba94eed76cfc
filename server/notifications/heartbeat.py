"""Calls an outside monitor at an interval; when the calls stop, that one raises the alarm."""

import asyncio
from collections.abc import Callable, Mapping

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from config.channels import HeartbeatSettings
from server.core.clock import Clock
from server.core.errors import ServerError
from server.core.model import SignOfLife
from server.core.records import Records
from server.core.upsert import insert_new
from server.notifications.channels.outbound import Outbound

_START_S = 20.0
"""How long the other parts of a server may take to begin."""
_LOOK_S = 0.2
log = structlog.get_logger()


class Heartbeat:
    """Beats only while the records can be written and every part works."""

    def __init__(
        self,
        settings: HeartbeatSettings,
        records: Records,
        checks: Mapping[str, Callable[[], bool]],
        clock: Clock,
        *,
        process: str = "server",
    ) -> None:
        self._process = process
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
            await self._until_started()
            while True:
                self._log_change(await self.beat(out))
                await self._clock.sleep(settings.interval_s)

    async def _until_started(self) -> None:
        """Wait a moment for parts that begin after this one, so that a start costs no beat."""
        until_s = self._clock.monotonic_s() + _START_S
        while self._not_well() and self._clock.monotonic_s() < until_s:
            await self._clock.sleep(_LOOK_S)

    def _not_well(self) -> list[str]:
        return sorted(name for name, works in self._checks.items() if not works())

    async def beat(self, out: Outbound) -> str | None:
        """Beat once; return why it did not work."""
        if not_well := self._not_well():
            return f"not well: {', '.join(not_well)}"
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await self._records.write_async(self._sign)
        except TimeoutError:
            return f"the records took no change within {self._settings.timeout_s:g} s"
        except ServerError as error:
            return str(error)
        try:
            reply = await out.request("GET", self._settings.url, headers={}, most_bytes=0)
        except ServerError as error:
            return str(error)
        return None if reply.is_success else f"HTTP {reply.status}"

    def _sign(self, session: Session) -> None:
        """Write to the records: a database that can only be read lets no message out."""
        now = self._clock.now_ms()
        if not insert_new(session, SignOfLife, process=self._process, at=now):
            mine = SignOfLife.process == self._process
            session.execute(update(SignOfLife).where(mine).values(at=now))

    def _log_change(self, why: str | None) -> None:
        if why is not None and not self._silent:
            log.warning("heartbeat_stopped", error=why)
        elif why is None and self._silent:
            log.info("heartbeat_running_again")
        self._silent = why is not None

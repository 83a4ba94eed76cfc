"""Tells people that the history takes no readings, and that it does again: once each."""

from collections.abc import Callable
from functools import partial

from sqlalchemy.orm import Session
from structlog import get_logger

from config.server import MessageSettings
from server.core.clock import Clock
from server.core.errors import StoreError
from server.core.records import Records
from server.told_by_server import tell

AWAY = "history.away"
BACK = "history.back"
PATIENCE_S = 10.0
"""A store that is only restarted is nobody's business."""
_INTERVAL_S = 1.0
_TITLES = {
    AWAY: (
        "Readings cannot be stored; gateways keep them, alarms go on",
        "历史数据库无法写入。网关保留数据。报警继续工作",
    ),
    BACK: ("Readings are stored again", "历史数据库恢复写入"),
}
log = get_logger()


class AwayAnnouncer:
    """Looks at whether readings can be stored, again and again."""

    def __init__(
        self,
        problem: Callable[[], str],
        records: Records,
        messages: MessageSettings,
        clock: Clock,
    ) -> None:
        """Prepare.

        Args:
            problem: Says in words why readings cannot be stored now; empty: they can.
            records: Where it is told.
            messages: To whom.
            clock: Measures how long it lasts.
        """
        self._problem = problem
        self._records = records
        self._messages = messages
        self._clock = clock
        self._since_s: float | None = None
        self._told_at: int | None = None

    def note(self) -> str:
        """Return in words why readings cannot be stored; empty when they can."""
        problem = self._problem()
        return f"readings cannot be stored: {problem}" if problem else ""

    async def run(self) -> None:
        """Look and tell until cancelled."""
        while True:
            try:
                await self._look()
            except StoreError as error:
                log.warning("history_away_untold", error=str(error))
            await self._clock.sleep(_INTERVAL_S)

    async def _look(self) -> None:
        problem = self._problem()
        now_s, now = self._clock.monotonic_s(), self._clock.now_ms()
        if not problem:
            self._since_s = None
            if self._told_at is not None:
                await self._tell(BACK, "", self._told_at)
                self._told_at = None
            return
        if self._since_s is None:
            self._since_s = now_s
        if self._told_at is None and now_s - self._since_s >= PATIENCE_S:
            await self._tell(AWAY, problem, now)
            self._told_at = now

    async def _tell(self, kind: str, reason: str, away_at: int) -> None:
        await self._records.write_async(
            partial(self._write, kind=kind, reason=reason, away_at=away_at)
        )

    def _write(self, session: Session, *, kind: str, reason: str, away_at: int) -> None:
        english, chinese = _TITLES[kind]
        tell(
            session,
            self._messages,
            kind=kind,
            key=str(away_at),
            event={"reason": reason},
            message={"title_en": english, "title_zh": chinese, "reason": reason},
            now=self._clock.now_ms(),
        )

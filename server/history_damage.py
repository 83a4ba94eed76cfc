"""Tells people that a file of the history was damaged: event, message, /readyz, page and metric."""

import asyncio
from functools import partial

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.orm import Session
from structlog import get_logger

from config.server import MessageSettings
from server.core.clock import Clock
from server.core.errors import StoreError
from server.core.records import Records
from server.history.damage import Damage
from server.history.duckdb import DuckHistory
from server.told_by_server import tell

KIND = "history.damaged"
_INTERVAL_S = 2.0
log = get_logger()


class DamageAnnouncer:
    """Looks at what the history has moved aside, again and again."""

    def __init__(
        self,
        history: DuckHistory,
        records: Records,
        messages: MessageSettings,
        clock: Clock,
        metrics: CollectorRegistry,
    ) -> None:
        self._history = history
        self._records = records
        self._messages = messages
        self._clock = clock
        self._untold: list[Damage] = []
        self._aside: list[str] = []
        gauge = Gauge(
            "plantroom_history_damaged_files",
            "Damaged files of the history that were moved aside and are still there.",
            registry=metrics,
        )
        gauge.set_function(lambda: len(self._aside))

    def note(self) -> str:
        """Return in words which damaged files are there; empty when there are none."""
        if not self._aside:
            return ""
        names = ", ".join(self._aside)
        return f"damaged files of the history were moved aside: {names}; move them away to end this"

    async def run(self) -> None:
        """Look and tell until cancelled."""
        while True:
            self._aside = await asyncio.to_thread(lambda: self._history.aside)
            self._untold += self._history.damages()
            while self._untold:
                try:
                    await self._records.write_async(partial(self._announce, damage=self._untold[0]))
                except StoreError as error:
                    log.warning("history_damage_untold", error=str(error))
                    break
                del self._untold[0]
            await self._clock.sleep(_INTERVAL_S)

    def _announce(self, session: Session, damage: Damage) -> None:
        now = self._clock.now_ms()
        message = {
            "title_en": f"The history's file {damage.file} is damaged; kept as {damage.moved_to}",
            "title_zh": f"历史数据文件 {damage.file} 已损坏。已另存为 {damage.moved_to}",
            "reason": damage.error,
        }
        tell(
            session,
            self._messages,
            kind=KIND,
            key=f"{damage.moved_to}/{now}",
            event=damage._asdict(),
            message=message,
            now=now,
        )

"""Applies changed alarm rules within a second, whichever process was told of them."""

import asyncio
from collections.abc import Mapping

import structlog

from config.classes import EquipmentClass
from server.alarming.pipeline import AlarmPipeline
from server.alarms.overrides import load_overrides, newest_change
from server.alarms.rulebook import RuleBook
from server.core.clock import Clock
from server.core.errors import StoreError
from server.core.records import Records

log = structlog.get_logger()


class RuleChanges:
    """Looks whether a rule was changed, again and again."""

    def __init__(
        self,
        records: Records,
        pipeline: AlarmPipeline,
        classes: Mapping[str, EquipmentClass],
        clock: Clock,
        *,
        interval_s: float = 0.4,
    ) -> None:
        self._records = records
        self._pipeline = pipeline
        self._classes = classes
        self._clock = clock
        self._interval_s = interval_s
        self._applied: int | None = None
        self._failing = False

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.apply)
                if self._failing:
                    log.info("rule_changes_running_again")
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    log.warning("rule_changes_stopped", error=str(error))
                self._failing = True
            await self._clock.sleep(self._interval_s)

    def apply(self) -> bool:
        """Apply what is new; say whether there was anything.

        Raises:
            StoreError: Nothing is claimed; the next call applies it.
        """
        newest = self._records.read(newest_change)
        if newest == self._applied:
            return False
        overrides = self._records.read(load_overrides)
        self._pipeline.on_rules(RuleBook(self._classes, overrides))
        if self._applied is not None:
            log.info("alarm_rules_changed", overrides=len(overrides))
        self._applied = newest
        return True

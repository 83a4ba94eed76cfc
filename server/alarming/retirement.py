"""Retires what was removed long enough ago, and has the alarm rules leave it alone."""

import structlog
from sqlalchemy.orm import Session

from server.alarming.operator_actions import OperatorActions
from server.assets.model import Equipment
from server.assets.presence import overdue_ids
from server.assets.registry import Registry
from server.core.clock import Clock
from server.core.errors import ConflictError
from server.core.records import Records
from server.workorders.opening import SYSTEM

_REASON = "its gateway no longer has it"
_log = structlog.get_logger()


class Retirement:
    """What follows when equipment is removed or retired, whoever says so."""

    def __init__(
        self, records: Records, registry: Registry, actions: OperatorActions, clock: Clock
    ) -> None:
        self._records = records
        self._registry = registry
        self._actions = actions
        self._clock = clock

    def sweep(self) -> None:
        """Retire what is due by the setting of its site, then follow all that was retired.

        Raises:
            StoreError: The next sweep finds it again.
        """
        now = self._clock.now_ms()
        for equipment_id in self._records.read(lambda session: overdue_ids(session, now=now)):
            self._retire(equipment_id, now)
        self._registry.follow_records()

    def _retire(self, equipment_id: int, now: int) -> None:
        def work(session: Session) -> str:
            row = session.get_one(Equipment, equipment_id, with_for_update=True)
            self._actions.retire(session, row, reason=_REASON, by=SYSTEM, now=now)
            return row.key

        try:
            key = self._records.write(work)
        except ConflictError:
            return  # an alarm of life safety waits for a person, or it answers after all
        _log.info("equipment_retired", equipment=key)

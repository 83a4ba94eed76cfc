"""Forgetting residents: names, numbers and words of requests that are over are deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from config.repair_requests import RepairRequestSettings
from server.access.model import Tries
from server.core.clock import Clock
from server.core.records import Records, record_event
from server.messages.addresses import phone_of
from server.messages.model import UNDER_WAY, Bucket, Message
from server.messages.queue import CANCELLED
from server.requests.bounds import key_of_phone
from server.requests.model import RepairRequest
from server.requests.progress import receiver_of
from server.workorders.model import WorkOrder

log = structlog.get_logger()

_DAY_MS = 86_400_000
_AT_ONCE = 200
"""So many in one transaction: it may not hold up an alarm."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Deletes what has been kept for long enough; run again and again."""

    records: Records
    settings: RepairRequestSettings
    clock: Clock

    def sweep(self) -> int:
        """Forget everybody whose time has come; return how many requests it were.

        Raises:
            StoreError: The records cannot be written.
        """
        erased = 0
        while due := self.records.read(self._due):
            erased += self.records.write(partial(_erase, ids=due, now=self.clock.now_ms()))
        if erased:
            log.info("residents_erased", requests=erased)
        return erased

    def _due(self, session: Session) -> list[int]:
        now = self.clock.now_ms()
        over = now - round(self.settings.keep_days * _DAY_MS)
        oldest = now - round(self.settings.longest_days * _DAY_MS)
        query = (
            select(RepairRequest.id)
            .join(WorkOrder, WorkOrder.id == RepairRequest.work_order_id)
            .where(
                RepairRequest.erased_at.is_(None),
                or_(WorkOrder.closed_at <= over, RepairRequest.taken_at <= oldest),
            )
            .order_by(RepairRequest.id)
            .limit(_AT_ONCE)
        )
        return list(session.scalars(query))


def _erase(session: Session, *, ids: list[int], now: int) -> int:
    """Forget these; also the numbers in messages, in budgets of providers and among tries."""
    query = select(RepairRequest).where(
        RepairRequest.id.in_(ids), RepairRequest.erased_at.is_(None)
    )
    rows = session.scalars(query.with_for_update()).all()
    phones = {phone for row in rows if (phone := phone_of(row.phone)) is not None}
    for row in rows:
        row.name = row.phone = row.text = ""
        row.status_code = row.form_token = None
        row.erased_at = now
    _erase_messages(session, [receiver_of(row.id) for row in rows])
    if phones:
        named = (Bucket.key.contains(phone, autoescape=True) for phone in sorted(phones))
        session.execute(delete(Bucket).where(or_(*named)))
        session.execute(delete(Tries).where(Tries.key.in_(map(key_of_phone, sorted(phones)))))
    record_event(
        session, at=now, topic="audit", kind="repair-requests.erased", payload={"count": len(rows)}
    )
    return len(rows)


def _erase_messages(session: Session, receivers: Sequence[str]) -> None:
    of = Message.receiver.in_(receivers)
    session.execute(update(Message).where(of, UNDER_WAY).values(state=CANCELLED))
    session.execute(
        update(Message).where(of).values(address="", last_error=None, payload={}, receipt=None)
    )

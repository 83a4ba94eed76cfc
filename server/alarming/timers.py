"""What is due for alarms: ends of shelves, maintenance, waits and floods; and what is found."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alarming.announcements import AlarmNotifier
from server.alarming.operator_actions import IN_SERVICE, OperatorActions
from server.alarms.floods import FLOOD, any_flood
from server.alarms.model import Alarm
from server.alarms.suppression.lines import LINE_RULE
from server.alarms.suppression.outages import SUPPRESSION_DELAY
from server.alarms.suppression.shelving import SHELF
from server.assets.model import Equipment
from server.core.clock import Clock
from server.core.records import Records
from server.core.timers import DueTimer, take_timer
from server.incidents.deferred_calls import any_deferred_call


class AlarmTimers:
    """Handlers of the timers of alarms, and a sweep; each is one transaction, run once."""

    def __init__(
        self,
        records: Records,
        actions: OperatorActions,
        notifier: AlarmNotifier,
        clock: Clock,
    ) -> None:
        self._records = records
        self._actions = actions
        self._notifier = notifier
        self._clock = clock
        self._work = {
            SHELF: self._end_shelf,
            SUPPRESSION_DELAY: self._end_suppression_delay,
            IN_SERVICE: self._put_in,
            FLOOD: self._digest,
        }
        self.kinds = tuple(self._work)

    def on_timer(self, timer: DueTimer) -> None:
        """Do what is due, once.

        Raises:
            StoreError: Nothing changed; the timer is still there.
        """

        def work(session: Session) -> None:
            if take_timer(session, timer):
                self._work[timer.kind](session, timer, self._clock.now_ms())

        self._records.write(work)

    def sweep(self) -> None:
        """Take back what outages that are over have suppressed, end floods and make their calls.

        Raises:
            StoreError: Nothing changed; the next sweep finds it again.
        """
        outage, flood, deferred = self._records.read(_what_is_open)
        now = self._clock.now_ms()
        if outage:
            self._records.write(lambda session: self._actions.release_explained(session, now=now))
        if flood:
            self._records.write(lambda session: self._notifier.end_floods(session, now=now))
        while deferred and self._records.write(self._make_deferred_calls):
            pass

    def _make_deferred_calls(self, session: Session) -> int:
        return self._notifier.make_deferred_calls(session, now=self._clock.now_ms())

    def _end_shelf(self, session: Session, timer: DueTimer, now: int) -> None:
        self._actions.unshelve(session, _alarm(session, timer), by=None, now=now)

    def _end_suppression_delay(self, session: Session, timer: DueTimer, now: int) -> None:
        self._actions.end_suppression_delay(session, _alarm(session, timer), now=now)

    def _put_in(self, session: Session, timer: DueTimer, now: int) -> None:
        key = timer.payload["equipment"]
        equipment = session.get_one(Equipment, key, with_for_update=True)
        self._actions.put_in(session, equipment, by=None, now=now)

    def _digest(self, session: Session, timer: DueTimer, now: int) -> None:
        self._notifier.send_digest(session, timer.payload["flood"], now=now)


def _alarm(session: Session, timer: DueTimer) -> Alarm:
    return session.get_one(Alarm, timer.payload["alarm"], with_for_update=True)


def _what_is_open(session: Session) -> tuple[bool, bool, bool]:
    explained = select(Alarm.id).where(
        Alarm.closed_at.is_(None),
        Alarm.suppressed_by.is_not(None) | Alarm.rule.startswith(LINE_RULE),
    )
    outage = session.scalar(explained.limit(1)) is not None
    return outage, any_flood(session), any_deferred_call(session)

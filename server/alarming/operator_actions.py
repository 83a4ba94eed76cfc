"""What people and time do to alarms, with everything that follows for incidents and messages."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.alarming import AlarmSettings
from server.alarming.announcements import AlarmNotifier
from server.alarms.model import Alarm
from server.alarms.repository import facts_of
from server.alarms.service import close_if_over
from server.alarms.suppression import shelving as actions
from server.alarms.suppression.feeders import levels_above
from server.alarms.suppression.lines import raise_line, return_lines
from server.alarms.suppression.outages import AWAITING_OUTAGE, Outages
from server.alarms.suppression.shelving import open_alarms_of
from server.assets.model import Equipment
from server.assets.presence import begin_retirement
from server.assets.service_state import begin_out_of_service, end_out_of_service
from server.core.timers import cancel_timer, set_timer
from server.incidents.service import acknowledge
from server.incidents.service import close_if_over as close_incident_if_over
from server.workorders.service import note_on_orders

IN_SERVICE = "equipment.in_service"
"""Kind of the timers that end the time out of service."""


class OperatorActions:
    """The verbs of alarms and of equipment; each is one transaction of the caller."""

    def __init__(
        self, notifier: AlarmNotifier, settings: AlarmSettings, *, outages: Outages
    ) -> None:
        self._notifier = notifier
        self._settings = settings
        self._outages = outages

    def shelve(
        self, session: Session, alarm_id: int, *, until: int, reason: str, by: str, now: int
    ) -> Alarm:
        """Shelve an alarm, which also acknowledges it.

        Raises:
            NotFoundError: No such alarm.
            ConflictError: It is of life safety, or closed.
            InvalidError: No reason, an end that is past, or longer than its severity allows.
        """
        alarm = actions.shelve(
            session,
            alarm_id,
            until=until,
            reason=reason,
            by=by,
            limits=self._settings.shelve,
            now=now,
        )
        return acknowledge(session, alarm.id, by=by, comment=None, now=now)

    def unshelve(self, session: Session, alarm: Alarm, *, by: str | None, now: int) -> None:
        """Take an alarm back; what is still active announces itself again."""
        actions.unshelve(session, alarm, by=by, now=now)
        self._back_in_view(session, alarm, now=now)

    def reset(self, session: Session, alarm_id: int, *, by: str, now: int) -> Alarm:
        """Release the latch.

        Raises:
            NotFoundError: No such alarm.
            ConflictError: It is active, or not latched.
        """
        alarm = actions.reset(session, alarm_id, by=by, now=now)
        _close_incident_if_over(session, alarm, now=now)
        return alarm

    def take_out(
        self, session: Session, equipment: Equipment, *, until: int, reason: str, by: str, now: int
    ) -> None:
        """Maintenance of equipment begins: its alarms are suppressed, those of life safety are not.

        Raises:
            ConflictError: An alarm of life safety is open on it.
            InvalidError: No reason, an end that is past or too far away.
        """
        begin_out_of_service(
            session,
            equipment,
            until=until,
            reason=reason,
            by=by,
            longest_ms=round(self._settings.out_of_service_days * 86_400_000),
            now=now,
        )
        key = _in_service_key(equipment.id)
        set_timer(session, key, kind=IN_SERVICE, due_at=until, payload={"equipment": equipment.id})
        for alarm in open_alarms_of(session, equipment.id):
            # The first refusal undoes the whole call, so nothing is half out of service.
            actions.take_out(session, alarm, until=until, by=by, reason=reason, now=now)

    def put_in(self, session: Session, equipment: Equipment, *, by: str | None, now: int) -> None:
        """Maintenance is over: what is still active announces itself."""
        if not end_out_of_service(session, equipment, by=by, now=now):
            return
        cancel_timer(session, _in_service_key(equipment.id))
        for alarm in open_alarms_of(session, equipment.id):
            if alarm.out_of_service_until_at is not None:
                actions.put_in(session, alarm, by=by, now=now)
                self._back_in_view(session, alarm, now=now)

    def retire(
        self, session: Session, equipment: Equipment, *, reason: str, by: str, now: int
    ) -> None:
        """Equipment is gone for good, with a gateway all that hangs on it: its alarms end.

        Its open work orders stay and say so. Repeating it changes nothing.

        Raises:
            ConflictError: It answers, or an alarm of life safety is open and not acknowledged.
            InvalidError: No reason.
        """
        for unit in begin_retirement(session, equipment, reason=reason, by=by, now=now):
            for alarm in open_alarms_of(session, unit.id):
                actions.retire(session, alarm, by=by, reason=reason, now=now)
                _close_incident_if_over(session, alarm, now=now)
            self.put_in(session, unit, by=by, now=now)
            note = f"the equipment was retired: {reason}"
            note_on_orders(session, unit.id, note=note, by=by, now=now)

    def release(self, session: Session, alarm: Alarm, *, now: int) -> None:
        """The outage that explained it is over: what is still active announces itself."""
        actions.release(session, alarm, now=now)
        self._back_in_view(session, alarm, now=now)

    def _back_in_view(self, session: Session, alarm: Alarm, *, now: int) -> None:
        session.flush()
        facts = facts_of(alarm)
        if facts.announced and facts.active and not alarm.monitored:
            again = alarm.announced_at is not None
            self._notifier.follow(session, alarm, now=now, again=again)
        elif close_if_over(session, alarm, now=now):
            _close_incident_if_over(session, alarm, now=now)

    def end_suppression_delay(self, session: Session, alarm: Alarm, *, now: int) -> None:
        """An alarm has waited for the outage that explains it: it is suppressed, or announced."""
        if alarm.closed_at is not None or alarm.suppressed_by != AWAITING_OUTAGE:
            return
        cause = self._outages.explain_alarm(session, alarm, now=now)
        if cause is None:
            self.release(session, alarm, now=now)
        else:
            self._suppress(session, alarm, cause, now=now)

    def release_explained(self, session: Session, *, now: int) -> int:
        """Take back what outages that are over have suppressed; return how many alarms that is."""
        for line in return_lines(session, now=now):
            _close_incident_if_over(session, line, now=now)
        suppressed = Alarm.closed_at.is_(None) & Alarm.suppressed_by.is_not(None)
        causes = session.scalars(select(Alarm.suppressed_by).where(suppressed).distinct()).all()
        released = 0
        for cause in causes:
            if cause is None or cause == AWAITING_OUTAGE:
                continue
            if self._outages.is_out(session, cause, now=now):
                self._keep_root(session, cause, now=now)
                to_explain = self._outages.explained_otherwise(session, cause)
            else:
                query = select(Alarm).where(suppressed, Alarm.suppressed_by == cause)
                to_explain = list(session.scalars(query.order_by(Alarm.id).with_for_update()))
                if len(to_explain) > 1:
                    # A feeder that is released explains what is below it.
                    to_explain.sort(key=lambda alarm: levels_above(session, alarm.equipment_id))
            for alarm in to_explain:
                released += self._explain_anew(session, alarm, now=now)
        return released

    def _explain_anew(self, session: Session, alarm: Alarm, *, now: int) -> bool:
        """Suppress it under the outage that explains it now, or release it; True if released."""
        other = self._outages.explain_alarm(session, alarm, now=now)
        if other is None:
            self.release(session, alarm, now=now)
            return True
        if other != alarm.suppressed_by:
            self._suppress(session, alarm, other, now=now)
        return False

    def _suppress(self, session: Session, alarm: Alarm, cause: str, *, now: int) -> None:
        actions.suppress(session, alarm, cause=cause, now=now)
        close_if_over(session, alarm, now=now)
        self._keep_root(session, cause, now=now)

    def _keep_root(self, session: Session, cause: str, *, now: int) -> None:
        """The gateway's own outage has a rule; a line has none, so its alarm is made here."""
        kind, _, line = cause.partition(":")
        if kind != "line":
            return
        recover_ms = round(self._settings.recover_s * 1000)
        root = raise_line(session, line, recover_ms=recover_ms, now=now)
        if root is not None:
            again = root.announced_at is not None
            self._notifier.follow(session, root, now=now, again=again)


def _in_service_key(equipment_id: int) -> str:
    return f"equipment-in-service/{equipment_id}"


def _close_incident_if_over(session: Session, alarm: Alarm, *, now: int) -> None:
    """Close what is over after a suppressed alarm came back into view, was reset or ended."""
    if alarm.closed_at is not None:
        close_incident_if_over(session, alarm.incident_id, now=now)

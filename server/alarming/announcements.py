"""Who hears of an alarm: it joins its incident and work order, and messages are written."""

import structlog
from sqlalchemy.orm import Session

from config.alarming import AlarmSettings
from config.classes import Severity
from config.server import MessageSettings
from config.work_orders import WorkOrderSettings
from server.alarms.floods import Digest, end_floods, note_new, take_digest
from server.alarms.model import Alarm
from server.alarms.service import mark_announced
from server.assets.model import Equipment, Site
from server.core.records import record_event
from server.incidents.announce import announce
from server.incidents.deferred_calls import defer_call, due_for_deferred_call
from server.incidents.escalation import Escalation
from server.incidents.model import Incident
from server.incidents.service import alarms_of, in_view, join_incident
from server.messages.digests import merge_by_destination, new_of_incident, new_of_keys
from server.messages.queue import enqueue, send_to
from server.people.assurance import severity_at
from server.people.channels import channel_names
from server.people.directory import Directory
from server.people.service import load_directory
from server.workorders.content import message_content
from server.workorders.history import summary as order_summary
from server.workorders.opening import join_order, note_recovery

log = structlog.get_logger()

FLOOD_MESSAGE = "alarms.flood"
"""Kind of the digest of a flood."""
_USUAL = AlarmSettings()
_USUAL_ORDERS = WorkOrderSettings()
_SLICE = 20
"""So many calls that a flood has left over are one transaction; alarms come in between."""


class AlarmNotifier:
    """Writes what follows from an alarm into the alarm's own transaction; sends nothing itself."""

    def __init__(
        self,
        messages: MessageSettings,
        alarms: AlarmSettings = _USUAL,
        orders: WorkOrderSettings = _USUAL_ORDERS,
    ) -> None:
        self._messages = messages
        self._alarms = alarms
        self._orders = orders
        self._channels = channel_names(messages)
        self._escalation = Escalation(message_content, self._channels)

    def follow(self, session: Session, alarm: Alarm, *, now: int, again: bool = False) -> None:
        """Write incident, work order and first messages of an alarm that is announced.

        In a flood only what is urgent or of life safety has messages of its own; the others are in
        its digest, and people are called about them when it is over.

        Args:
            again: It was shelved or suppressed and is back: it is announced once more.
        """
        severity = severity_at(session, alarm.severity, site=_site_of(session, alarm), at=now)
        joined = join_incident(session, alarm, severity=severity, now=now)
        incident = joined.incident
        order = join_order(
            session,
            alarm,
            incident,
            trade=alarm.trade,
            opens=alarm.opens_order,
            severity=severity,
            settings=self._orders,
            now=now,
        )
        is_new = alarm.announced_at is None
        mark_announced(session, alarm, now=now)
        in_flood = note_new(session, alarm, self._alarms, now=now)
        # Where all others are shelved, whoever did that has not seen this one.
        joins = is_new and not joined.opened
        again = again or (joins and not in_view(session, incident, besides=alarm))
        again = again or (
            not joined.opened and _is_told_anew(session, alarm, incident, is_new=is_new)
        )
        deferred = incident.deferred_call_at is not None
        if joined.opened or joined.worse or again or deferred:
            if in_flood and incident.severity != Severity.URGENT and not alarm.life_safety:
                defer_call(session, incident, now=now)
            else:
                announce(
                    session,
                    incident,
                    alarm,
                    receivers=self._messages.announced,
                    work_order=None if order is None else order_summary(session, order),
                    now=now,
                    again=again,
                )
                self._escalation.begin(session, incident, trade=alarm.trade, now=now)
                new = new_of_incident(session, incident.id, now=now)
                merge_by_destination(session, new, self._channels.destination)
        log.info(
            "alarm_raised",
            alarm=alarm.id,
            rule=alarm.rule,
            severity=alarm.severity,
            incident=incident.id,
            work_order=None if order is None else order.id,
        )

    def returned(self, session: Session, alarm: Alarm, *, now: int) -> None:
        """Write what follows from the return to normal of an alarm: its order stays open."""
        if alarm.incident_id is not None:
            note_recovery(session, alarm, now=now)

    def send_digest(self, session: Session, flood_id: int, *, now: int) -> None:
        """One message to each receiver and each person on duty about all that came."""
        digest = take_digest(session, flood_id, now=now)
        if digest is not None:
            self._send(session, digest, now=now)

    def end_floods(self, session: Session, *, now: int) -> None:
        """Where it is quiet again, tell what no digest has told; the calls follow in slices."""
        for digest in end_floods(session, self._alarms, now=now):
            self._send(session, digest, now=now)

    def make_deferred_calls(self, session: Session, *, now: int) -> int:
        """Call people about what floods that are over have left; return how many incidents.

        One slice; call again until it is none.
        """
        rows = due_for_deferred_call(session, limit=_SLICE)
        directory = load_directory(session, self._channels) if rows else None
        for incident in rows:
            first = alarms_of(session, incident.id)[0]
            if in_view(session, incident):
                self._escalation.begin(
                    session, incident, trade=first.trade, now=now, directory=directory
                )
            # Otherwise whoever takes it back into view begins anew.
            incident.deferred_call_at = None
        return len(rows)

    def _send(self, session: Session, digest: Digest, *, now: int) -> None:
        for receiver in self._messages.announced:
            if not receiver.hears_of(digest.trades, digest.site.key):
                continue
            enqueue(
                session,
                key=f"{digest.key}/{receiver.name}",
                channel=receiver.channel,
                receiver=receiver.name,
                kind=FLOOD_MESSAGE,
                severity=Severity.HIGH.value,
                incident_id=None,
                payload=digest.payload(),
                now=now,
            )
        self._send_to_persons(session, digest, now=now)
        new = new_of_keys(session, f"{digest.key}/", now=now)
        merge_by_destination(session, new, self._channels.destination)
        log.info("alarm_flood", site=digest.site.key, alarms=digest.alarms)

    def _send_to_persons(self, session: Session, digest: Digest, *, now: int) -> None:
        directory = load_directory(session, self._channels)
        persons = _readers(directory, digest, now=now)
        if directory.people.persons and not persons:
            log.warning("alarm_flood_unheard", site=digest.site.key, alarms=digest.alarms)
            payload = {"site": digest.site.key, "alarms": digest.alarms, "trades": digest.trades}
            record_event(
                session, at=now, topic="alarms", kind="alarms.flood_unheard", payload=payload
            )
        for person in persons:
            send_to(
                session,
                directory.receivers(person, at_any_hour=True),
                key=f"{digest.key}/{person}",
                kind=FLOOD_MESSAGE,
                severity=Severity.HIGH.value,
                incident_id=None,
                payload=digest.payload(),
                now=now,
            )


def _is_told_anew(session: Session, alarm: Alarm, incident: Incident, *, is_new: bool) -> bool:
    """Return whether an alarm of life safety is told although its incident is known.

    A second fire must not hide behind the first, answered or not; one that comes again must not
    hide behind an answer. Alarms of one moment are one announcement.
    """
    if not alarm.life_safety or not (is_new or incident.acknowledged_at is not None):
        return False
    return all(
        one.announced_at != alarm.announced_at or one.id == alarm.id
        for one in alarms_of(session, incident.id)
    )


def _site_of(session: Session, alarm: Alarm) -> str:
    equipment = session.get_one(Equipment, alarm.equipment_id)
    return session.get_one(Site, equipment.site_id).key


def _readers(directory: Directory, digest: Digest, *, now: int) -> list[str]:
    """Return who is on duty for any trade of the digest; without them leaders, then managers."""
    site = digest.site.key
    for who in ("on_duty", "leader", "manager"):
        found = [
            one
            for trade in digest.trades
            for one in directory.resolve(who, site=site, trade=trade or None, at=now)
        ]
        heard = [one for one in dict.fromkeys(found) if directory.ways(one)]
        if heard:
            return heard
    return []

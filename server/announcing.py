"""Who hears of an alarm: it joins its incident and work order, and messages are written."""

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.alarming import AlarmSettings
from config.classes import Severity
from config.server import MessageSettings
from server.alarms.floods import Digest, end_floods, note_new, take_digest
from server.alarms.model import Alarm, AlarmFlood
from server.assets.model import Equipment
from server.core.outbox import enqueue, send_to
from server.core.receivers import Receiver
from server.incidents.announce import announce
from server.incidents.escalation import Escalation
from server.incidents.model import Incident
from server.incidents.service import close_if_over, join_incident
from server.people.service import channel_names, load_directory
from server.people.targets import resolve
from server.workorders.content import message_content
from server.workorders.opening import join_order
from server.workorders.service import short as short_order

log = structlog.get_logger()

FLOOD_MESSAGE = "alarms.flood"
"""Kind of the digest of a flood."""
_USUAL = AlarmSettings()


class Announcer:
    """Writes what follows from an alarm into the alarm's own transaction; sends nothing itself."""

    def __init__(self, messages: MessageSettings, alarms: AlarmSettings = _USUAL) -> None:
        self._messages = messages
        self._alarms = alarms
        self._channels = channel_names(messages)
        self._escalation = Escalation(message_content, self._channels)

    def follow(self, session: Session, alarm: Alarm, *, now: int, again: bool = False) -> None:
        """Incident, work order and first messages of an alarm that people shall hear of.

        In a flood only urgent incidents have messages of their own; the others are in its digest.

        Attributes:
            again: It was put aside and is back: who was told before is told again.
        """
        joined = join_incident(session, alarm, now=now)
        order = join_order(
            session, alarm, joined.incident, trade=alarm.trade, opens=alarm.opens_order, now=now
        )
        alarm.announced_at = now
        in_flood = note_new(session, alarm, self._alarms, now=now)
        digested = in_flood and joined.incident.severity != Severity.URGENT
        if (joined.opened or joined.worse or again) and not digested:
            announce(
                session,
                joined.incident,
                alarm,
                receivers=self._messages.announced,
                work_order=None if order is None else short_order(session, order),
                now=now,
                again=again,
            )
            self._escalation.begin(session, joined.incident, trade=alarm.trade, now=now)
        log.info(
            "alarm_raised",
            alarm=alarm.id,
            rule=alarm.rule,
            severity=alarm.severity,
            incident=joined.incident.id,
            work_order=None if order is None else order.id,
        )

    def after_change(self, session: Session, alarm: Alarm, *, now: int) -> None:
        """Close what is over after a hidden alarm came back into view or was reset."""
        if alarm.closed_at is not None:
            close_if_over(session, alarm.incident_id, now=now)

    def send_digest(self, session: Session, flood_id: int, *, now: int) -> None:
        """One message to each receiver and each person on duty about all that came."""
        digest = take_digest(session, flood_id, now=now)
        if digest is None:
            return
        key = f"alarm-flood/{flood_id}/{now}"
        for receiver in self._messages.announced:
            enqueue(
                session,
                key=f"{key}/{receiver.name}",
                channel=receiver.channel,
                receiver=receiver.name,
                kind=FLOOD_MESSAGE,
                severity=Severity.HIGH.value,
                incident_id=None,
                payload=digest.payload(),
                now=now,
            )
        self._tell_persons(session, digest, key=key, now=now)
        log.info("alarm_flood", site=digest.site.key, alarms=digest.alarms)

    def end_floods(self, session: Session, *, now: int) -> None:
        """Where it is quiet again, call people about what is still open and nobody has seen."""
        for flood in end_floods(session, self._alarms, now=now):
            for incident in self._left_over(session, flood):
                first = select(Alarm.trade).where(Alarm.incident_id == incident.id)
                trade = session.scalar(first.order_by(Alarm.id).limit(1)) or ""
                self._escalation.begin(session, incident, trade=trade, now=now)

    def _left_over(self, session: Session, flood: AlarmFlood) -> list[Incident]:
        """Return the incidents of a flood for which nobody was called."""
        query = (
            select(Incident)
            .join(Equipment, Equipment.id == Incident.equipment_id)
            .where(
                Equipment.site_id == flood.site_id,
                Incident.opened_at >= flood.started_at,
                Incident.closed_at.is_(None),
                Incident.acknowledged_at.is_(None),
            )
        )
        rows = session.scalars(query.order_by(Incident.id)).all()
        return [row for row in rows if row.policy is None]

    def _tell_persons(self, session: Session, digest: Digest, *, key: str, now: int) -> None:
        directory = load_directory(session, self._channels)
        for person in resolve("on_duty", directory, site=digest.site.key, trade=None, at=now):
            settings = directory.people.persons[person]
            ways = [
                Receiver(settings.name, channel, address, settings.languages[0], None)
                for channel, address in directory.ways(person, ())
            ]
            if ways:
                send_to(
                    session,
                    ways,
                    key=f"{key}/{person}",
                    kind=FLOOD_MESSAGE,
                    severity=Severity.HIGH.value,
                    incident_id=None,
                    payload=digest.payload(),
                    now=now,
                )

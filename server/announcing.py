"""Who hears of an alarm: it joins its incident and work order, and messages are written."""

import structlog
from sqlalchemy.orm import Session

from config.server import MessageSettings
from server.alarms.model import Alarm
from server.incidents.announce import announce
from server.incidents.escalation import Escalation
from server.incidents.service import close_if_over, join_incident
from server.people.service import channel_names
from server.workorders.content import message_content
from server.workorders.opening import join_order
from server.workorders.service import short as short_order

log = structlog.get_logger()


class Announcer:
    """Writes what follows from an alarm into the alarm's own transaction; sends nothing itself."""

    def __init__(self, messages: MessageSettings) -> None:
        self._messages = messages
        self._escalation = Escalation(message_content, channel_names(messages))

    def follow(self, session: Session, alarm: Alarm, *, now: int, again: bool = False) -> None:
        """Incident, work order and first messages of an alarm that people shall hear of.

        Attributes:
            again: It was put aside and is back: who was told before is told again.
        """
        joined = join_incident(session, alarm, now=now)
        order = join_order(
            session, alarm, joined.incident, trade=alarm.trade, opens=alarm.opens_order, now=now
        )
        if joined.opened or joined.worse or again:
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
        alarm.announced_at = now
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

"""Announcements of an incident: one message row per receiver, in the incident's transaction."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session

from config.server import Announced
from server.alarms.model import Alarm
from server.alarms.service import summary as alarm_summary
from server.incidents.model import Incident
from server.incidents.service import source_of, summary
from server.messages.queue import enqueue


def announce(
    session: Session,
    incident: Incident,
    alarm: Alarm,
    *,
    receivers: Iterable[Announced],
    work_order: dict[str, Any] | None,
    now: int,
    again: bool = False,
) -> int:
    """Write the first message to each receiver of this severity, trade and estate; count the new.

    The key makes a second first message impossible, so calling it again when the incident became
    more severe reaches exactly those receivers who have none yet. ``again`` reaches all of them,
    because an alarm that was shelved is back.
    """
    about = summary(session, incident)
    wanted = [
        one
        for one in receivers
        if one.is_told(
            severity=incident.severity,
            trades=[alarm.trade] if alarm.trade else [],
            site=about["site_key"],
        )
    ]
    if not wanted:
        return 0
    payload = {
        "incident": about,
        "alarm": alarm_summary(session, alarm),
        "work_order": work_order,
    }
    source = source_of(session, incident)
    occasion = f"alarm-back/{alarm.id}/{now}" if again else f"incident-opened/{incident.id}"
    return sum(
        enqueue(
            session,
            key=f"{occasion}/{receiver.name}",
            channel=receiver.channel,
            receiver=receiver.name,
            kind="incident.opened",
            severity=incident.severity,
            incident_id=incident.id,
            payload=payload,
            now=now,
            source=source,
        )
        for receiver in wanted
    )

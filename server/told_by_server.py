"""What the server tells people of itself: an event, and a message to whoever hears of all."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from config.server import MessageSettings
from server.core.records import record_event
from server.messages.queue import enqueue

_SEVERITY = "high"


def tell(
    session: Session,
    messages: MessageSettings,
    *,
    kind: str,
    key: str,
    event: Mapping[str, str],
    message: Mapping[str, str],
    now: int,
) -> None:
    """Write the event and a message to each announced receiver of this severity.

    Args:
        kind: Of both, as ``history.damaged``.
        key: What makes it one of its kind; with it nothing is told twice.
        event: What programs read.
        message: ``title_en``, ``title_zh`` and ``reason``.
        now: UTC ms.
    """
    record_event(session, at=now, topic="alarms", kind=kind, payload=dict(event))
    for receiver in messages.announced:
        if not receiver.is_told(severity=_SEVERITY, trades=(), site=None):
            continue
        enqueue(
            session,
            key=f"{kind}/{key}/{receiver.name}",
            channel=receiver.channel,
            receiver=receiver.name,
            kind=kind,
            severity=_SEVERITY,
            incident_id=None,
            payload=dict(message),
            now=now,
        )

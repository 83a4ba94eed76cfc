"""What people and time do to an alarm: shelve, take back, reset, out of service, suppress.

Each function changes the row, writes the history and the event. What follows for the incident, the
order and the messages is done by server/alarming/operator_actions.py.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.alarming import ShelveSettings
from server.alarms import state
from server.alarms.model import Alarm
from server.alarms.repository import add_change, facts_of, put_facts
from server.alarms.service import close_if_over, get_alarm, record_alarm_event
from server.alarms.state import AlarmFacts, AlarmState, OutOfService, Shelf
from server.core.errors import ArgumentError, ConflictError
from server.core.instant import rfc3339
from server.core.timers import cancel_timer, set_timer

SHELF = "alarm.shelf"
"""Kind of the timers that end shelves."""


def shelve(
    session: Session,
    alarm_id: int,
    *,
    until: int,
    reason: str,
    by: str,
    limits: ShelveSettings,
    now: int,
) -> Alarm:
    """Shelve an open alarm for a while; shelving it again moves the end.

    Raises:
        NotFoundError: No such alarm.
        ConflictError: It is of life safety, or closed.
        ArgumentError: No reason, an end that is past, or longer than its severity allows.
    """
    alarm = _open_alarm(session, alarm_id)
    after = state.shelve(facts_of(alarm), Shelf(until, by, reason))
    if not reason.strip():
        raise ArgumentError("reason", "say why it is shelved")
    if until <= now:
        raise ArgumentError("until", "this is past")
    longest = limits.longest_ms(alarm.severity)
    if until - now > longest:
        raise ArgumentError(
            "until",
            f"an alarm of severity {alarm.severity} is shelved for "
            f"{longest / 3_600_000:g} hours at most",
        )
    _change(session, alarm, after, kind="shelved", by=by, words=reason, now=now)
    set_timer(session, _shelf_key(alarm), kind=SHELF, due_at=until, payload={"alarm": alarm.id})
    return alarm


def unshelve(session: Session, alarm: Alarm, *, by: str | None, now: int) -> None:
    """End the shelf; what is still active is unacknowledged again."""
    after = state.unshelve(facts_of(alarm))
    if after != facts_of(alarm):
        cancel_timer(session, _shelf_key(alarm))
        _change(session, alarm, after, kind="unshelved", by=by, now=now)


def reset(session: Session, alarm_id: int, *, by: str, now: int) -> Alarm:
    """Release the latch.

    Raises:
        NotFoundError: No such alarm.
        ConflictError: It is active, or not latched.
    """
    alarm = _open_alarm(session, alarm_id)
    before = facts_of(alarm)
    if not before.latched:
        raise ConflictError(f"alarm {alarm_id} is not latched; there is nothing to reset")
    _change(session, alarm, state.reset(before), kind="reset", by=by, now=now)
    close_if_over(session, alarm, now=now)
    return alarm


def take_out(session: Session, alarm: Alarm, *, until: int, by: str, reason: str, now: int) -> None:
    """Maintenance of its equipment begins, or is prolonged."""
    after = state.take_out_of_service(facts_of(alarm), OutOfService(until, by))
    _change(session, alarm, after, kind="out_of_service", by=by, words=reason, now=now)
    close_if_over(session, alarm, now=now)


def put_in(session: Session, alarm: Alarm, *, by: str | None, now: int) -> None:
    """Maintenance of its equipment is over."""
    after = state.put_in_service(facts_of(alarm))
    if after != facts_of(alarm):
        _change(session, alarm, after, kind="in_service", by=by, now=now)


def suppress(session: Session, alarm: Alarm, *, cause: str, now: int) -> None:
    """An outage explains it."""
    after = state.suppress(facts_of(alarm), cause)
    if after != facts_of(alarm):
        _change(session, alarm, after, kind="suppressed", words=cause, now=now)


def release(session: Session, alarm: Alarm, *, now: int) -> None:
    """The outage is over, or there is none."""
    cause = alarm.suppressed_by
    after = state.release(facts_of(alarm))
    if after != facts_of(alarm):
        _change(session, alarm, after, kind="released", words=cause, now=now)


def retire(session: Session, alarm: Alarm, *, by: str, reason: str, now: int) -> None:
    """End an alarm whose equipment is gone for good.

    Raises:
        ConflictError: It is of life safety and not acknowledged.
    """
    before = facts_of(alarm)
    after = state.retire(before)
    if before.shelf is not None:
        cancel_timer(session, _shelf_key(alarm))
    if before.active:
        alarm.inactive_since_at = now
    if not before.acknowledged:
        alarm.acknowledged_at, alarm.acknowledged_by = now, by
    _change(session, alarm, after, kind="retired", by=by, words=reason, now=now)
    close_if_over(session, alarm, now=now)


def open_alarms_of(session: Session, equipment_id: int) -> list[Alarm]:
    """Return the open alarms of equipment, locked, oldest first."""
    query = select(Alarm).where(Alarm.equipment_id == equipment_id, Alarm.closed_at.is_(None))
    return list(session.scalars(query.order_by(Alarm.id).with_for_update()))


def actions_of(facts: AlarmFacts, *, closed: bool) -> list[str]:
    """Return what may be done with an alarm now: POST /alarms/{id}/<action>."""
    actions: list[str] = []
    if not closed:
        if not facts.acknowledged:
            actions.append("acknowledge")
        if facts.state is AlarmState.LATCHED or (facts.latched and not facts.active):
            actions.append("reset")
        if facts.shelf is not None:
            actions.append("unshelve")
        if not facts.life_safety:
            actions.append("shelve")
    return [*actions, "comments"]


def _open_alarm(session: Session, alarm_id: int) -> Alarm:
    alarm = get_alarm(session, alarm_id, lock=True)
    if alarm.closed_at is not None:
        raise ConflictError(f"alarm {alarm_id} was closed at {rfc3339(alarm.closed_at)}")
    return alarm


def _change(
    session: Session,
    alarm: Alarm,
    after: AlarmFacts,
    *,
    kind: str,
    now: int,
    by: str | None = None,
    words: str | None = None,
) -> None:
    put_facts(alarm, after)
    add_change(session, alarm, kind=kind, at=now, now=now, by=by, comment=words)
    record_alarm_event(session, alarm, kind=f"alarm.{kind}", at=now, by=by)


def _shelf_key(alarm: Alarm) -> str:
    return f"alarm-shelf/{alarm.id}"

"""What a transition does to the alarm rows; each function is a no-op when it is known already."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alarms.evaluation.step import Transition
from server.alarms.floods import note_chattering
from server.alarms.model import Alarm, AlarmChange
from server.alarms.repository import (
    Occurrence,
    add_change,
    facts_of,
    find_open,
    is_recorded,
    newest_return,
    next_onset,
    next_return,
    put_facts,
)
from server.alarms.service import close_if_over, record_alarm_event
from server.alarms.state import activate, return_to_normal
from server.alarms.suppression.maintenance import Suppression, note_suppressed, suppress_nothing
from server.alarms.suppression.outages import MADE_WITHOUT_RULE
from server.core.upsert import insert_row


class Over(NamedTuple):
    """The records know a return after the onset: there is nothing to raise."""

    at: int


def raise_alarm(
    session: Session,
    transition: Transition,
    *,
    now: int,
    suppression: Suppression = suppress_nothing,
) -> Alarm | Over | None:
    """Open an alarm, or raise the open one again; None when it is active already.

    ``suppression`` gives the reason for which a new one is not announced.
    """
    occurrence = _occurrence(transition)
    over_at = newest_return(session, occurrence)
    if transition.at < over_at:
        return Over(over_at)
    suppressed = suppression(session, transition, now)
    alarm = insert_row(session, Alarm, **_columns(transition, now=now), **suppressed)
    if alarm is not None:
        _note(session, alarm, transition, kind="raised", now=now)
        note_suppressed(session, alarm, at=transition.at, now=now)
        return alarm
    alarm = find_open(session, occurrence)
    if alarm is None:
        # The open one that stood in the way was closed by another process in between.
        return raise_alarm(session, transition, now=now, suppression=suppression)
    if activate(facts_of(alarm)) == facts_of(alarm):
        return None
    _follow_rule(alarm, transition)
    put_facts(alarm, activate(facts_of(alarm)))
    newly_suppressed = facts_of(alarm).announced and not alarm.life_safety
    if newly_suppressed:
        alarm.suppressed_by = suppressed.get("suppressed_by")
    alarm.active_since_at = transition.at
    alarm.inactive_since_at = None
    alarm.onset_value = transition.value
    alarm.onset_quality = transition.quality
    alarm.activations += 1
    _note(session, alarm, transition, kind="raised_again", now=now)
    if newly_suppressed:
        note_suppressed(session, alarm, at=transition.at, now=now)
    return alarm


def return_alarm(session: Session, transition: Transition, *, now: int) -> Alarm | None:
    """Record the return to normal; an acknowledged alarm closes by it."""
    alarm = find_open(session, _occurrence(transition))
    if alarm is None or return_to_normal(facts_of(alarm)) == facts_of(alarm):
        return None
    put_facts(alarm, return_to_normal(facts_of(alarm)))
    alarm.inactive_since_at = transition.at
    _note(session, alarm, transition, kind="returned", now=now)
    close_if_over(session, alarm, now=now)
    return alarm


def enable_alarm(session: Session, transition: Transition, *, now: int) -> Alarm | None:
    """End the trial of an alarm; None when it was none."""
    alarm = find_open(session, _occurrence(transition))
    if alarm is None or not alarm.monitored:
        return None
    alarm.monitored = False
    _note(session, alarm, transition, kind="raised", now=now)
    return alarm


def return_without_rule(
    session: Session,
    watched: Collection[tuple[str, int]],
    *,
    knows: Callable[[int], bool],
    now: int,
) -> list[Alarm]:
    """Return active alarms whose rule is gone: nothing claims them any more.

    Args:
        session: The transaction.
        watched: Rule and point of all that is watched.
        knows: Whether a point, by its id, is one of this process's.
        now: UTC ms.
    """
    query = select(Alarm).where(Alarm.closed_at.is_(None), Alarm.active).with_for_update()
    query = query.where(~Alarm.rule.startswith(MADE_WITHOUT_RULE))
    gone = [
        row
        for row in session.scalars(query)
        if (row.rule, row.point_id) not in watched and knows(row.point_id)
    ]
    for alarm in gone:
        put_facts(alarm, return_to_normal(facts_of(alarm)))
        alarm.inactive_since_at = now
        words = "its rule is gone"
        add_change(session, alarm, kind="returned", at=now, now=now, comment=words)
        record_alarm_event(session, alarm, kind="alarm.returned", at=now)
        close_if_over(session, alarm, now=now)
    return gone


def record_past_run(session: Session, transition: Transition, *, now: int) -> Alarm | None:
    """Write down what began and ended in the past; it is closed from the start and not announced.

    A run that reaches into one that is known is the true beginning of that one.
    """
    occurrence = _occurrence(transition)
    if transition.until is None or is_recorded(session, occurrence, at=transition.at):
        return None
    known = next_onset(session, occurrence, after=transition.at)
    if known is not None and known.at <= transition.until:
        return _begin_earlier(session, known, transition, now=now)
    alarm = Alarm(**_columns(transition, now=now))
    alarm.active = alarm.latched = False
    alarm.inactive_since_at = transition.until
    alarm.closed_at = now
    session.add(alarm)
    session.flush()
    add_change(session, alarm, kind="recorded", at=transition.at, now=now, value=transition.value)
    add_change(session, alarm, kind="returned", at=transition.until, now=now)
    return alarm


def correct_onset(session: Session, transition: Transition, *, now: int) -> Alarm | None:
    """Late readings show that the active alarm began earlier."""
    occurrence = _occurrence(transition)
    alarm = find_open(session, occurrence)
    if alarm is None or not alarm.active or alarm.active_since_at <= transition.at:
        return None
    if newest_return(session, occurrence) >= transition.at:
        return None
    alarm.active_since_at = transition.at
    alarm.onset_value = transition.value
    alarm.onset_quality = transition.quality
    _note(session, alarm, transition, kind="onset_corrected", now=now)
    return alarm


def correct_return(session: Session, transition: Transition, *, now: int) -> Alarm | None:
    """Late readings show that an alarm had returned before the value that said so."""
    known = next_return(session, _occurrence(transition), after=transition.at)
    if known is None:
        return None
    alarm = session.get_one(Alarm, known.alarm_id, with_for_update=True)
    if alarm.inactive_since_at == known.at:
        alarm.inactive_since_at = transition.at
    _note(session, alarm, transition, kind="return_corrected", now=now)
    return alarm


def split_run(session: Session, transition: Transition, *, now: int) -> Alarm | None:
    """Late readings show that the active alarm had returned and came again; announces nothing."""
    alarm = find_open(session, _occurrence(transition))
    until = transition.until
    if alarm is None or not alarm.active or until is None or alarm.active_since_at >= until:
        return None
    add_change(session, alarm, kind="returned", at=until, now=now)
    alarm.active_since_at = transition.at
    alarm.onset_value = transition.value
    alarm.onset_quality = transition.quality
    alarm.activations += 1
    add_change(session, alarm, kind="raised_again", at=transition.at, now=now)
    record_alarm_event(session, alarm, kind="alarm.onset_corrected", at=now)
    return alarm


def _follow_rule(alarm: Alarm, transition: Transition) -> None:
    """An alarm that comes back is one of the rule as it is now."""
    rule = transition.rule.settings
    alarm.severity, alarm.cause = rule.severity.value, rule.cause
    alarm.name_en, alarm.name_zh = transition.rule.name.en, transition.rule.name.zh
    alarm.life_safety, alarm.latching = rule.life_safety, rule.latching
    alarm.trade, alarm.opens_order = transition.rule.trade, rule.work_order
    alarm.of_communication = transition.rule.of_communication
    # What people were told of is not taken back from them.
    alarm.monitored = rule.mode == "monitor" and alarm.announced_at is None


def _begin_earlier(
    session: Session, known: AlarmChange, transition: Transition, *, now: int
) -> Alarm:
    alarm = session.get_one(Alarm, known.alarm_id, with_for_update=True)
    if alarm.active_since_at == known.at:
        alarm.active_since_at = transition.at
        alarm.onset_value = transition.value
        alarm.onset_quality = transition.quality
    _note(session, alarm, transition, kind="onset_corrected", now=now)
    return alarm


def _columns(transition: Transition, *, now: int) -> dict[str, object]:
    rule = transition.rule.settings
    return {
        "rule": transition.rule.id,
        "point_id": transition.series.id,
        "equipment_id": transition.series.equipment_id,
        "cause": rule.cause,
        "severity": rule.severity.value,
        "life_safety": rule.life_safety,
        "trade": transition.rule.trade,
        "opens_order": rule.work_order,
        "of_communication": transition.rule.of_communication,
        "latching": rule.latching,
        "latched": rule.latching,
        "monitored": rule.mode == "monitor",
        "name_en": transition.rule.name.en,
        "name_zh": transition.rule.name.zh,
        "active": True,
        "active_since_at": transition.at,
        "onset_value": transition.value,
        "onset_quality": int(transition.quality),
        "activations": 1,
        "raised_at": now,
    }


def _note(session: Session, alarm: Alarm, transition: Transition, *, kind: str, now: int) -> None:
    session.flush()
    add_change(
        session,
        alarm,
        kind=kind,
        at=transition.at,
        now=now,
        value=transition.value,
        comment=transition.comment,
    )
    record_alarm_event(session, alarm, kind=f"alarm.{kind}", at=now)
    if kind in {"raised", "raised_again", "returned"}:
        note_chattering(session, alarm, at=transition.at, now=now)


def _occurrence(transition: Transition) -> Occurrence:
    return Occurrence(transition.rule.id, transition.series.id)

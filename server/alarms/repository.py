"""Alarm rows as facts, memories and queries; every state change of a row happens here."""

from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from protocols.reading import Value
from server.alarms.evaluation.memory import LateRun, Memory, Run, Seen, with_run
from server.alarms.evaluation.step import DELAY, LATE
from server.alarms.model import Alarm, AlarmChange
from server.alarms.state import AlarmFacts, OutOfService, Shelf
from server.core.timers import timers_of

_REMEMBERED_MS = 30 * 86_400_000
"""Closed alarms of the last 30 days still guard against readings that are sent again."""

_ONSETS = ("raised", "raised_again", "recorded", "onset_corrected")
_RETURNS = ("returned", "return_corrected")


class Occurrence(NamedTuple):
    """What names an alarm: one open row per rule and point."""

    rule: str
    point_id: int


def facts_of(alarm: Alarm) -> AlarmFacts:
    """Return the facts that the row holds."""
    shelf = out = None
    if alarm.shelved_until_at is not None:
        shelf = Shelf(alarm.shelved_until_at, alarm.shelved_by or "", alarm.shelved_reason or "")
    if alarm.out_of_service_until_at is not None:
        out = OutOfService(alarm.out_of_service_until_at, alarm.out_of_service_by or "")
    return AlarmFacts(
        active=alarm.active,
        acknowledged=alarm.acknowledged_at is not None,
        latching=alarm.latching,
        latched=alarm.latched,
        life_safety=alarm.life_safety,
        shelf=shelf,
        suppressed_by=alarm.suppressed_by,
        out_of_service=out,
    )


def put_facts(alarm: Alarm, facts: AlarmFacts) -> None:
    """Make the row say these facts; who acknowledged, and when, is written by who does it."""
    alarm.active = facts.active
    alarm.latched = facts.latched
    if not facts.acknowledged:
        alarm.acknowledged_at = alarm.acknowledged_by = None
    shelf, out = facts.shelf, facts.out_of_service
    alarm.shelved_until_at = None if shelf is None else shelf.until
    alarm.shelved_by = None if shelf is None else shelf.by
    alarm.shelved_reason = None if shelf is None else shelf.reason
    alarm.suppressed_by = facts.suppressed_by
    alarm.out_of_service_until_at = None if out is None else out.until
    alarm.out_of_service_by = None if out is None else out.by


def find_open(session: Session, occurrence: Occurrence) -> Alarm | None:
    """Return the open alarm, locked against other writers."""
    query = select(Alarm).where(
        Alarm.rule == occurrence.rule,
        Alarm.point_id == occurrence.point_id,
        Alarm.closed_at.is_(None),
    )
    return session.scalar(query.with_for_update())


def is_recorded(session: Session, occurrence: Occurrence, *, at: int) -> bool:
    """Return whether this instant lies in a run of the condition that the records hold."""
    query = (
        select(AlarmChange.kind)
        .join(Alarm, Alarm.id == AlarmChange.alarm_id)
        .where(
            Alarm.rule == occurrence.rule,
            Alarm.point_id == occurrence.point_id,
            AlarmChange.kind.in_([*_ONSETS, *_RETURNS]),
            AlarmChange.at <= at,
        )
        .order_by(AlarmChange.at.desc(), AlarmChange.id.desc())
        .limit(1)
    )
    return session.scalar(query) in _ONSETS


def next_onset(session: Session, occurrence: Occurrence, *, after: int) -> AlarmChange | None:
    """Return the first onset that the records hold after an instant."""
    return _next_change(session, occurrence, _ONSETS, after=after)


def next_return(session: Session, occurrence: Occurrence, *, after: int) -> AlarmChange | None:
    """Return the end of the run that the records hold at an instant; None when there is none."""
    if not is_recorded(session, occurrence, at=after):
        return None
    return _next_change(session, occurrence, _RETURNS, after=after)


def _next_change(
    session: Session, occurrence: Occurrence, kinds: tuple[str, ...], *, after: int
) -> AlarmChange | None:
    query = (
        select(AlarmChange)
        .join(Alarm, Alarm.id == AlarmChange.alarm_id)
        .where(
            Alarm.rule == occurrence.rule,
            Alarm.point_id == occurrence.point_id,
            AlarmChange.kind.in_(kinds),
            AlarmChange.at > after,
        )
        .order_by(AlarmChange.at, AlarmChange.id)
        .limit(1)
    )
    return session.scalar(query)


def monitored_and_active(session: Session) -> list[tuple[str, int]]:
    """Return rule and point of the active alarms that are on trial."""
    query = select(Alarm.rule, Alarm.point_id).where(
        Alarm.closed_at.is_(None), Alarm.active, Alarm.monitored
    )
    return [(rule, point_id) for rule, point_id in session.execute(query)]


def newest_return(session: Session, occurrence: Occurrence) -> int:
    """Return the event time of the newest return of any occurrence, 0 when there is none."""
    query = (
        select(Alarm.inactive_since_at)
        .where(
            Alarm.rule == occurrence.rule,
            Alarm.point_id == occurrence.point_id,
            Alarm.inactive_since_at.is_not(None),
        )
        .order_by(Alarm.inactive_since_at.desc())
        .limit(1)
    )
    return session.scalar(query) or 0


def add_change(
    session: Session,
    alarm: Alarm,
    *,
    kind: str,
    at: int,
    now: int,
    by: str | None = None,
    comment: str | None = None,
    value: Value = None,
) -> None:
    """Write one line of the alarm's history."""
    session.add(
        AlarmChange(
            alarm_id=alarm.id,
            at=at,
            recorded_at=now,
            kind=kind,
            by=by,
            comment=comment,
            value=value,
        )
    )


def load_memories(session: Session, *, now: int) -> dict[tuple[str, int], Memory]:
    """Return what the engine must remember after a restart: alarm rows and running timers."""
    memories: dict[tuple[str, int], Memory] = {}
    runs: dict[tuple[str, int], list[Run]] = {}
    query = (
        select(
            Alarm.rule,
            Alarm.point_id,
            Alarm.active,
            Alarm.active_since_at,
            Alarm.inactive_since_at,
        )
        .where(Alarm.closed_at.is_(None) | (Alarm.closed_at >= now - _REMEMBERED_MS))
        .order_by(Alarm.id)
    )
    for rule, point_id, active, since, until in session.execute(query):
        changed_at = since if active or until is None else until
        before = memories.get((rule, point_id), Memory())
        if active or changed_at >= before.changed_at:
            memories[rule, point_id] = Memory(
                held=active,
                active=active,
                changed_at=changed_at,
                seen_at=changed_at,
            )
        if until is not None:
            runs.setdefault((rule, point_id), []).append(Run(since, until))
    for key, known in runs.items():
        for run in known:
            memories[key] = with_run(memories[key], run)
    _add_timers(session, memories)
    return memories


def _add_timers(session: Session, memories: dict[tuple[str, int], Memory]) -> None:
    for timer in (*timers_of(session, DELAY), *timers_of(session, LATE)):
        load = timer.payload
        key = load["rule"], load["point_id"]
        memory = memories.get(key, Memory())
        if timer.kind == LATE:
            memories[key] = replace(memory, late=LateRun.of(load))
        else:
            began, held = Seen.of(load), not memory.active
            memories[key] = replace(
                memory, held=held, pending=began, seen_at=max(memory.seen_at, began.at)
            )

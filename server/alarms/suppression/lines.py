"""The alarm of a line: no device on it answers. It belongs to the gateway and has no rule."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import Severity, Trade
from protocols.reading import Quality
from server.alarms.floods import note_chattering
from server.alarms.model import Alarm
from server.alarms.repository import Occurrence, add_change, facts_of, find_open, put_facts
from server.alarms.service import close_if_over, record_alarm_event
from server.alarms.state import activate, return_to_normal
from server.alarms.suppression.maintenance import note_suppressed, out_of_service
from server.alarms.suppression.outages import MADE_WITHOUT_RULE, is_silent, units_of_line
from server.assets.model import Equipment, Point
from server.assets.series import CONNECTION
from server.core.upsert import insert_new

LINE_RULE = MADE_WITHOUT_RULE
"""Beginning of the rule ids of these alarms; the port follows."""


def raise_line(session: Session, line: str, *, recover_ms: int, now: int) -> Alarm | None:
    """Open the alarm of a line ``site/gateway/port``, or raise the open one again.

    Returns the alarm if people have to hear of it. None when it is active already, when a device
    answers, when the gateway is out of service or unknown, or when the line was back for less than
    ``recover_ms``: that is the same outage.
    """
    units = units_of_line(session, line)
    gateway_key = "/".join(line.split("/")[:2])
    gateway = session.scalar(select(Equipment).where(Equipment.key == gateway_key))
    if gateway is None or not is_silent(units):
        return None
    point_id = session.scalar(
        select(Point.id).where(Point.equipment_id == gateway.id, Point.name == CONNECTION)
    )
    if point_id is None:
        return None
    port, since = units[0].port, max(unit.since_at for unit in units)
    occurrence = Occurrence(LINE_RULE + port, point_id)
    alarm = find_open(session, occurrence)
    if alarm is not None:
        return _raise_again(session, alarm, gateway, at=since, recover_ms=recover_ms, now=now)
    opened = insert_new(
        session,
        Alarm,
        rule=occurrence.rule,
        point_id=point_id,
        equipment_id=gateway.id,
        cause=f"line_{port}",
        severity=Severity.HIGH.value,
        life_safety=False,
        trade=Trade.LOW_VOLTAGE.value,
        opens_order=True,
        of_communication=True,
        name_en=f"Line {port}: none of {len(units)} devices answers",
        name_zh=f"线路 {port} 通信中断: {len(units)} 台设备均无应答",
        active=True,
        active_since_at=since,
        onset_value=False,
        onset_quality=int(Quality.GOOD),
        activations=1,
        raised_at=now,
        **out_of_service(gateway, now=now),
    )
    alarm = find_open(session, occurrence)
    if not opened or alarm is None:
        return None
    _note(session, alarm, kind="raised", at=since, now=now)
    return alarm if facts_of(alarm).announced else None


def _raise_again(
    session: Session, alarm: Alarm, gateway: Equipment, *, at: int, recover_ms: int, now: int
) -> Alarm | None:
    if alarm.active:
        return None
    back_at = alarm.inactive_since_at
    put_facts(alarm, activate(facts_of(alarm)))
    for column, value in out_of_service(gateway, now=now).items():
        setattr(alarm, column, value)
    alarm.active_since_at = at
    alarm.inactive_since_at = None
    alarm.activations += 1
    _note(session, alarm, kind="raised_again", at=at, now=now)
    was_announced = alarm.announced_at is not None
    same = was_announced and back_at is not None and at - back_at < recover_ms
    return alarm if facts_of(alarm).announced and not same else None


def _note(session: Session, alarm: Alarm, *, kind: str, at: int, now: int) -> None:
    session.flush()
    add_change(session, alarm, kind=kind, at=at, now=now)
    note_suppressed(session, alarm, at=at, now=now)
    record_alarm_event(session, alarm, kind=f"alarm.{kind}", at=now)
    note_chattering(session, alarm, at=at, now=now)


def return_lines(session: Session, *, now: int) -> list[Alarm]:
    """Return the alarms of lines on which a device answers again; give those."""
    query = select(Alarm).where(
        Alarm.rule.startswith(LINE_RULE), Alarm.closed_at.is_(None), Alarm.active
    )
    returned: list[Alarm] = []
    for alarm in session.scalars(query.with_for_update()):
        gateway = session.get_one(Equipment, alarm.equipment_id)
        units = units_of_line(session, f"{gateway.key}/{alarm.rule.removeprefix(LINE_RULE)}")
        back = [unit.since_at for unit in units if unit.online]
        if not back:
            continue
        put_facts(alarm, return_to_normal(facts_of(alarm)))
        at = max(min(back), alarm.active_since_at)
        alarm.inactive_since_at = at
        add_change(session, alarm, kind="returned", at=at, now=now)
        record_alarm_event(session, alarm, kind="alarm.returned", at=now)
        note_chattering(session, alarm, at=at, now=now)
        close_if_over(session, alarm, now=now)
        returned.append(alarm)
    return returned

"""The alarm of a line: no device on it answers. It belongs to the gateway and has no rule."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import Severity, Trade
from protocols.reading import Quality
from server.alarms.model import Alarm
from server.alarms.outages import units_of_line
from server.alarms.recording import MADE_WITHOUT_RULE
from server.alarms.repository import add_change, facts_of, put_facts
from server.alarms.service import close_if_over, tell
from server.alarms.state import return_to_normal
from server.assets.model import Equipment, Point
from server.assets.series import CONNECTION
from server.core.upsert import insert_new

LINE_RULE = MADE_WITHOUT_RULE
"""Beginning of the rule ids of these alarms; the port follows."""


def raise_line(session: Session, line: str, *, now: int) -> Alarm | None:
    """Open the alarm of a line ``site/gateway/port``; None when it is open, or has no gateway."""
    units = units_of_line(session, line)
    gateway_key = "/".join(line.split("/")[:2])
    gateway = session.scalar(select(Equipment).where(Equipment.key == gateway_key))
    if gateway is None or not units:
        return None
    point_id = session.scalar(
        select(Point.id).where(Point.equipment_id == gateway.id, Point.name == CONNECTION)
    )
    if point_id is None:
        return None
    port = units[0].port
    rule = LINE_RULE + port
    opened = insert_new(
        session,
        Alarm,
        rule=rule,
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
        active_since_at=max(unit.since_at for unit in units),
        onset_value=False,
        onset_quality=int(Quality.GOOD),
        activations=1,
        raised_at=now,
    )
    if not opened:
        return None
    opened_one = select(Alarm).where(
        Alarm.rule == rule, Alarm.point_id == point_id, Alarm.closed_at.is_(None)
    )
    alarm = session.scalars(opened_one).one()
    add_change(session, alarm, kind="raised", at=alarm.active_since_at, now=now)
    tell(session, alarm, kind="alarm.raised", at=now)
    return alarm


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
        tell(session, alarm, kind="alarm.returned", at=now)
        close_if_over(session, alarm, now=now)
        returned.append(alarm)
    return returned

"""Rows for every listing: half of what hangs on equipment belongs to the first device."""

from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.load import load_classes
from config.load_server import load_plans
from config.server import ServerSettings
from server.access.model import Token, User
from server.alarms.model import Alarm, AlarmRuleProposal
from server.alarms.service import summary
from server.assets.model import Equipment, Gateway, Particulars, Point, PowerLink, Room, Site
from server.assets.series import CONNECTION
from server.commands.model import Command
from server.core.audit import Actor, add_entry
from server.core.model import Event
from server.core.records import Records
from server.incidents.model import Incident
from server.messages.model import Message
from server.people.model import Assurance, EscalationPolicy, Person, Roster, Team
from server.plans.model import PlanRun, PlanRunStep
from server.requests.model import RepairRequest, RequestPlace
from server.workorders.model import WorkOrder, WorkOrderEvent
from tests.fakes.sparkplug_node import BOOLEAN, now_ms

PLANS = load_plans(ServerSettings(), load_classes())
FILTERS = {
    "alarms": "state=all&severity=high&equipment=bench/gw/device-0",
    "commands": "point=bench/gw/device-0/fire",
    "equipment": "site=bench&class=fire_panel&online=true&state=all",
    "events": "topic=alarms&from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z",
    "gateways": "site=bench",
    "incidents": "state=all&equipment=bench/gw/device-0",
    "messages": "state=sent&incident=1",
    "points": "equipment=bench/gw/device-0",
    "power-links": "equipment=bench/gw/device-0",
    "values": "equipment=bench/gw/device-0",
    "work-orders": "state=all&trade=plumbing&equipment=bench/gw/device-0",
}
"""Filters of the listings that leave rows, by path."""


def fill(url: str, rows: int) -> None:
    """Write ``rows`` rows of every kind, twice as many of what is filtered by equipment."""
    with Records.open(url) as records:
        records.write(lambda session: _fill(session, rows, now=now_ms()))


def _fill(session: Session, rows: int, *, now: int) -> None:
    devices = _devices(session, rows, now=now)
    points = list(session.scalars(select(Point).where(Point.name == "fire").order_by(Point.id)))
    for number in range(2 * rows):
        index = 0 if number % 2 else number // 2
        _trouble(session, number, devices[index], points[index], now=now)
    room = Room(site_id=1, key="room-000", building="1", floor="B1", name="Plant")
    session.add(room)
    session.flush()
    session.add(
        Particulars(
            equipment_id=devices[0].id,
            room_id=room.id,
            maker="",
            model="",
            serial_number="",
            version=1,
            changed_at=now,
            changed_by="bench",
        )
    )
    for number in range(rows):
        _people(session, f"key-{number:03}", now=now)
        add_entry(session, Actor(now, "bench", f"POST /api/v1/alarms/{number}/acknowledge"))
        session.add(
            Room(site_id=1, key=f"room-{number + 1:03}", building="1", floor="B1", name="Plant")
        )
        _run(session, devices[number], now=now)
        session.add(_proposal(number, now=now))
        _request(session, number, room, now=now)
        session.add(
            PowerLink(
                feeder_id=devices[0].id,
                equipment_id=devices[number + 1].id,
                cause="power_lost",
                created_at=now,
                created_by="bench",
            )
        )


def _request(session: Session, number: int, room: Room, *, now: int) -> None:
    order = WorkOrder(
        site_id=1,
        room_id=room.id,
        cause=f"tap-{number}",
        severity="low",
        trade="plumbing",
        life_safety=False,
        state="verified",
        title_en="Tap drips",
        title_zh="水龙头滴水",
        opened_at=now,
    )
    session.add(order)
    session.flush()
    session.add(
        RepairRequest(
            work_order_id=order.id,
            room_id=room.id,
            fault="tap",
            text="",
            name="Chen",
            phone="13800000000",
            language="zh",
            source="desk",
            taken_at=now,
        )
    )
    session.add(
        RequestPlace(
            site_id=1,
            building="1",
            code=f"code-{number:03}",
            secret="s",
            made_at=now,
            made_by="bench",
        )
    )


def _proposal(number: int, *, now: int) -> AlarmRuleProposal:
    return AlarmRuleProposal(
        rule="fire_panel.fire",
        scope="site",
        target="bench",
        changes={"enabled": False},
        version=number,
        weakens="it is switched off",
        reason="a test of the sounders",
        proposed_by="bench",
        proposed_at=now,
        expires_at=now + 3_600_000,
    )


def _run(session: Session, device: Equipment, *, now: int) -> None:
    run = PlanRun(
        plan="riser-burst",
        body=PLANS["riser-burst"].model_dump(mode="json", by_alias=True),
        equipment_id=device.id,
        drill=True,
        equipment={},
        parameters={},
        reason="a drill",
        state="running",
        position=0,
        started_at=now,
        started_by="bench",
    )
    session.add(run)
    session.flush()
    session.add(PlanRunStep(run_id=run.id, position=0, state="waiting", since_at=now))


def _devices(session: Session, rows: int, *, now: int) -> list[Equipment]:
    sites = [Site(key="bench"), *(Site(key=f"site-{number:03}") for number in range(rows))]
    session.add_all(sites)
    session.flush()
    keys = ["bench/gw", *(f"bench/gw-{number:03}" for number in range(rows))]
    gateways = [
        Gateway(key=key, site_id=sites[0].id, online=True, since_at=now, refused={}) for key in keys
    ]
    session.add_all(gateways)
    session.flush()
    devices = [
        Equipment(
            key=f"bench/gw/device-{number}",
            site_id=sites[0].id,
            gateway_id=gateways[0].id,
            equipment_class="fire_panel",
            profile="panel",
            name_en=f"Fire panel {number}",
            name_zh=f"火灾报警控制器 {number}",
            online=True,
            since_at=now,
            port="rs485-1",
        )
        for number in range(rows + 1)
    ]
    session.add_all(devices)
    session.flush()
    for device in devices:
        session.add_all([_point(device, "fire"), _point(device, CONNECTION)])
    session.add_all(_point(devices[0], f"zone-{number:03}") for number in range(rows))
    session.flush()
    return devices


def _point(device: Equipment, name: str) -> Point:
    return Point(
        key=f"{device.key}/{name}",
        equipment_id=device.id,
        name=name,
        datatype=BOOLEAN,
        unit="",
        name_en="Fire alarm",
        name_zh="火警",
        max_silence_ms=60_000,
    )


def _trouble(session: Session, number: int, device: Equipment, point: Point, *, now: int) -> None:
    cause, at = f"cause-{number}", now - 60_000 * number
    about = {"equipment_id": device.id, "cause": cause, "severity": "high"}
    titles = {"title_en": f"{device.name_en}: fire", "title_zh": f"{device.name_zh} 火警"}
    incident = Incident(**about, **titles, opened_at=at)
    session.add(incident)
    session.flush()
    alarm = Alarm(
        **about,
        rule=f"fire_panel.rule_{number}",
        point_id=point.id,
        incident_id=incident.id,
        life_safety=False,
        trade="fire",
        name_en="Fire alarm",
        name_zh="火警",
        active=True,
        active_since_at=at,
        onset_value=True,
        onset_quality=192,
        raised_at=at + 12,
        announced_at=at + 15,
    )
    session.add(alarm)
    order = WorkOrder(
        site_id=1,
        **about,
        **titles,
        incident_id=incident.id,
        trade="plumbing",
        life_safety=False,
        state="waiting" if number % 2 else "in_progress",
        assignee="bench",
        opened_at=at,
        on_site_due_at=at + 900_000,
    )
    session.add(order)
    session.flush()
    walk = ("open", "accepted", "on_site", "in_progress", "waiting")[: 5 if number % 2 else 4]
    for before, state in pairwise(walk):
        session.add(
            WorkOrderEvent(
                work_order_id=order.id, at=at, from_state=before, to_state=state, by="bench"
            )
        )
    _told(session, number, alarm, point, at=at)


def _told(session: Session, number: int, alarm: Alarm, point: Point, *, at: int) -> None:
    session.add(
        Event(
            at=at,
            topic="alarms",
            kind="alarm.raised",
            subject_id=alarm.id,
            payload=summary(session, alarm),
        )
    )
    session.add(
        Message(
            key=f"incident/{number}/opened",
            channel="hook-000",
            receiver="hook-000",
            kind="incident.opened",
            severity="high",
            incident_id=1 if number % 2 else alarm.incident_id,
            payload={"title_en": alarm.name_en, "title_zh": alarm.name_zh},
            state="sent",
            created_at=at,
            next_attempt_at=at,
            attempts=1,
            sent_at=at + 40,
        )
    )
    session.add(
        Command(
            key=f"command-{number}",
            point_id=point.id,
            equipment_id=point.equipment_id,
            value=True,
            reason="a test of the sounders",
            asked_by="bench",
            asked_at=at,
            expires_at=at + 60_000,
            state="done",
            due_at=at,
            sent_at=at + 5,
            settled_at=at + 90,
            before=False,
            after=True,
        )
    )


def _people(session: Session, key: str, *, now: int) -> None:
    user = User(name=key, password_hash="", role="viewer", created_at=now)
    session.add(user)
    session.flush()
    session.add(Token(name=key, token_hash=key, user_id=user.id, created_at=now))
    shift = {"days": ["workday"], "start": "08:00", "end": "20:00", "persons": [key]}
    step = {"after_s": 0, "who": ["on_duty"]}
    bodies = {
        Person: {
            "name": key,
            "role": "engineer",
            "trades": ["fire"],
            "phone": "13800138000",
            "channels": [{"channel": "hook-000", "address": None}],
        },
        Team: {"name": key, "members": [key]},
        Roster: {"name": key, "trades": ["fire"], "shifts": [shift], "accept_gaps": True},
        EscalationPolicy: {"trades": ["fire"], "steps": [step], "accept_gaps": True},
        Assurance: {"name": key, "first": "2026-10-01", "last": "2026-10-07"},
    }
    for table, body in bodies.items():
        session.add(table(key=key, body=body, version=1, changed_at=now, changed_by="bench"))

"""Two estates with one row of everything, and people of every role who are bound to the first."""

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from config.load import load_classes
from config.plans import EmergencyPlan
from config.server import ServerSettings
from server.access.model import Login
from server.access.roles import Role
from server.access.scope import UNLIMITED
from server.access.tokens import create_token
from server.access.users import Rights, create_user
from server.alarms.model import Alarm, AlarmRuleOverride, AlarmRuleProposal
from server.api.http import build_app
from server.assets.model import Equipment, EquipmentDocument, Point, PowerLink
from server.commands.model import Command
from server.core.attachments import Attachments
from server.core.audit import add_entry
from server.core.records import Records, _flush, record_event
from server.incidents.model import Incident
from server.messages.model import Message
from server.people.model import Assurance, EscalationPolicy, Person, Roster, RosterChange, Team
from server.plans.service import Wish, start
from server.workorders.model import WorkOrder, WorkOrderEvent, WorkOrderFile, WorkOrderLine
from tests.contract.api.conftest import HASH, NOW, Api, HandClock, services_over
from tests.contract.api.rights_rooms import add_request
from tests.databases import open_records
from tests.fakes.assets import add_equipment

T = TypeVar("T")
INSIDE, OUTSIDE = "garden", "harbour"
SIDES = (INSIDE, OUTSIDE)
HOOK = {"name": "hook", "url": "http://127.0.0.1:9/", "secret_file": "s"}
STORED = hashlib.sha256(b"x").hexdigest()
"""Name of the file that both orders have."""
FREE = "@everywhere"
"""End of the name of those who have a role that may be limited, without limits."""
CLASSES = {"heating_pump": load_classes()["heating_pump"]}
_TEXT = {"en": "x", "zh": "x"}
PLAN = EmergencyPlan.model_validate(
    {
        "plan": "look",
        "name": _TEXT,
        "description": _TEXT,
        "trade": "heating",
        "equipment": {"pump": {"class": "heating_pump"}},
        "steps": [{"step": "go", "kind": "task", "name": _TEXT, "who": ["leader"], "text": _TEXT}],
    }
)


ELSE: dict[str, Any] = {
    "class_id": "heating_pump",
    "rule": "heating_pump.fault",
    "user_id": 2,
    "change_id": 1,
    "name": "hook",
    "verb": "accept",
    "step": "go",
}
"""What paths name that is at no site."""
KEYS = {
    "plans": "look",
    "persons": "wang",
    "teams": "team",
    "rosters": "roster",
    "escalation-policies": "policy",
    "assurance-periods": "exam",
    "sites": "R1",
}


class RolledBack(Records):
    """Does every change and takes it back, so that a thousand requests meet the same rows."""

    def _transact(self, work: Callable[[Session], T], on: Engine) -> T:
        with Session(on, expire_on_commit=False) as session:
            session.begin()
            try:
                result = work(session)
                events = _flush(session)
                if self._actor is not None:
                    add_entry(session, self._actor, events)
                session.expunge_all()
                return result
            finally:
                session.rollback()


Ids = dict[str, dict[str, Any]]


@contextmanager
def open_world(folder: Path) -> Generator[tuple[Api, Ids, dict[str, int]]]:
    """Yield an application over it, what paths name of each side, and the id of each token."""
    with open_records(folder) as records:
        ids, tokens = records.write(fill)
        url = records.engine.url.render_as_string(hide_password=False)
    Attachments(folder).keep(b"x", thumbnail=b"x")
    given = {"data_dir": folder, "messages": {"webhooks": [HOOK]}}
    with RolledBack.open(url) as records:
        services = services_over(records, HandClock())
        object.__setattr__(services, "settings", ServerSettings.model_validate(given))
        object.__setattr__(services, "classes", CLASSES)
        object.__setattr__(services, "plans", {PLAN.plan: PLAN})
        with TestClient(build_app(services), raise_server_exceptions=False) as client:
            api = Api(client, services, {name: secret for name, (_, secret) in tokens.items()})
            api.registry.load()
            yield api, ids, {name: number for name, (number, _) in tokens.items()}


def fill(session: Session) -> tuple[Ids, dict[str, tuple[int, str]]]:
    """Write everything; return what paths name, of each side, and a token of each person."""
    ids = {side: _estate(session, side) for side in SIDES}
    _people(session)
    return ids, _logins(session)


def _estate(session: Session, site: str) -> dict[str, Any]:
    pump = add_equipment(session, f"{site}/gw/pump", at=NOW, equipment_class="heating_pump")
    panel = Equipment(
        key=f"{site}/gw/panel",
        site_id=pump.site_id,
        gateway_id=pump.gateway_id,
        equipment_class="power_panel",
        profile="",
        name_en="Panel",
        name_zh="配电柜",
        online=True,
        since_at=NOW,
    )
    session.add(panel)
    session.flush()
    point = Point(
        key=f"{pump.key}/pressure",
        equipment_id=pump.id,
        name="pressure",
        datatype=10,
        unit="kPa",
        name_en="Pressure",
        name_zh="压力",
        writable=True,
        minimum=0,
        maximum=500,
    )
    link = PowerLink(
        feeder_id=panel.id,
        equipment_id=pump.id,
        cause="lost",
        created_at=NOW,
        created_by="test",
    )
    session.add_all([point, link])
    session.flush()
    about: dict[str, Any] = {
        "equipment_id": pump.id,
        "cause": "dry",
        "severity": "high",
    }
    titles = {"title_en": f"Pump of {site}", "title_zh": "泵"}
    incident = Incident(**about, **titles, opened_at=NOW)
    session.add(incident)
    session.flush()
    alarm = Alarm(
        **about,
        rule="heating_pump.dry",
        point_id=point.id,
        incident_id=incident.id,
        life_safety=False,
        trade="heating",
        name_en="Dry",
        name_zh="干",
        active=True,
        active_since_at=NOW,
        onset_value=1.0,
        onset_quality=192,
        raised_at=NOW,
        announced_at=NOW,
    )
    order, others = (
        WorkOrder(
            site_id=pump.site_id,
            **about | {"cause": cause},
            **titles,
            incident_id=incident.id,
            trade="heating",
            life_safety=False,
            state="open" if assignee is None else "dispatched",
            assignee=assignee,
            assignee_kind=None if assignee is None else "former",
            opened_at=NOW,
        )
        for cause, assignee in (("dry", None), ("hot", f"somebody of {site}"))
    )
    message = Message(
        key=f"m/{site}",
        channel="sms",
        receiver="li",
        kind="incident.opened",
        severity="high",
        incident_id=incident.id,
        payload=titles,
        state="dead",
        created_at=NOW,
        next_attempt_at=NOW,
        address="13800138000",
    )
    command = Command(
        key=f"c/{site}",
        point_id=point.id,
        equipment_id=pump.id,
        value=2.0,
        reason="test",
        asked_by="test",
        asked_at=NOW,
        expires_at=NOW + 1,
        state="done",
        due_at=NOW,
    )
    override = AlarmRuleOverride(
        rule="heating_pump.fault",
        scope="site",
        target=site,
        changes={"on_delay_s": 7},
        version=1,
        updated_at=NOW,
        updated_by="test",
    )
    proposal = AlarmRuleProposal(
        **{name: getattr(override, name) for name in ("rule", "scope", "target")},
        changes={"enabled": False},
        version=1,
        weakens="test",
        reason="test",
        proposed_by="test",
        proposed_at=NOW,
        expires_at=NOW + 3_600_000,
    )
    session.add_all([alarm, order, others, message, command, override, proposal])
    session.flush()
    proposed = Command(
        key=f"p/{site}",
        point_id=point.id,
        equipment_id=pump.id,
        value=2.0,
        reason="test",
        asked_by="test",
        asked_at=NOW,
        expires_at=NOW + 1,
        state="proposed",
        due_at=NOW,
    )
    session.add(proposed)
    # A drill: another run may be started for the incident.
    wish = Wish(PLAN, incident, {}, {}, drill=True, reason="test")
    run = start(session, wish, by="test", now=NOW)
    written: dict[str, Any] = {"work_order_id": order.id, "added_at": NOW, "added_by": "test"}
    picture = WorkOrderFile(
        **written,
        kind="photo",
        name="x",
        media_type="image/jpeg",
        size=1,
        sha256=STORED,
        has_thumbnail=True,
    )
    line = WorkOrderLine(**written, kind="part", name=site, quantity=1, unit="1", unit_price_fen=1)
    asked = add_request(session, pump.site_id, site, at=NOW, inside=site == INSIDE)
    opened = [
        WorkOrderEvent(work_order_id=one.id, at=NOW, from_state=None, to_state="open", by="test")
        for one in (order, others)
    ]
    document = EquipmentDocument(
        equipment_id=pump.id,
        name=site,
        media_type="application/pdf",
        size=1,
        sha256=STORED,
        added_at=NOW,
        added_by="test",
    )
    session.add_all([picture, line, document, *opened])
    session.flush()
    for topic, kind, row in (
        ("alarms", "alarm.raised", alarm),
        ("incidents", "incident.opened", incident),
        ("work-orders", "work-order.opened", order),
        ("equipment", "equipment.online", pump),
        ("commands", "command.asked", command),
        ("messages", "message.queued", message),
        ("plans", "plan-run.begun", run),
    ):
        record_event(
            session, at=NOW, topic=topic, kind=kind, subject_id=row.id, payload={"site": site}
        )
    return {
        "site": site,
        "alarm_id": alarm.id,
        "command_id": proposed.id,
        "run_id": run.id,
        "equipment_id": pump.id,
        "document_id": document.id,
        "feeder": panel.key,
        "file_id": picture.id,
        "line_id": line.id,
        "incident_id": incident.id,
        "link_id": link.id,
        "message_id": message.id,
        "order_id": order.id,
        "others_order_id": others.id,
        "proposal_id": proposal.id,
        **asked,
        "point": point.key,
        "point_id": point.id,
        "equipment": pump.key,
        "gateway": f"{site}/gw",
    }


def _people(session: Session) -> None:
    shift = {"days": ["workday"], "start": "08:00", "end": "20:00", "persons": ["wang"]}
    person = {"name": "Wang", "role": "engineer", "trades": ["fire"], "phone": "13800138000"}
    bodies: list[tuple[Any, str, dict[str, Any]]] = [
        (Person, "wang", person),
        (Person, "li", person),
        (Team, "team", {"name": "team", "members": ["wang"]}),
        (Roster, "roster", {"name": "r", "trades": ["fire"], "shifts": [shift]}),
        (Assurance, "exam", {"name": "x", "first": "2020-01-01", "last": "2020-01-01"}),
        (EscalationPolicy, "policy", {"steps": [{"after_s": 0, "who": ["on_duty"]}]}),
    ]
    for table, key, body in bodies:
        whole = body | ({} if table in (Person, Team, Assurance) else {"accept_gaps": True})
        session.add(table(key=key, body=whole, version=1, changed_at=NOW, changed_by="test"))
    change = RosterChange(
        roster="roster",
        start_at=NOW,
        end_at=NOW + 3_600_000,
        off="wang",
        reason="",
        changed_at=NOW,
        changed_by="test",
    )
    session.add(change)


def session_id(token_id: int) -> str:
    """Return what the browser session of a token's person is called."""
    return f"{token_id:016}"


def _logins(session: Session) -> dict[str, tuple[int, str]]:
    tokens: dict[str, tuple[int, str]] = {}
    make = partial(create_user, session, password_hash=HASH, at=NOW, by="test")
    for role in Role:
        limits = {"sites": [INSIDE]}
        if role is Role.CONTRACTOR:
            limits = {"classes": ["lift"], "equipment": [f"{INSIDE}/gw/pump", f"{INSIDE}/gw/panel"]}
        people = {str(role): {} if role in UNLIMITED else limits}
        if role not in UNLIMITED | {Role.CONTRACTOR}:
            people[f"{role}{FREE}"] = {}
        for name, scope in people.items():
            user = make(name=name, rights=Rights(role, **scope))
            token, secret = create_token(session, user_id=user.id, name="test", at=NOW, by="test")
            token.last_used_at = NOW
            tokens[name] = (token.id, secret)
            session.add(
                Login(
                    token_hash=session_id(token.id).ljust(64, "0"),
                    user_id=user.id,
                    created_at=NOW,
                    expires_at=NOW + 1,
                )
            )
    return tokens

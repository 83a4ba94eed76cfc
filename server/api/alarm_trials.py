"""POST /alarm-rules/try: what a rule would have done in the last days."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.base import MisfitError, dotted
from config.classes import AlarmRule, EquipmentClass
from config.errors import ConfigError
from server.alarms.overrides import load_overrides
from server.alarms.rulebook import RuleBook, merged
from server.alarms.trial import Onset, Trial, TrialPoint, needed_points, try_rule
from server.api.context import Caller, Services, Use, problems
from server.api.rule_shapes import Scope, find_rule, scope_of
from server.api.shapes import Instant, JsonValue
from server.assets.model import Equipment, Point, Site
from server.core.problem import FieldError
from server.incidents.model import Incident
from server.workorders.model import WorkOrder

router = APIRouter(prefix="/alarm-rules", tags=["alarms"], responses=problems(403, 404))

_DAY_MS = 86_400_000
_SHOWN = 500


class TrialIn(BaseModel):
    """A rule and where it shall be tried."""

    rule: Annotated[str, Field(max_length=130)]
    """<class>.<rule>; one that does not exist is a new rule, and ``changes`` says all of it."""
    changes: dict[str, Any] = {}
    """What shall differ from the rule as it applies there now."""
    site: Annotated[str | None, Field(max_length=64)] = None
    """Only equipment of this site."""
    equipment: Annotated[str | None, Field(max_length=200)] = None
    """Only this equipment: id or key."""
    days: Annotated[float, Field(gt=0, le=366)] = 30


class OnsetItem(BaseModel):
    """An alarm that there would have been."""

    equipment: str
    point: str
    at: Instant
    until: Instant | None
    """When it would have returned; null: it would still be on."""
    value: JsonValue
    new_incident: bool
    new_order: bool


class TrialItem(BaseModel):
    """What the rule would have done."""

    settings: AlarmRule
    start: Instant
    end: Instant
    equipment: int
    """How many pieces of equipment have the points."""
    readings: int
    alarms: int
    incidents: int
    """Of those alarms, how many meet no incident that there was anyway."""
    orders: int
    """Of those incidents, how many meet no work order that there was anyway."""
    messages: int
    """First messages to the receivers of the server file; steps of policies come on top."""
    cut_short_at: Instant | None
    """Set when there were too many readings: tried only up to here."""
    onsets: list[OnsetItem]
    """The newest 500."""


@router.post("/try")
def try_alarm_rule(use: Use, caller: Caller, body: TrialIn) -> TrialItem:
    """Run a rule over the stored history of up to a year, without changing anything."""
    _ = caller  # a viewer does not post
    end = use.clock.now_ms()
    start = end - round(body.days * _DAY_MS)
    kind, name = find_rule(use, body.rule)
    rule, points, keys = use.records.read(lambda session: _prepare(session, use, kind, name, body))
    trial = try_rule(kind, name, rule, points=points, raw=use.history.raw, start=start, end=end)
    return use.records.read(
        lambda session: _shown(session, use, rule, trial, keys, start=start, end=end)
    )


def _prepare(
    session: Session, use: Services, kind: EquipmentClass, name: str, body: TrialIn
) -> tuple[AlarmRule, list[TrialPoint], dict[int, str]]:
    scope = scope_of(session, body.site, body.equipment)
    book = RuleBook(use.classes, load_overrides(session))
    rule = _rule(book, kind, name, scope=scope, changes=body.changes)
    query = (
        select(Point, Equipment.key)
        .join(Equipment, Equipment.id == Point.equipment_id)
        .where(
            Equipment.equipment_class == kind.equipment_class,
            Point.name.in_(needed_points(kind, name, rule)),
        )
        .order_by(Point.id)
    )
    if scope.equipment:
        query = query.where(Equipment.id == int(scope.equipment))
    elif scope.site:
        query = query.join(Site, Site.id == Equipment.site_id).where(Site.key == scope.site)
    points: list[TrialPoint] = []
    keys: dict[int, str] = {}
    for point, key in session.execute(query):
        keys[point.id], keys[-point.equipment_id] = point.key, key
        points.append(
            TrialPoint(point.id, point.key, point.name, point.equipment_id, point.max_silence_ms)
        )
    return rule, points, keys


def _rule(
    book: RuleBook, kind: EquipmentClass, name: str, *, scope: Scope, changes: dict[str, Any]
) -> AlarmRule:
    known = book.names_of(kind, site=scope.site, equipment=scope.equipment)
    where = {"site": scope.site, "equipment": scope.equipment}
    base = book.standing(kind, name, **where) if name in known else None
    try:
        return merged(kind, name, base, changes)
    except MisfitError as error:
        words = "; ".join(f"{dotted(one.path)}: {one.message}" for one in error.misfits)
        field = f"body.changes.{dotted(error.misfits[0].path)}"
        raise FieldError(field, words) from error
    except ConfigError as error:
        raise FieldError("body.changes", str(error)) from error


def _shown(
    session: Session,
    use: Services,
    rule: AlarmRule,
    trial: Trial,
    keys: dict[int, str],
    *,
    start: int,
    end: int,
) -> TrialItem:
    items = [_onset(session, rule, onset, keys) for onset in trial.onsets]
    receivers = sum(rule.severity in one.severities for one in use.settings.messages.announced)
    incidents = sum(item.new_incident for item in items)
    return TrialItem(
        settings=rule,
        start=start,
        end=end,
        equipment=sum(key < 0 for key in keys),
        readings=trial.readings,
        alarms=len(items),
        incidents=incidents,
        orders=sum(item.new_order for item in items),
        messages=incidents * receivers,
        cut_short_at=trial.cut_short_at,
        onsets=items[: -_SHOWN - 1 : -1],
    )


def _onset(session: Session, rule: AlarmRule, onset: Onset, keys: dict[int, str]) -> OnsetItem:
    incident = select(Incident.id).where(
        Incident.equipment_id == onset.equipment_id,
        Incident.cause == rule.cause,
        Incident.opened_at <= onset.at,
        Incident.closed_at.is_(None) | (Incident.closed_at > onset.at),
    )
    order = select(WorkOrder.id).where(
        WorkOrder.equipment_id == onset.equipment_id,
        WorkOrder.cause == rule.cause,
        WorkOrder.opened_at <= onset.at,
        WorkOrder.closed_at.is_(None) | (WorkOrder.closed_at > onset.at),
    )
    return OnsetItem(
        equipment=keys[-onset.equipment_id],
        point=keys[onset.point_id],
        at=onset.at,
        until=onset.until,
        value=onset.value,
        new_incident=session.scalar(incident.limit(1)) is None,
        new_order=rule.work_order and session.scalar(order.limit(1)) is None,
    )

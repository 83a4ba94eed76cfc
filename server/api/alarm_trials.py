"""POST /alarm-rules/try: what a rule would have done in the last days."""

import asyncio
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.base import ConflictingSettingsError, dotted
from config.classes import AlarmRule, EquipmentClass
from config.errors import ConfigError
from server.access.principal import Principal
from server.access.roles import Permission
from server.access.scope import Scope as Reach
from server.alarming.trial_impact import Effect, Tried, effects_of
from server.alarms.evaluation.trial import Trial, TrialPoint, TrialRun, needed_points, switched_on
from server.alarms.overrides import load_overrides
from server.alarms.rulebook import RuleBook, merged
from server.api.context import Services, Use, problems
from server.api.rights import may
from server.api.router import api_router
from server.api.rule_shapes import Scope, find_rule, scope_of
from server.api.shapes import Instant, JsonValue
from server.api.strict import Body
from server.assets.model import Equipment, Point, Site
from server.assets.scoped import conditions
from server.core.clock import Clock
from server.core.errors import ConflictError
from server.core.problem import FieldError

RuleTrier = Annotated[Principal, may(Permission.RULES_TRY)]

router = api_router(prefix="/alarm-rules", tag="alarms", responses=problems(403, 404))

_DAY_MS = 86_400_000
_SHOWN = 500
_LONGEST_S = 60.0
"""A trial that takes longer is content with the equipment that it has tried."""
_OVER: Final = object()


class TrialIn(Body):
    """A rule and where it shall be tried."""

    rule: Annotated[str, Field(max_length=130)]
    """<class>.<rule>; one that does not exist is a new rule, and ``changes`` says all of it."""
    changes: Annotated[dict[str, Any], Field(default_factory=dict[str, Any])]
    """What shall differ from the rule as it applies there now."""
    site: Annotated[str | None, Field(max_length=64)] = None
    """Only equipment of this site."""
    equipment: Annotated[str | None, Field(max_length=200)] = None
    """Only this equipment: id or key."""
    days: Annotated[float, Field(gt=0, le=366)] = 30
    acknowledged_after_min: Annotated[float, Field(ge=0, le=1440)] = 10
    """So many minutes after its first message an incident is assumed to be acknowledged."""


class OnsetItem(BaseModel):
    """An alarm that there would have been."""

    equipment: str
    point: str
    at: Instant
    until: Instant | None
    """When it would have returned; null: it would still be on."""
    value: JsonValue
    explained_by: str | None
    """The outage that hid it to its end, or "settling": nobody would have heard of it."""
    new_incident: bool
    new_order: bool
    messages: int


class TrialItem(BaseModel):
    """What the rule would have done."""

    settings: AlarmRule
    start: Instant
    end: Instant
    covered_from: Instant
    """Later than the start when one equipment had too many readings: tried from here on."""
    equipment: int
    """How many pieces of equipment have the points."""
    equipment_tried: int
    """Fewer when there was no time for all; chosen at random, the figures are of these."""
    readings: int
    alarms: int
    explained: int
    """Of those alarms, how many an outage would have hidden."""
    incidents: int
    """How many incidents they would have been, beside those that there were anyway."""
    orders: int
    """Of those incidents, how many meet no work order that there was anyway."""
    messages: int
    """To the receivers of the server file, and to people by the steps of their policy until the
    incident is acknowledged. Floods, which hold messages back, are not counted in."""
    onsets: list[OnsetItem]
    """The newest 500."""


@router.post("/try", responses=problems(409))
async def try_alarm_rule(use: Use, caller: RuleTrier, body: TrialIn) -> TrialItem:
    """Run a rule over the stored history of up to a year, without changing anything.

    It takes half of the time for itself, one trial at a time, and a minute at most.
    """
    if use.trials.locked():
        raise ConflictError("another trial is running; try again in a minute")
    async with use.trials:
        end = use.clock.now_ms()
        start = end - round(body.days * _DAY_MS)
        kind, name = find_rule(use, body.rule)
        rule, points, keys = await use.records.read_async(
            lambda session: _prepare(session, use, kind, name, body=body, reach=caller.scope)
        )
        run = TrialRun(kind, name, rule, points=points, history=use.history, start=start, end=end)
        await _run(run, use.clock)
        tried = Tried(f"{kind.equipment_class}.{name}", switched_on(rule), kind.trade)
        acknowledged_ms = round(body.acknowledged_after_min * 60_000)

        def shown(session: Session) -> TrialItem:
            effects = effects_of(
                session,
                tried,
                run.found.onsets,
                settings=use.settings,
                acknowledged_ms=acknowledged_ms,
            )
            return _shown(rule, run.found, effects, keys, start=start, end=end)

        return await use.records.read_async(shown)


async def _run(run: TrialRun, clock: Clock) -> None:
    """Take turns with what the server has to do beside."""
    pages, began = run.pages(), clock.monotonic_s()
    while True:
        before = clock.monotonic_s()
        if await asyncio.to_thread(next, pages, _OVER) is _OVER:
            return
        now = clock.monotonic_s()
        if now - began > _LONGEST_S:
            run.stop()
            return
        await clock.sleep(now - before)


def _prepare(
    session: Session,
    use: Services,
    kind: EquipmentClass,
    name: str,
    *,
    body: TrialIn,
    reach: Reach,
) -> tuple[AlarmRule, list[TrialPoint], dict[int, str]]:
    scope = scope_of(session, body.site, body.equipment, reach)
    book = RuleBook(use.classes, load_overrides(session))
    rule = _rule(book, kind, name, scope=scope, changes=body.changes)
    query = (
        select(Point, Equipment.key)
        .join(Equipment, Equipment.id == Point.equipment_id)
        .where(
            Equipment.equipment_class == kind.equipment_class,
            Point.name.in_(needed_points(kind, name, rule)),
            *conditions(reach),
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
    except ConflictingSettingsError as error:
        words = "; ".join(f"{dotted(one.path)}: {one.message}" for one in error.conflicts)
        field = f"body.changes.{dotted(error.conflicts[0].path)}"
        raise FieldError(field, words) from error
    except ConfigError as error:
        raise FieldError("body.changes", str(error)) from error


def _shown(
    rule: AlarmRule,
    trial: Trial,
    effects: list[Effect],
    keys: dict[int, str],
    *,
    start: int,
    end: int,
) -> TrialItem:
    items = [_item(one, keys) for one in effects[: -_SHOWN - 1 : -1]]
    return TrialItem(
        settings=rule,
        start=start,
        end=end,
        covered_from=trial.covered_from,
        equipment=sum(key < 0 for key in keys),
        equipment_tried=trial.equipment,
        readings=trial.readings,
        alarms=len(effects),
        explained=sum(one.explained_by is not None for one in effects),
        incidents=sum(one.new_incident for one in effects),
        orders=sum(one.new_order for one in effects),
        messages=sum(one.messages for one in effects),
        onsets=items,
    )


def _item(effect: Effect, keys: dict[int, str]) -> OnsetItem:
    onset = effect.onset
    return OnsetItem(
        equipment=keys[-onset.equipment_id],
        point=keys[onset.point_id],
        at=onset.at,
        until=onset.until,
        value=onset.value,
        explained_by=effect.explained_by,
        new_incident=effect.new_incident,
        new_order=effect.new_order,
        messages=effect.messages,
    )

"""/alarms: what is abnormal, its history, acknowledging and commenting."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from config.classes import Severity
from server.access.principal import Principal
from server.access.roles import Permission
from server.access.scope import Scope
from server.alarms.model import Alarm
from server.alarms.repository import facts_of
from server.alarms.service import ALARMS, changes_of, comment, get_alarm, list_alarms
from server.alarms.state import AlarmState
from server.alarms.suppression.shelving import actions_of
from server.api.context import PAGE, Cursor, Limit, RowId, Use, problems
from server.api.lookup import equipment_id
from server.api.pages import PageOf
from server.api.rights import PlantReader, may
from server.api.router import api_router
from server.api.shapes import Instant, InstantIn, JsonValue, OfEquipment, fields_of
from server.api.strict import Body
from server.api.visible import require_visible
from server.assets.model import Point
from server.assets.state_words import said_of
from server.core.paging import Found
from server.incidents.service import acknowledge

Acknowledger = Annotated[Principal, may(Permission.ALARMS_ACKNOWLEDGE)]

router = api_router(prefix="/alarms", tag="alarms", responses=problems())


class AlarmFilter(StrEnum):
    """Which alarms a list shows; open is what still needs something."""

    OPEN = "open"
    ACTIVE = "active"
    UNACKNOWLEDGED = "unacknowledged"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"
    LATCHED = "latched"
    CHATTERING = "chattering"
    CLOSED = "closed"
    ALL = "all"
    MONITORED = "monitored"


class AlarmItem(OfEquipment):
    """One occurrence of an alarm."""

    id: int
    rule: str
    name_en: str
    name_zh: str
    severity: Severity
    cause: str
    life_safety: bool
    state: AlarmState
    active: bool
    active_since: Instant
    """Event time of the onset."""
    inactive_since: Instant | None
    acknowledged_at: Instant | None
    acknowledged_by: str | None
    comment: str | None
    onset_value: JsonValue
    onset_en: str
    """What people say for the onset's value, when it is a state with words; else empty."""
    onset_zh: str
    activations: int
    latched: bool
    shelved_until_at: Instant | None
    shelved_by: str | None
    shelved_reason: str | None
    suppressed_by: str | None
    """The outage that explains it, such as gateway:site/gw."""
    out_of_service_until_at: Instant | None
    out_of_service_by: str | None
    monitored: bool
    """Its rule is on trial: announced to nobody."""
    announced_at: Instant | None
    """When people were told last."""
    chattering: bool
    proposed_off_delay_s: float | None
    """Off-delay that would have kept it from chattering, seconds."""
    raised_at: Instant
    """When the server wrote it down."""
    closed_at: Instant | None
    point_id: int
    point: str
    """Key of the point."""
    unit: str
    incident_id: int | None
    actions: list[str]
    """What may be done with it now: POST /alarms/{id}/<action>."""


class AlarmChangeItem(BaseModel):
    """One line of an alarm's history."""

    at: Instant
    recorded_at: Instant
    kind: str
    by: str | None
    comment: str | None
    value: JsonValue
    value_en: str
    """What people say for the value, when it is a state with words; else empty."""
    value_zh: str


class AlarmDetail(AlarmItem):
    """One alarm with its history."""

    changes: list[AlarmChangeItem]


class Acknowledgement(Body):
    """Words for the record, if there is something to say."""

    comment: Annotated[str | None, Field(max_length=2000)] = None


class Remark(Body):
    """Words for the record."""

    comment: Annotated[str, Field(min_length=1, max_length=2000)]


_PAGES = PageOf(AlarmItem)


def _fields(row: Any) -> dict[str, Any]:  # noqa: ANN401 (a row of ALARMS)
    fields = ALARMS.fields(row)
    facts = facts_of(row)
    fields["state"] = facts.state
    fields["active_since"] = fields["active_since_at"]
    fields["inactive_since"] = fields["inactive_since_at"]
    fields |= said_of("onset", fields["onset_value"], fields["words"])
    fields["actions"] = actions_of(facts, closed=fields["closed_at"] is not None)
    return fields


def alarm_items(session: Session, rows: Sequence[Alarm]) -> list[AlarmItem]:
    """Show alarms with the names of what they are about, in the order of their ids."""
    found = ALARMS.all(session, ids=[row.id for row in rows])
    return [AlarmItem.model_validate(_fields(row)) for row in reversed(found)]


@router.get("", operation_id="list_alarms", response_model=_PAGES.model)
def list_alarms_(
    use: Use,
    caller: PlantReader,
    *,
    state: Annotated[AlarmFilter, Query(description="Which ones.")] = AlarmFilter.OPEN,
    severity: Annotated[Severity | None, Query(description="Only these.")] = None,
    equipment: Annotated[str | None, Query(max_length=200, description="Id or key.")] = None,
    start: Annotated[
        InstantIn | None,
        Query(alias="from", description="Only those that were active at some time after it."),
    ] = None,
    end: Annotated[InstantIn | None, Query(alias="to", description="Likewise before it.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List alarms, newest first."""

    def read(session: Session) -> Found:
        of = equipment_id(session, equipment, caller.scope)
        return list_alarms(
            session,
            state=state,
            severity=severity,
            equipment_id=of,
            active_after=start,
            active_before=end,
            scope=caller.scope,
            cursor=cursor,
            limit=limit,
        )

    return _PAGES.answer(use.records.read(read), _fields)


@router.get("/{alarm_id}", operation_id="get_alarm", responses=problems(404))
def get_alarm_(alarm_id: RowId, use: Use, caller: PlantReader) -> AlarmDetail:
    """Show one alarm with its history."""
    return use.records.read(
        lambda session: alarm_detail(session, visible_alarm(session, alarm_id, caller.scope))
    )


@router.post("/{alarm_id}/acknowledge", responses=problems(403, 404))
def acknowledge_alarm(
    alarm_id: RowId, use: Use, caller: Acknowledger, body: Acknowledgement | None = None
) -> AlarmDetail:
    """Acknowledge an alarm; repeating it changes nothing."""
    words = None if body is None else body.comment

    def change(session: Session) -> AlarmDetail:
        now = use.clock.now_ms()
        require_visible(session, Alarm, alarm_id, "alarm", caller.scope)
        row = acknowledge(session, alarm_id, by=caller.name, comment=words, now=now)
        return alarm_detail(session, row)

    return use.records.write(change)


@router.post("/{alarm_id}/comments", responses=problems(403, 404))
def comment_alarm(alarm_id: RowId, use: Use, caller: Acknowledger, body: Remark) -> AlarmDetail:
    """Add words to the alarm's history."""

    def change(session: Session) -> AlarmDetail:
        now = use.clock.now_ms()
        require_visible(session, Alarm, alarm_id, "alarm", caller.scope)
        return alarm_detail(
            session, comment(session, alarm_id, by=caller.name, text=body.comment, now=now)
        )

    return use.records.write(change)


def visible_alarm(session: Session, alarm_id: int, scope: Scope, *, lock: bool = False) -> Alarm:
    """Return an alarm, locked against other writers when it shall change.

    Raises:
        NotFoundError: There is none in the scope.
    """
    require_visible(session, Alarm, alarm_id, "alarm", scope)
    return get_alarm(session, alarm_id, lock=lock)


def alarm_detail(session: Session, row: Alarm) -> AlarmDetail:
    """Show an alarm with its history."""
    session.flush()
    words = session.get_one(Point, row.point_id).words
    changes = [
        AlarmChangeItem.model_validate(fields_of(change) | said_of("value", change.value, words))
        for change in changes_of(session, row.id)
    ]
    return AlarmDetail(**dict(alarm_items(session, [row])[0]), changes=changes)

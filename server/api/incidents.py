"""/incidents: alarms of one equipment and cause, of which people are notified once."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, computed_field
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import Severity
from server.api.alarms import Acknowledgement, Acknowledger, AlarmItem, alarm_items
from server.api.context import PAGE, Cursor, Limit, RowId, Use, problems
from server.api.lookup import equipment_id
from server.api.pages import PageOf
from server.api.rights import PlantReader
from server.api.router import api_router
from server.api.shapes import Instant, OfEquipment
from server.api.visible import require_visible
from server.core.paging import Found
from server.incidents.escalation_steps import changes_of, steps_of
from server.incidents.model import Incident
from server.incidents.service import (
    INCIDENTS,
    acknowledge_incident,
    alarms_of,
    get_incident,
    list_incidents,
)
from server.messages.model import Message
from server.messages.queue import without_address
from server.workorders.model import WorkOrder

router = api_router(prefix="/incidents", tag="incidents", responses=problems())


class IncidentFilter(StrEnum):
    """Which incidents a list shows."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


class IncidentItem(OfEquipment):
    """What happened to one piece of equipment."""

    id: int
    cause: str
    severity: Severity
    title_en: str
    title_zh: str
    state: str
    opened_at: Instant
    closed_at: Instant | None
    acknowledged_at: Instant | None
    acknowledged_by: str | None
    assignee: str | None
    """Who goes on with it since it was handed over; null: whoever acknowledged it."""
    alarms: int
    """How many alarms belong to it, closed ones included."""
    actions: list[str]
    """What may be done with it now: POST /incidents/{id}/<action>."""


class ReceiverItem(BaseModel):
    """A message of a step, and what became of it."""

    person: str
    """Key of the person."""
    name: str
    message_id: int
    channel: str
    state: str
    attempts: int
    last_error: str | None
    """What the provider said when it failed."""
    sent_at: Instant | None


class StepItem(BaseModel):
    """One step of the escalation: who was or will be notified, and when."""

    number: int
    round: int
    who: list[str]
    due_at: Instant
    state: str
    """pending, done, nobody (no one to tell), unreached (no message arrived) or cancelled."""
    ran_at: Instant | None
    notified: list[ReceiverItem]

    @computed_field(json_schema_extra={"deprecated": True})
    @property
    def told(self) -> list[ReceiverItem]:
        """The name of notified before."""
        return self.notified


class IncidentChangeItem(BaseModel):
    """One line of the incident's history."""

    at: Instant
    kind: str
    """opened, called_anew, acknowledged, confirmed, moved, handed_over, acknowledgement_timed_out
    or closed."""
    by: str | None
    note: str | None


class IncidentDetail(IncidentItem):
    """One incident with what belongs to it."""

    alarm_items: list[AlarmItem]
    work_order_ids: list[int]
    policy: str | None
    """Key of the escalation policy that it opened with; null when there was nobody to call."""
    steps: list[StepItem]
    changes: list[IncidentChangeItem]


_PAGES = PageOf(IncidentItem)


def _fields(row: Any) -> dict[str, Any]:  # noqa: ANN401 (a row of INCIDENTS)
    fields = INCIDENTS.fields(row)
    is_open = fields["closed_at"] is None
    fields["state"] = "open" if is_open else "closed"
    fields["actions"] = ["acknowledge"] if is_open and fields["acknowledged_at"] is None else []
    return fields


@router.get("", operation_id="list_incidents", response_model=_PAGES.model)
def list_incidents_(
    use: Use,
    caller: PlantReader,
    *,
    state: Annotated[IncidentFilter, Query(description="Which ones.")] = IncidentFilter.OPEN,
    equipment: Annotated[str | None, Query(max_length=200, description="Id or key.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List incidents, newest first."""

    def read(session: Session) -> Found:
        of = equipment_id(session, equipment, caller.scope)
        return list_incidents(
            session,
            state=state,
            equipment_id=of,
            scope=caller.scope,
            cursor=cursor,
            limit=limit,
        )

    return _PAGES.answer(use.records.read(read), _fields)


@router.get("/{incident_id}", operation_id="get_incident", responses=problems(404))
def get_incident_(incident_id: RowId, use: Use, caller: PlantReader) -> IncidentDetail:
    """Show one incident: its alarms and orders, who was notified and who answered."""

    def read(session: Session) -> IncidentDetail:
        require_visible(session, Incident, incident_id, "incident", caller.scope)
        return _detail(session, get_incident(session, incident_id))

    return use.records.read(read)


@router.post("/{incident_id}/acknowledge", responses=problems(403, 404))
def acknowledge_incident_(
    incident_id: RowId, use: Use, caller: Acknowledger, body: Acknowledgement | None = None
) -> IncidentDetail:
    """Acknowledge it: the escalation ends, and its alarms are acknowledged too."""
    words = None if body is None else body.comment

    def change(session: Session) -> IncidentDetail:
        now = use.clock.now_ms()
        require_visible(session, Incident, incident_id, "incident", caller.scope)
        row = acknowledge_incident(session, incident_id, by=caller.name, comment=words, now=now)
        return _detail(session, row)

    return use.records.write(change)


def incident_items(session: Session, ids: Sequence[int]) -> list[IncidentItem]:
    """Show incidents in the order of their ids as given."""
    found = {row.id: row for row in INCIDENTS.all(session, ids=list(ids))}
    return [IncidentItem.model_validate(_fields(found[one])) for one in ids if one in found]


def _detail(session: Session, row: Incident) -> IncidentDetail:
    (item,) = INCIDENTS.all(session, id=row.id)
    orders = select(WorkOrder.id).where(WorkOrder.incident_id == row.id)
    return IncidentDetail(
        **dict(IncidentItem.model_validate(_fields(item))),
        alarm_items=alarm_items(session, alarms_of(session, row.id)),
        work_order_ids=list(session.scalars(orders.order_by(WorkOrder.id))),
        policy=None if row.policy is None else row.policy["key"],
        steps=_steps(session, row.id),
        changes=[
            IncidentChangeItem.model_validate(one, from_attributes=True)
            for one in changes_of(session, row.id)
        ],
    )


def _steps(session: Session, incident_id: int) -> list[StepItem]:
    query = select(Message).where(Message.incident_id == incident_id).order_by(Message.id)
    messages = session.scalars(query).all()
    return [
        StepItem(
            number=step.number,
            round=step.round,
            who=step.who["who"],
            due_at=step.due_at,
            state=step.state,
            ran_at=step.ran_at,
            notified=[
                _receiver_item(person, one["name"], message)
                for person, one in step.notified.items()
                for message in messages
                # What another channel of the person carries has the first one's key as its start.
                if message.key == one["key"] or message.key.startswith(one["key"] + "/")
            ],
        )
        for step in steps_of(session, incident_id)
    ]


def _receiver_item(person: str, name: str, message: Message) -> ReceiverItem:
    return ReceiverItem(
        person=person,
        name=name,
        message_id=message.id,
        channel=message.channel,
        state=message.state,
        attempts=message.attempts,
        last_error=without_address(message),
        sent_at=message.sent_at,
    )

"""/incidents: alarms of one equipment and cause, which people are told of once."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.classes import Severity
from server.alarms.model import Alarm
from server.api.alarms import AlarmItem, alarm_items
from server.api.context import PAGE, Cursor, Limit, RowId, Use, problems
from server.api.lookup import equipment_by_id, find_equipment
from server.api.shapes import Instant, OfEquipment, columns_of, of_equipment
from server.core.paging import Page
from server.incidents.model import Incident
from server.incidents.service import alarms_of, get_incident, list_incidents
from server.workorders.model import WorkOrder

router = APIRouter(prefix="/incidents", tags=["incidents"], responses=problems())


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
    alarms: int
    """How many alarms belong to it, closed ones included."""


class IncidentDetail(IncidentItem):
    """One incident with what belongs to it."""

    alarm_items: list[AlarmItem]
    work_order_ids: list[int]


def _items(session: Session, rows: Sequence[Incident]) -> list[IncidentItem]:
    equipment = equipment_by_id(session, (row.equipment_id for row in rows))
    ids = [row.id for row in rows]
    query = (
        select(Alarm.incident_id, func.count())
        .where(Alarm.incident_id.in_(ids))
        .group_by(Alarm.incident_id)
    )
    counts = {row[0]: row[1] for row in session.execute(query)}
    return [
        IncidentItem.model_validate(
            columns_of(row)
            | of_equipment(equipment[row.equipment_id])
            | {
                "state": "open" if row.closed_at is None else "closed",
                "alarms": counts.get(row.id, 0),
            }
        )
        for row in rows
    ]


@router.get("", operation_id="list_incidents")
def list_incidents_(
    use: Use,
    *,
    state: Annotated[IncidentFilter, Query(description="Which ones.")] = IncidentFilter.OPEN,
    equipment: Annotated[str | None, Query(max_length=200, description="Id or key.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[IncidentItem]:
    """List incidents, newest first."""

    def read(session: Session) -> Page[IncidentItem]:
        of = None if equipment is None else find_equipment(session, equipment).id
        rows, following = list_incidents(
            session, state=state, equipment_id=of, cursor=cursor, limit=limit
        )
        return Page(items=_items(session, rows), next_cursor=following)

    return use.records.read(read)


@router.get("/{incident_id}", operation_id="get_incident", responses=problems(404))
def get_incident_(incident_id: RowId, use: Use) -> IncidentDetail:
    """Show one incident with its alarms and work orders."""

    def read(session: Session) -> IncidentDetail:
        row = get_incident(session, incident_id)
        orders = select(WorkOrder.id).where(WorkOrder.incident_id == incident_id)
        return IncidentDetail(
            **dict(_items(session, [row])[0]),
            alarm_items=alarm_items(session, alarms_of(session, incident_id)),
            work_order_ids=list(session.scalars(orders.order_by(WorkOrder.id))),
        )

    return use.records.read(read)

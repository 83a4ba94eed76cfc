"""/alarms/{id}/<verb> and /equipment/{id}/<verb>: putting alarms aside and taking them back."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy.orm import Session

from server.alarming.announcements import AlarmNotifier
from server.alarming.operator_actions import OperatorActions
from server.alarms.service import get_alarm
from server.alarms.suppression.outages import Outages
from server.api.alarms import AlarmDetail, alarm_detail
from server.api.context import Caller, RowId, Services, Use, problems
from server.api.equipment import EquipmentItem, equipment_item, require_unchanged
from server.api.etag import IfMatch, set_etag
from server.api.lookup import get_or_404
from server.api.shapes import InstantIn
from server.api.strict import Body
from server.assets.model import Equipment
from server.assets.presence import end_retirement

router = APIRouter(tags=["alarms"], responses=problems())

Reason = Annotated[str, Field(min_length=1, max_length=500)]


class Shelving(Body):
    """Why an alarm is put aside, and for how long."""

    until: InstantIn
    """The severity limits it: alarms.shelve of the server file."""
    reason: Reason


class TakingOut(Body):
    """Why equipment is out of service, and for how long."""

    until: InstantIn
    reason: Reason


class Retiring(Body):
    """Why equipment is gone for good."""

    reason: Reason


@router.post("/alarms/{alarm_id}/shelve", responses=problems(403, 404, 409))
def shelve_alarm(alarm_id: RowId, use: Use, caller: Caller, body: Shelving) -> AlarmDetail:
    """Put an alarm aside for a while; it announces itself again if it is still on then."""

    def change(session: Session) -> AlarmDetail:
        row = _handling(use).shelve(
            session,
            alarm_id,
            until=body.until,
            reason=body.reason,
            by=caller.name,
            now=use.clock.now_ms(),
        )
        return alarm_detail(session, row)

    return use.records.write(change)


@router.post("/alarms/{alarm_id}/unshelve", responses=problems(403, 404))
def unshelve_alarm(alarm_id: RowId, use: Use, caller: Caller) -> AlarmDetail:
    """Take an alarm back before its time; repeating it changes nothing."""

    def change(session: Session) -> AlarmDetail:
        row = get_alarm(session, alarm_id, lock=True)
        if row.shelved_until_at is not None:
            _handling(use).unshelve(session, row, by=caller.name, now=use.clock.now_ms())
        return alarm_detail(session, row)

    return use.records.write(change)


@router.post("/alarms/{alarm_id}/reset", responses=problems(403, 404, 409))
def reset_alarm(alarm_id: RowId, use: Use, caller: Caller) -> AlarmDetail:
    """Release the latch of an alarm that has returned."""

    def change(session: Session) -> AlarmDetail:
        row = _handling(use).reset(session, alarm_id, by=caller.name, now=use.clock.now_ms())
        return alarm_detail(session, row)

    return use.records.write(change)


@router.post("/equipment/{equipment_id}/out-of-service", responses=problems(403, 404, 409, 412))
def take_out_of_service(
    equipment_id: RowId,
    use: Use,
    caller: Caller,
    response: Response,
    body: TakingOut,
    *,
    if_match: IfMatch = None,
) -> EquipmentItem:
    """Hide the alarms of equipment that is being maintained; those of life safety stay."""

    def change(session: Session, row: Equipment, now: int) -> None:
        _handling(use).take_out(
            session, row, until=body.until, reason=body.reason, by=caller.name, now=now
        )

    return _changed(use, equipment_id, change, if_match=if_match, response=response)


@router.post("/equipment/{equipment_id}/in-service", responses=problems(403, 404, 412))
def put_in_service(
    equipment_id: RowId, use: Use, caller: Caller, response: Response, *, if_match: IfMatch = None
) -> EquipmentItem:
    """End the maintenance: what is still wrong announces itself; repeating it changes nothing."""

    def change(session: Session, row: Equipment, now: int) -> None:
        _handling(use).put_in(session, row, by=caller.name, now=now)

    return _changed(use, equipment_id, change, if_match=if_match, response=response)


@router.post("/equipment/{equipment_id}/retire", responses=problems(403, 404, 409, 412))
def retire_equipment(
    equipment_id: RowId,
    use: Use,
    caller: Caller,
    response: Response,
    body: Retiring,
    *,
    if_match: IfMatch = None,
) -> EquipmentItem:
    """Retire equipment that is gone for good: its alarms end, its history stays.

    A gateway takes what hangs on it along. What answers again comes back by itself. Repeating it
    changes nothing.
    """

    def change(session: Session, row: Equipment, now: int) -> None:
        _handling(use).retire(session, row, reason=body.reason, by=caller.name, now=now)

    return _changed(use, equipment_id, change, if_match=if_match, response=response)


@router.post("/equipment/{equipment_id}/restore", responses=problems(403, 404, 412))
def restore_equipment(
    equipment_id: RowId, use: Use, caller: Caller, response: Response, *, if_match: IfMatch = None
) -> EquipmentItem:
    """Take back a retirement; repeating it changes nothing."""

    def change(session: Session, row: Equipment, now: int) -> None:
        end_retirement(session, row, by=caller.name, now=now)

    return _changed(use, equipment_id, change, if_match=if_match, response=response)


def _changed(
    use: Services,
    equipment_id: int,
    change: Callable[[Session, Equipment, int], None],
    *,
    if_match: str | None,
    response: Response,
) -> EquipmentItem:
    """Change equipment if it is as the caller knows it; the ETag is its new version."""

    def work(session: Session) -> EquipmentItem:
        row = get_or_404(session, Equipment, equipment_id, "equipment", lock=True)
        require_unchanged(row, if_match)
        change(session, row, use.clock.now_ms())
        return equipment_item(row)

    item = use.records.write(work)
    set_etag(response, item.version)
    return item


def _handling(use: Services) -> OperatorActions:
    alarms = use.settings.alarms
    notifier = AlarmNotifier(use.settings.messages, alarms)
    return OperatorActions(notifier, alarms, outages=Outages(alarms))

"""/alarms/{id}/<verb> and /equipment/{id}/<verb>: putting alarms aside and taking them back."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Response
from sqlalchemy.orm import Session

from server.access.principal import Principal
from server.access.roles import Permission
from server.access.scope import Scope
from server.alarming.announcements import AlarmNotifier
from server.alarming.operator_actions import OperatorActions
from server.alarms.model import Alarm
from server.alarms.suppression.outages import Outages
from server.api.alarms import AlarmDetail, alarm_detail, visible_alarm
from server.api.context import RowId, Services, Use, problems
from server.api.equipment import EquipmentItem, equipment_item, require_unchanged
from server.api.etag import IfMatch, set_etag
from server.api.lookup import get_or_404
from server.api.rights import may
from server.api.router import api_router
from server.api.shapes import InstantIn, Reason
from server.api.strict import Body
from server.api.visible import require_visible
from server.assets.model import Equipment
from server.assets.presence import end_retirement

router = api_router(tag="alarms", responses=problems())

Handler = Annotated[Principal, may(Permission.ALARMS_HANDLE)]
Servicer = Annotated[Principal, may(Permission.EQUIPMENT_SERVICE)]
Retirer = Annotated[Principal, may(Permission.EQUIPMENT_RETIRE)]


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
def shelve_alarm(alarm_id: RowId, use: Use, caller: Handler, body: Shelving) -> AlarmDetail:
    """Put an alarm aside for a while; it announces itself again if it is still on then."""

    def change(session: Session) -> AlarmDetail:
        require_visible(session, Alarm, alarm_id, "alarm", caller.scope)
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
def unshelve_alarm(alarm_id: RowId, use: Use, caller: Handler) -> AlarmDetail:
    """Take an alarm back before its time; repeating it changes nothing."""

    def change(session: Session) -> AlarmDetail:
        row = visible_alarm(session, alarm_id, caller.scope, lock=True)
        if row.shelved_until_at is not None:
            _handling(use).unshelve(session, row, by=caller.name, now=use.clock.now_ms())
        return alarm_detail(session, row)

    return use.records.write(change)


@router.post("/alarms/{alarm_id}/reset", responses=problems(403, 404, 409))
def reset_alarm(alarm_id: RowId, use: Use, caller: Handler) -> AlarmDetail:
    """Release the latch of an alarm that has returned."""

    def change(session: Session) -> AlarmDetail:
        require_visible(session, Alarm, alarm_id, "alarm", caller.scope)
        row = _handling(use).reset(session, alarm_id, by=caller.name, now=use.clock.now_ms())
        return alarm_detail(session, row)

    return use.records.write(change)


@router.post("/equipment/{equipment_id}/out-of-service", responses=problems(403, 404, 409, 412))
def take_out_of_service(
    equipment_id: RowId,
    use: Use,
    caller: Servicer,
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

    return _changed(use, equipment_id, caller.scope, change, if_match=if_match, response=response)


@router.post("/equipment/{equipment_id}/in-service", responses=problems(403, 404, 412))
def put_in_service(
    equipment_id: RowId, use: Use, caller: Servicer, response: Response, *, if_match: IfMatch = None
) -> EquipmentItem:
    """End the maintenance: what is still wrong announces itself; repeating it changes nothing."""

    def change(session: Session, row: Equipment, now: int) -> None:
        _handling(use).put_in(session, row, by=caller.name, now=now)

    return _changed(use, equipment_id, caller.scope, change, if_match=if_match, response=response)


@router.post("/equipment/{equipment_id}/retire", responses=problems(403, 404, 409, 412))
def retire_equipment(
    equipment_id: RowId,
    use: Use,
    caller: Retirer,
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

    return _changed(use, equipment_id, caller.scope, change, if_match=if_match, response=response)


@router.post("/equipment/{equipment_id}/restore", responses=problems(403, 404, 412))
def restore_equipment(
    equipment_id: RowId, use: Use, caller: Retirer, response: Response, *, if_match: IfMatch = None
) -> EquipmentItem:
    """Take back a retirement; repeating it changes nothing."""

    def change(session: Session, row: Equipment, now: int) -> None:
        end_retirement(session, row, by=caller.name, now=now)

    return _changed(use, equipment_id, caller.scope, change, if_match=if_match, response=response)


def _changed(
    use: Services,
    equipment_id: int,
    scope: Scope,
    change: Callable[[Session, Equipment, int], None],
    *,
    if_match: str | None,
    response: Response,
) -> EquipmentItem:
    """Change equipment if it is as the caller knows it; the ETag is its new version."""

    def work(session: Session) -> EquipmentItem:
        row = get_or_404(session, Equipment, equipment_id, "equipment", scope, lock=True)
        require_unchanged(row, if_match)
        change(session, row, use.clock.now_ms())
        return equipment_item(session, row)

    item = use.records.write(work)
    set_etag(response, item.version)
    return item


def _handling(use: Services) -> OperatorActions:
    alarms = use.settings.alarms
    notifier = AlarmNotifier(use.settings.messages, alarms, use.settings.work_orders)
    return OperatorActions(notifier, alarms, outages=Outages(alarms))

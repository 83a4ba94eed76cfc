"""/ledger/import: contractors, rooms and the particulars of equipment from Excel."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlalchemy.orm import Session

from server.access.scope import Place
from server.api.context import Use, problems
from server.api.ledger_contractors import save_contractors
from server.api.lookup import site_id as site_id_of
from server.api.rooms import LedgerWriter, contractors_of
from server.api.router import api_router
from server.assets.ledger_import import import_ledger
from server.assets.workbook import CellError, read_ledger_workbook
from server.core.problem import FieldProblem, FieldsError
from server.people.channels import channel_names

router = api_router(tag="ledger", responses=problems(404))

_MOST_ERRORS = 100
"""So many mistakes are listed."""
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_RAW: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {_XLSX: {"schema": {"type": "string", "format": "binary"}}},
    }
}


class ImportItem(BaseModel):
    """What an import wrote, or would write."""

    contractors: int
    rooms: int
    equipment: int
    written: bool


@router.post("/ledger/import", responses=problems(403, 413), openapi_extra=_RAW)
async def import_ledger_(
    request: Request,
    use: Use,
    caller: LedgerWriter,
    *,
    site: Annotated[str, Query(max_length=64, description="Key of the estate.")],
    dry_run: Annotated[bool, Query(description="True: only say what is wrong.")] = False,
) -> ImportItem:
    """Read contractors, rooms and equipment from an Excel workbook; the body is the file.

    Sheets are contractors (单位), rooms (房间) and equipment (设备), their columns as
    docs/ledger.md says. With any mistake nothing is written; ``errors`` names sheet, row and
    column of each.
    """
    content = await request.body()

    def work() -> ImportItem:
        use.records.read(lambda session: site_id_of(session, site, caller.scope))
        ledger = read_ledger_workbook(content)

        def change(session: Session) -> ImportItem:
            now = use.clock.now_ms()
            wrong = save_contractors(
                session, ledger, caller, channels=channel_names(use.settings.messages), now=now
            )
            found = import_ledger(
                session,
                ledger,
                site_id_of(session, site, caller.scope),
                contractors=contractors_of(session),
                may_see=lambda one: caller.scope.has(Place(site, one.equipment_class, one.key)),
                by=caller.name,
                now=now,
            )
            if errors := [*wrong, *found.errors]:
                raise _refusal(errors)
            item = ImportItem(
                contractors=len(ledger.contractors),
                rooms=found.rooms,
                equipment=found.equipment,
                written=not dry_run,
            )
            if dry_run:
                raise _OnlyTriedError(item)
            return item

        try:
            return use.records.write(change)
        except _OnlyTriedError as tried:
            return tried.found

    return await run_in_threadpool(work)


class _OnlyTriedError(Exception):
    """Takes back what a trial has written."""

    def __init__(self, found: ImportItem) -> None:
        super().__init__()
        self.found = found


def _refusal(errors: Sequence[CellError]) -> FieldsError:
    fields = [
        FieldProblem(field=f"{one.sheet}, row {one.row}, column {one.column}", message=one.message)
        for one in errors[:_MOST_ERRORS]
    ]
    first = fields[0]
    more = f" ({len(errors)} mistakes in all)" if len(errors) > 1 else ""
    return FieldsError(fields, f"{first.field}: {first.message}{more}; nothing was written")

"""Contractors of a workbook become persons of the records, who get orders."""

import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from config.base import Identifier
from config.classes import Trade
from config.people import PersonSettings
from server.access.principal import Principal
from server.access.rights import require
from server.access.roles import Permission
from server.assets.workbook import CellError, Ledger, Line
from server.core.errors import InvalidError
from server.people.channels import Channels
from server.people.service import PERSONS, load_directory, save

_TRADES: Final = {
    **{str(one): one for one in Trade},
    "暖通": Trade.HEATING,
    "电气": Trade.ELECTRICAL,
    "给排水": Trade.PLUMBING,
    "电梯": Trade.LIFT,
    "消防": Trade.FIRE,
    "弱电": Trade.LOW_VOLTAGE,
    "土建": Trade.BUILDING,
}
_KEY: Final[TypeAdapter[str]] = TypeAdapter(Identifier)


def save_contractors(
    session: Session, ledger: Ledger, caller: Principal, *, channels: Channels, now: int
) -> list[CellError]:
    """Write the contractors of a workbook; return what is wrong with them.

    Raises:
        ForbiddenError: There are some, and the caller may not change persons.
    """
    if not ledger.contractors:
        return []
    require(caller, Permission.PEOPLE_WRITE)
    known = load_directory(session).people.persons
    errors: list[CellError] = []
    for line in ledger.contractors:
        before = known.get(line.values["key"])
        found = list(_problems(line, before))
        if not found:
            name = before.name if before is not None else ""
            body = PersonSettings.model_validate({"name": name} | _said(line))
            try:
                save(
                    session,
                    PERSONS,
                    line.values["key"],
                    body,
                    by=caller.name,
                    now=now,
                    channels=channels,
                )
            except InvalidError as error:
                found.append(("key", str(error)))
        errors += [_error(ledger, line, field, message) for field, message in found]
    return errors


def _problems(line: Line, before: PersonSettings | None) -> Iterator[tuple[str, str]]:
    key = line.values["key"]
    if before is not None and before.role != "contractor":
        yield "key", f"{key!r} is a person of the house: {before.role}"
    if before is None and "name" not in line.values:
        yield "name", "empty"
    for word in _words(line):
        if word not in _TRADES:
            yield "trades", f"no trade {word!r}; there are: {', '.join(_TRADES)}"
            return
    try:
        _KEY.validate_python(key)
        PersonSettings.model_validate({"name": key} | _said(line))
    except ValidationError as error:
        for one in error.errors():
            yield str(one["loc"][0]) if one["loc"] else "key", one["msg"]


def _said(line: Line) -> dict[str, Any]:
    said: dict[str, Any] = {
        name: line.values[name] for name in ("name", "phone") if name in line.values
    }
    if "trades" in line.values:
        said["trades"] = [_TRADES[word] for word in _words(line)]
    return said | {"role": "contractor"}


def _words(line: Line) -> list[str]:
    return [one for one in re.split(r"[,，、;；\s]+", line.values.get("trades", "")) if one]  # noqa: RUF001


def _error(ledger: Ledger, line: Line, field: str, message: str) -> CellError:
    column = ledger.columns.get(("contractors", field), field)
    return CellError("contractors", line.row, column, message)

"""To whom a new order goes: builder in warranty, contractor under contract, duty; pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from config.people import SHANGHAI
from config.work_orders import ServiceHours
from server.people.directory import Directory
from server.people.duty import local
from server.workorders.hours import service_spans

_ZONE = ZoneInfo(SHANGHAI)


class Why(StrEnum):
    """Why somebody gets an order."""

    WARRANTY = "warranty"
    CONTRACT = "contract"
    DUTY = "duty"


class Care(NamedTuple):
    """Who looks after a piece of equipment."""

    warranty_until: str | None = None
    builder: str | None = None
    contractor: str | None = None
    contract_from: str | None = None
    contract_until: str | None = None
    contract_hours: ServiceHours | None = None


class Route(NamedTuple):
    """Who gets an order, and why."""

    person: str
    why: Why


def route(
    care: Care,
    directory: Directory,
    *,
    site: str,
    trade: str,
    at: int,
    load: Mapping[str, int],
    to_duty: bool,
) -> Route | None:
    """Return who gets an order that opens now; None when whoever is called accepts it.

    Args:
        care: Of the equipment.
        directory: Who works here.
        site: Key of the estate.
        trade: Whose work it is.
        at: UTC ms.
        load: Open orders by person.
        to_duty: Whether those on duty are given orders.
    """
    persons = directory.people.persons
    day = local(at, _ZONE).date()
    if care.builder in persons and _until(care.warranty_until, day):
        return Route(str(care.builder), Why.WARRANTY)
    if care.contractor in persons and _under_contract(care, day, at):
        return Route(str(care.contractor), Why.CONTRACT)
    present = directory.on_duty(site, trade, at) if to_duty else []
    able = of_trade(directory, present, trade)
    if not able:
        return None
    return Route(min(able, key=lambda one: load.get(one, 0)), Why.DUTY)


def of_trade(directory: Directory, present: Sequence[str], trade: str) -> Sequence[str]:
    """Return those who repair that; where none does, everybody who is there."""
    persons = directory.people.persons
    able = [one for one in present if not persons[one].trades or trade in persons[one].trades]
    return able or present


def _under_contract(care: Care, day: date, at: int) -> bool:
    begun = care.contract_from is None or date.fromisoformat(care.contract_from) <= day
    if not begun or (care.contract_until is not None and not _until(care.contract_until, day)):
        return False
    if care.contract_hours is None:
        return True
    start, end = next(service_spans(care.contract_hours, at))
    return start <= at < end


def _until(last: str | None, day: date) -> bool:
    return last is not None and day <= date.fromisoformat(last)

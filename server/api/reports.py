"""/reports: the figures of a month, and the orders behind each number."""

from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Annotated, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from server.access.principal import Principal
from server.access.roles import Permission
from server.access.scope import Scope
from server.api.context import PAGE, Cursor, Limit, Services, Use, problems
from server.api.order_shapes import OrderItem
from server.api.rights import may
from server.api.router import api_router
from server.api.shapes import Instant
from server.api.visible import require_site, visible
from server.api.workorders import order_items
from server.assets.model import Equipment, Site
from server.core.errors import NotFoundError
from server.core.paging import Page, decode_cursor, encode_cursor
from server.core.problem import FieldError
from server.people.duty import local
from server.reports.records import IN_ORDER, OfEquipment, equipment_at, facts
from server.reports.repairs import (
    DEFINITIONS,
    Definition,
    Figure,
    Month,
    Ratio,
    RepairFacts,
    month_of,
    ratio,
)
from server.workorders.model import WorkOrder

router = api_router(prefix="/reports", tag="reports", responses=problems(404))

_YEARS = range(2000, 3000)
_ROUTE = "/api/v1/reports/repairs/orders"


class AnyFigure(StrEnum):
    """What management is judged by."""

    ON_TIME = "on_time"
    PASSED = "passed"
    CALLED_BACK = "called_back"
    SATISFIED = "satisfied"
    IN_ORDER = "in_order"


FiguresReader = Annotated[Principal, may(Permission.FIGURES_READ)]
SiteKey = Annotated[
    str | None, Query(max_length=64, description="Key of an estate; default: all of them.")
]
MonthText = Annotated[
    str | None,
    Query(
        pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$",
        description="YYYY-MM in the time zone of work_orders.service_hours; default: this month.",
    ),
]


class Part(StrEnum):
    """Which of the counted repairs a list shows."""

    MET = "met"
    MISSED = "missed"


class FigureItem(BaseModel):
    """One figure: what it is, what it should be, what it is made of."""

    figure: AnyFigure
    name_en: str
    name_zh: str
    definition_en: str
    definition_zh: str
    target: float
    met: int
    """Repairs that met it; of equipment in good order: pieces of equipment."""
    missed: int
    rate: float | None
    """met of all that count, 0 to 1; null when nothing does."""
    orders_met: str | None
    """Address of the list of exactly these orders; null for equipment without a repair."""
    orders_missed: str


class RepairReport(BaseModel):
    """The figures of one month."""

    site: str | None
    month: str
    start: Instant
    end: Instant
    figures: list[FigureItem]


class OrdersOfFigure(Page[OrderItem]):
    """The orders behind a number; one with several repairs is there once for each."""


class Asked(NamedTuple):
    """Whose month a report is about."""

    orders: ColumnElement[bool]
    equipment: ColumnElement[bool]
    name: str
    month: Month
    now: int


class Counted:
    """What a month's figures count; the records are read once, whatever is asked of them."""

    def __init__(self, session: Session, asked: Asked) -> None:
        self.asked = asked
        self._session = session

    @cached_property
    def equipment(self) -> OfEquipment:
        """The equipment at the end of the month, or now."""
        asked = self.asked
        end = min(asked.month.end - 1, asked.now)
        return equipment_at(self._session, asked.equipment, asked.orders, end)

    def ratio(self, figure: Figure) -> Ratio:
        """Return the repairs that a figure counts."""
        return ratio(figure, self._repairs, self.asked.month, now=self.asked.now)

    def orders(self, figure: AnyFigure, part: Part) -> list[int]:
        """Return the ids of exactly the orders that a number counts."""
        if figure == AnyFigure.IN_ORDER:
            return list(self.equipment.orders) if part is Part.MISSED else []
        found = self.ratio(Figure(figure.value))
        return [one.order_id for one in (found.met if part is Part.MET else found.missed)]

    @cached_property
    def _repairs(self) -> list[RepairFacts]:
        asked = self.asked
        return facts(self._session, asked.orders, asked.month, now=asked.now)


@router.get("/repairs")
def get_repair_report(
    use: Use, caller: FiguresReader, *, site: SiteKey = None, month: MonthText = None
) -> RepairReport:
    """Show the figures of a month, each with its definition and the orders behind it."""

    def read(session: Session) -> RepairReport:
        return report_of(Counted(session, asked_of(use, session, caller.scope, site, month)), site)

    return use.records.read(read)


def report_of(counted: Counted, site: str | None) -> RepairReport:
    """Return the figures of a month."""
    asked = counted.asked
    figures = [
        _item(
            AnyFigure(figure.value),
            DEFINITIONS[figure],
            *_counts(counted.ratio(figure)),
            site=site,
            month=asked.name,
        )
        for figure in Figure
    ]
    good = _item(
        AnyFigure.IN_ORDER,
        IN_ORDER,
        counted.equipment.good,
        counted.equipment.bad,
        site=site,
        month=asked.name,
    )
    return RepairReport(
        site=site,
        month=asked.name,
        start=asked.month.start,
        end=asked.month.end,
        figures=[*figures, good],
    )


@router.get("/repairs/orders")
def list_orders_of_figure(
    use: Use,
    caller: FiguresReader,
    *,
    figure: Annotated[AnyFigure, Query(description="The figure.")],
    part: Annotated[Part, Query(description="Those that met it, or missed it.")] = Part.MISSED,
    site: SiteKey = None,
    month: MonthText = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> OrdersOfFigure:
    """List exactly the orders that a number of the report counts."""
    start = 0 if cursor is None else int(decode_cursor(cursor, int))

    def read(session: Session) -> OrdersOfFigure:
        asked = asked_of(use, session, caller.scope, site, month)
        ids = Counted(session, asked).orders(figure, part)
        end = start + limit
        return OrdersOfFigure(
            items=order_items(session, ids[start:end]),
            next_cursor=encode_cursor(end) if end < len(ids) else None,
        )

    return use.records.read(read)


def asked_of(
    use: Services, session: Session, scope: Scope, site: str | None, month: str | None
) -> Asked:
    """Return what a request for a month's figures is about.

    Raises:
        FieldError: The month is none.
        NotFoundError: There is no such estate for this caller.
    """
    zone = ZoneInfo(use.settings.work_orders.service_hours.time_zone)
    now = use.clock.now_ms()
    name = month or f"{local(now, zone):%Y-%m}"
    first = date.fromisoformat(f"{name}-01")
    if first.year not in _YEARS:
        raise FieldError("query.month", "a month from 2000-01 to 2999-12")
    orders, equipment = visible(WorkOrder, scope), visible(Equipment, scope)
    if site is not None:
        require_site(session, site, scope)
        site_id = session.scalar(select(Site.id).where(Site.key == site))
        if site_id is None:
            raise NotFoundError(f"no site {site!r}")
        orders &= WorkOrder.site_id == site_id
        equipment &= Equipment.site_id == site_id
    return Asked(orders, equipment, name, month_of(first, zone), now)


def _counts(found: Ratio) -> tuple[int, int]:
    return len(found.met), len(found.missed)


def _item(
    figure: AnyFigure,
    definition: Definition,
    met: int,
    missed: int,
    *,
    site: str | None,
    month: str,
) -> FigureItem:
    def address(part: Part) -> str:
        of = {"figure": figure.value, "part": part.value, "month": month}
        return f"{_ROUTE}?{urlencode(of if site is None else of | {'site': site})}"

    return FigureItem(
        figure=figure,
        name_en=definition.name_en,
        name_zh=definition.name_zh,
        definition_en=definition.text_en,
        definition_zh=definition.text_zh,
        target=definition.target,
        met=met,
        missed=missed,
        rate=met / (met + missed) if met + missed else None,
        orders_met=None if figure == AnyFigure.IN_ORDER else address(Part.MET),
        orders_missed=address(Part.MISSED),
    )

"""/reports/alarms: the quality of a month's alarms, and the alarms behind each number."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alarms.figures import (
    BIN_MS,
    Announced,
    Figures,
    Flooding,
    announced,
    count_sites,
    figures_of,
    ids_of,
    stale,
)
from server.alarms.model import Alarm
from server.api.alarms import AlarmItem, alarm_items
from server.api.context import PAGE, Cursor, Limit, Services, Use, problems
from server.api.reports import Asked, FiguresReader, MonthText, SiteKey, asked_of
from server.api.router import api_router
from server.api.shapes import Instant
from server.core.paging import Page, decode_cursor, encode_cursor
from server.reports.alarms import (
    ALARM_DEFINITIONS,
    AlarmFigure,
    Unit,
    announcements_of,
    value_of,
)

router = api_router(prefix="/reports/alarms", tag="reports", responses=problems(404))

_ROUTE = "/api/v1/reports/alarms/counted"


class AlarmFigureItem(BaseModel):
    """One figure: what it is, what it should be, what it counts."""

    figure: AlarmFigure
    name_en: str
    name_zh: str
    definition_en: str
    definition_zh: str
    unit: Unit
    value: float | None
    """A share is 0 to 1; null when there is nothing that it could be of."""
    at_most: float | None
    """Beyond it the figure is not met; null: it is for information."""
    met: bool | None
    counted: int
    """How many lines the list behind it has."""
    list: str
    """Address of the list of exactly what it counts."""


class AlarmReport(BaseModel):
    """The figures of one month, up to now."""

    site: str | None
    month: str
    start: Instant
    end: Instant
    sites: int
    """Whose figures these are."""
    operators: int
    """People who watch one estate."""
    figures: list[AlarmFigureItem]


class CountedAlarm(BaseModel):
    """One line behind a number."""

    at: Instant
    """When people were told; of those that nobody was told of: when it was raised."""
    severity: str
    """As it was then."""
    alarm: AlarmItem


class CountedAlarms(Page[CountedAlarm]):
    """What a number counts; an alarm that was announced twice is there twice."""


class AlarmMonth(NamedTuple):
    """Everything that is known of a month's alarms."""

    asked: Asked
    found: Sequence[Announced]
    made: Figures
    flooding: Flooding
    start: int
    end: int
    sites: int
    operators: int


@router.get("")
def get_alarm_report(
    use: Use, caller: FiguresReader, *, site: SiteKey = None, month: MonthText = None
) -> AlarmReport:
    """Show how well the alarms of a month serve people, each figure with its definition."""
    return use.records.read(
        lambda session: alarm_report_of(
            session,
            read_month(use, session, asked_of(use, session, caller.scope, site, month)),
            site,
        )
    )


@router.get("/counted")
def list_counted_alarms(
    use: Use,
    caller: FiguresReader,
    *,
    figure: Annotated[AlarmFigure, Query(description="The figure.")],
    site: SiteKey = None,
    month: MonthText = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> CountedAlarms:
    """List exactly what a figure of the report counts, oldest first."""
    start = 0 if cursor is None else int(decode_cursor(cursor, int))

    def read(session: Session) -> CountedAlarms:
        asked = asked_of(use, session, caller.scope, site, month)
        lines = _behind(session, read_month(use, session, asked), figure)
        end = start + limit
        return CountedAlarms(
            items=_shown(session, lines[start:end]),
            next_cursor=encode_cursor(end) if end < len(lines) else None,
        )

    return use.records.read(read)


def read_month(use: Services, session: Session, asked: Asked) -> AlarmMonth:
    """Read the announcements of a month up to now, and compute what they make."""
    settings = use.settings.alarms
    start = asked.month.start // BIN_MS * BIN_MS
    now = -(-asked.now // BIN_MS) * BIN_MS
    end = max(start + BIN_MS, min(-(-asked.month.end // BIN_MS) * BIN_MS, now))
    within = [asked.equipment]
    found = announced(session, start=start, end=end, within=within)
    flooding = Flooding(settings.flood_starts, settings.flood_ends)
    sites = max(1, count_sites(session, within=within))
    made = figures_of(
        found, start=start, end=end, operators=settings.operators, sites=sites, flooding=flooding
    )
    return AlarmMonth(asked, found, made, flooding, start, end, sites, settings.operators)


def alarm_report_of(session: Session, month: AlarmMonth, site: str | None) -> AlarmReport:
    """Return the figures of a month."""
    return AlarmReport(
        site=site,
        month=month.asked.name,
        start=month.start,
        end=month.end,
        sites=month.sites,
        operators=month.operators,
        figures=[_item(session, month, figure, site) for figure in AlarmFigure],
    )


def _item(
    session: Session, month: AlarmMonth, figure: AlarmFigure, site: str | None
) -> AlarmFigureItem:
    definition = ALARM_DEFINITIONS[figure]
    counted = len(_behind(session, month, figure))
    value = value_of(figure, month.made, counted)
    limit = definition.at_most
    of = {"figure": figure.value, "month": month.asked.name}
    return AlarmFigureItem(
        figure=figure,
        name_en=definition.name_en,
        name_zh=definition.name_zh,
        definition_en=definition.text_en,
        definition_zh=definition.text_zh,
        unit=definition.unit,
        value=value,
        at_most=limit,
        met=None if value is None or limit is None else value <= limit,
        counted=counted,
        list=f"{_ROUTE}?{urlencode(of if site is None else of | {'site': site})}",
    )


def _behind(
    session: Session, month: AlarmMonth, figure: AlarmFigure
) -> Sequence[tuple[int, int | None, str | None]]:
    """Return the alarms that a figure counts, with when people were told and how severe it was."""
    within = [month.asked.equipment]
    ids: list[int] = []
    match figure:
        case AlarmFigure.STALE:
            ids = stale(session, now=month.asked.now, within=within)
        case AlarmFigure.EXPLAINED:
            ids = ids_of(session, "explained", start=month.start, end=month.end, within=within)
        case AlarmFigure.ON_TRIAL:
            ids = ids_of(session, "on_trial", start=month.start, end=month.end, within=within)
        case AlarmFigure.FALSE:
            ids = ids_of(session, "false", start=month.start, end=month.end, within=within)
        case _:
            found = announcements_of(
                figure, month.found, start=month.start, flooding=month.flooding
            )
            return [(one.alarm_id, one.at, one.severity) for one in found]
    return [(one, None, None) for one in ids]


def _shown(
    session: Session, lines: Sequence[tuple[int, int | None, str | None]]
) -> list[CountedAlarm]:
    rows = session.scalars(select(Alarm).where(Alarm.id.in_({one for one, _, _ in lines}))).all()
    raised = {row.id: row.raised_at for row in rows}
    items = {one.id: one for one in alarm_items(session, rows)}
    return [
        CountedAlarm(
            at=raised[one] if at is None else at,
            severity=severity or items[one].severity,
            alarm=items[one],
        )
        for one, at, severity in lines
    ]

"""/reports/workbook: a month's figures and what they count, for Excel."""

from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import Query, Response
from sqlalchemy.orm import Session

from server.api.alarm_reports import AlarmReport, alarm_report_of, read_month
from server.api.context import Use, problems
from server.api.reports import (
    AnyFigure,
    Counted,
    FiguresReader,
    MonthText,
    Part,
    RepairReport,
    SiteKey,
    asked_of,
    report_of,
)
from server.api.router import api_router
from server.api.spreadsheet import WORKBOOK_ANSWER, Row, Sheet, workbook_answer
from server.api.workorders import order_items
from server.core.instant import rfc3339
from server.messages.receivers import Language
from server.reports.alarms import Unit

router = api_router(prefix="/reports", tag="reports", responses=problems(404))

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "repairs": ("维修指标", "Repairs"),
    "alarms": ("告警指标", "Alarms"),
    "orders": ("工单明细", "Orders"),
    "site": ("小区", "Estate"),
    "all": ("全部", "all"),
    "month": ("月份", "Month"),
    "figure": ("指标", "Figure"),
    "value": ("数值", "Value"),
    "target": ("目标", "Target"),
    "met": ("达标数", "Met"),
    "missed": ("未达标数", "Missed"),
    "counted": ("计入条数", "Counted"),
    "definition": ("定义", "Definition"),
    "order": ("工单", "Order"),
    "result": ("结果", "Result"),
    "what": ("内容", "What"),
    "equipment": ("设备", "Equipment"),
    "opened": ("开单时间", "Opened"),
    "state": ("状态", "State"),
    "at_most": ("不高于", "at most"),
}
_MOST_ORDERS: Final = 2000
"""Lines of the sheet of orders for each number."""


class _Book:
    """Writes the sheets in one language."""

    def __init__(
        self, session: Session, counted: Counted, site: str | None, language: Language
    ) -> None:
        self._session = session
        self._counted = counted
        self._site = site
        self._language = language

    def word(self, key: str) -> str:
        """Return a word in the language."""
        zh, en = _WORDS[key]
        return zh if self._language == "zh" else en

    def head(self, *keys: str) -> Row:
        """Return the first row of a table."""
        return [self.word(key) for key in keys]

    def of(self, thing: object, name: str) -> str:
        """Return the attribute ``name_zh`` or ``name_en``."""
        return str(getattr(thing, f"{name}_{self._language}") or "")

    def repairs(self, report: RepairReport) -> Sheet:
        """Return the figures of repairs."""
        head = self.head(
            "figure", "value", "target", "met", "missed", "definition", "site", "month"
        )
        rows = [
            [
                self.of(one, "name"),
                _percent(one.rate),
                _percent(one.target),
                one.met,
                one.missed,
                self.of(one, "definition"),
                *self._where(),
            ]
            for one in report.figures
        ]
        return Sheet(self.word("repairs"), self._percents(head), rows)

    def alarms(self, report: AlarmReport) -> Sheet:
        """Return the figures of alarms."""
        head = self.head("figure", "value", "at_most", "counted", "definition", "site", "month")
        rows = [
            [
                f"{self.of(one, 'name')}{' (%)' if one.unit is Unit.SHARE else ''}",
                _percent(one.value) if one.unit is Unit.SHARE else one.value,
                _percent(one.at_most) if one.unit is Unit.SHARE else one.at_most,
                one.counted,
                self.of(one, "definition"),
                *self._where(),
            ]
            for one in report.figures
        ]
        return Sheet(self.word("alarms"), head, rows)

    def orders(self, report: RepairReport) -> Sheet:
        """Return the orders that each number counts."""
        head = self.head("figure", "result", "order", "what", "equipment", "opened", "state")
        return Sheet(self.word("orders"), head, self._orders(report))

    def _orders(self, report: RepairReport) -> Iterator[Row]:
        for figure in report.figures:
            for part in Part:
                ids = self._counted.orders(AnyFigure(figure.figure), part)
                for one in order_items(self._session, ids[:_MOST_ORDERS]):
                    yield [
                        self.of(figure, "name"),
                        self.word(part.value),
                        one.id,
                        self.of(one, "title"),
                        one.equipment,
                        rfc3339(one.opened_at),
                        one.state,
                    ]

    def _where(self) -> Row:
        return [self._site or self.word("all"), self._counted.asked.name]

    def _percents(self, head: Row) -> Row:
        unit = " (%)"
        return [f"{one}{unit}" if index in {1, 2} else one for index, one in enumerate(head)]


@router.get("/workbook", response_class=Response, responses=WORKBOOK_ANSWER)
def get_report_workbook(
    use: Use,
    caller: FiguresReader,
    *,
    site: SiteKey = None,
    month: MonthText = None,
    language: Annotated[Language, Query(description="Of its words.")] = "zh",
) -> Response:
    """Return a month's figures, their definitions and the orders behind them as a workbook."""

    def read(session: Session) -> tuple[str, list[Sheet]]:
        asked = asked_of(use, session, caller.scope, site, month)
        counted = Counted(session, asked)
        book = _Book(session, counted, site, language)
        repairs = report_of(counted, site)
        alarms = alarm_report_of(session, read_month(use, session, asked), site)
        orders = book.orders(repairs)
        sheets = [
            book.repairs(repairs),
            book.alarms(alarms),
            orders._replace(rows=list(orders.rows)),
        ]
        return asked.name, sheets

    name, sheets = use.records.read(read)
    return workbook_answer(f"figures-{site or 'all'}-{name}", sheets)


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 2)

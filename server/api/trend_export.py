"""/trends/export and /trends/workbook: what /trends answers, as a table for a spreadsheet."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, repeat
from operator import itemgetter
from typing import Annotated, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import Query, Response
from sqlalchemy import select

from server.access.scope import Scope
from server.api.context import Services, Use, problems
from server.api.lookup import NamedPoint
from server.api.rights import PlantReader
from server.api.router import api_router
from server.api.spreadsheet import (
    CSV_ANSWER,
    WORKBOOK_ANSWER,
    Cell,
    Row,
    Sheet,
    csv_answer,
    workbook_answer,
)
from server.api.trends import Asked, AskedTrends, Found, find_trends
from server.assets.model import Equipment, Point
from server.assets.state_words import StateWords, word_of
from server.core.problem import FieldError
from server.history.slices import Slices
from server.messages.receivers import Language
from server.people.duty import local

MAX_WORKBOOK_CELLS: Final = 500_000
"""With those that are empty; a workbook is made in memory."""
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("趋势", "Trends"),
    "time": ("时间", "Time"),
    "quality": ("质量", "quality"),
    "min": ("最小值", "min"),
    "avg": ("平均值", "avg"),
    "max": ("最大值", "max"),
    "first": ("首值", "first"),
    "last": ("末值", "last"),
    "count": ("读数", "count"),
    "bad_count": ("异常读数", "bad count"),
}
Words = Annotated[Language, Query(description="Of the first row.")]

router = api_router(prefix="/trends", tag="readings", responses=problems(404))


class _Table(NamedTuple):
    name: str
    head: Row
    rows: Iterator[Row]


@router.get("/export", response_class=Response, responses=CSV_ANSWER)
def export_trends(
    use: Use, caller: PlantReader, asked: AskedTrends, *, language: Words = "zh"
) -> Response:
    """Return what /trends answers as CSV: a row for each instant, an empty cell for no value.

    Times are those of the time zone of work_orders.service_hours, which the first cell names.
    """
    table = _table(use, caller.scope, asked, language)
    return csv_answer(table.name, table.head, table.rows)


@router.get("/workbook", response_class=Response, responses=WORKBOOK_ANSWER)
def get_trend_workbook(
    use: Use, caller: PlantReader, asked: AskedTrends, *, language: Words = "zh"
) -> Response:
    """Return what /trends answers as an Excel workbook; see GET /trends/export."""
    table = _table(use, caller.scope, asked, language)
    most = MAX_WORKBOOK_CELLS // len(table.head)
    rows = list(islice(table.rows, most + 1))
    if len(rows) > most:
        raise FieldError(
            "query.point",
            f"more than {most:,} rows, which is the most for so many columns: ask for fewer "
            "points, a shorter range, fewer slices, or for CSV",
        )
    return workbook_answer(table.name, [Sheet(_word("title", language), table.head, rows)])


def _table(use: Services, scope: Scope, asked: Asked, language: Language) -> _Table:
    zone = ZoneInfo(use.settings.work_orders.service_hours.time_zone)
    found = find_trends(use, scope, asked)
    of_point = [
        [f"{title} {_word(column, language)}" for column in found.figures]
        if found.grid
        else [title, _word("quality", language)]
        for title in _titles(use, found.points, language)
    ]
    head = [f"{_word('time', language)} ({zone.key})", *(one for each in of_point for one in each)]
    told = [
        partial(_cell, words=words, language=language) for words in _words_of(use, found.points)
    ]
    rows = _slices(found, found.grid, told, zone) if found.grid else _readings(found, told, zone)
    return _Table(f"trends-{local(found.start, zone):%Y-%m-%d-%H%M}", head, rows)


def _titles(use: Services, points: Sequence[NamedPoint], language: Language) -> Iterator[str]:
    ids = {one.equipment_id for one in points}
    query = select(Equipment.id, Equipment.name_zh, Equipment.name_en).where(Equipment.id.in_(ids))
    names = {row.id: row for row in use.records.read(lambda session: session.execute(query).all())}
    for one in points:
        of = [getattr(thing, f"name_{language}") for thing in (names[one.equipment_id], one)]
        unit = [f"({one.unit})"] if one.unit else []
        yield " ".join([*filter(None, of), one.key, *unit])


def _words_of(use: Services, points: Sequence[NamedPoint]) -> Iterator[StateWords]:
    query = select(Point.id, Point.words).where(Point.id.in_([one.id for one in points]))
    rows = use.records.read(lambda session: session.execute(query).all())
    words = {row.id: row.words for row in rows}
    return (words[one.id] for one in points)


def _slices(
    found: Found, grid: Slices, told: Sequence[Callable[[Any], Cell]], zone: ZoneInfo
) -> Iterator[Row]:
    columns = [
        map(cell, lists[figure])
        for cell, lists in zip(told, found.lists, strict=True)
        for figure in found.figures
    ]
    for number, cells in enumerate(zip(*columns, strict=True)):
        at = grid.first_ms + number * grid.width_ms
        yield [local(at, zone).replace(tzinfo=None), *cells]


def _readings(found: Found, told: Sequence[Callable[[Any], Cell]], zone: ZoneInfo) -> Iterator[Row]:
    """Yield a row for each instant: what was read then of each point, and how good it is."""
    rows = defaultdict[tuple[int, int], list[tuple[int, Cell, str]]](list)
    for column, (cell, lists) in enumerate(zip(told, found.lists, strict=True)):
        before = Counter[int]()
        for after, value, quality in zip(
            lists["after_ms"], lists["value"], lists["quality"], strict=True
        ):
            rows[after, before[after]].append((column, cell(value), quality))
            before[after] += 1
    for (after, _), there in sorted(rows.items(), key=itemgetter(0)):
        cells = list[Cell](repeat(None, 2 * len(found.points)))
        for column, *both in there:
            cells[2 * column : 2 * column + 2] = both
        yield [local(found.start + after, zone).replace(tzinfo=None), *cells]


def _cell(value: Any, *, words: StateWords, language: Language) -> Cell:  # noqa: ANN401 (a value of the history)
    """Return a value as charts show it: yes and no as 1 and 0, a state in words, NaN as nothing."""
    if isinstance(value, bool):
        return int(value)
    word = word_of(value, words)
    if word is not None:
        return word.zh if language == "zh" else word.en
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _word(key: str, language: Language) -> str:
    zh, en = _WORDS[key]
    return zh if language == "zh" else en

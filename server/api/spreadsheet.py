"""Tables that leave for a spreadsheet: no cell of them is a formula there."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import BytesIO, StringIO
from typing import Any, Final, NamedTuple

from fastapi import Response
from fastapi.responses import StreamingResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

Cell = str | float | int | datetime | None
Row = Sequence[Cell]

_MARK: Final = "\ufeff"
"""By which spreadsheets know UTF-8."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NO_CELL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_WIDEST: Final = 60
_TIME: Final = "yyyy-mm-dd hh:mm:ss.000"
WORKBOOK_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "An Excel workbook.",
        "content": {_WORKBOOK: {"schema": {"type": "string", "format": "binary"}}},
    }
}
CSV_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Comma-separated values, UTF-8.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


class Sheet(NamedTuple):
    """One table of a workbook."""

    title: str
    head: Row
    rows: Iterable[Row]


def csv_answer(name: str, head: Row, rows: Iterable[Row]) -> Response:
    """Return a table as CSV that is written while it is read."""
    return StreamingResponse(
        _csv_lines(head, rows), media_type="text/csv", headers=_saved_as(f"{name}.csv")
    )


def workbook_answer(name: str, sheets: Iterable[Sheet]) -> Response:
    """Return tables as an Excel workbook, each with a head that stays in sight."""
    book = Workbook(write_only=True)
    for one in sheets:
        rows = [list(row) for row in one.rows]
        sheet = book.create_sheet(one.title)
        sheet.freeze_panes = "A2"
        for column, title in enumerate(one.head):
            longest = max([_width(title), *(_width(row[column]) for row in rows)])
            width = min(_WIDEST, longest + 2)
            sheet.column_dimensions[get_column_letter(column + 1)].width = width
        sheet.append([_cell(sheet, title, bold=True) for title in one.head])
        for row in rows:
            sheet.append([None if value is None else _cell(sheet, value) for value in row])
    packed = BytesIO()
    book.save(packed)
    return Response(packed.getvalue(), media_type=_WORKBOOK, headers=_saved_as(f"{name}.xlsx"))


def _csv_lines(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    yield _MARK + csv_line(head)
    for row in rows:
        yield csv_line(row)


def csv_line(row: Row) -> str:
    """Return one row as CSV."""
    line = StringIO()
    csv.writer(line).writerow([_csv_cell(one) for one in row])
    return line.getvalue()


def _csv_cell(value: Cell) -> str | float | None:
    """Return a text that a spreadsheet does not compute, and a time that it takes for one."""
    if isinstance(value, datetime):
        return value.isoformat(" ", "milliseconds" if value.microsecond else "seconds")
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _cell(sheet: Any, value: Cell, *, bold: bool = False) -> Any:  # noqa: ANN401 (openpyxl's)
    text = _NO_CELL.sub(" ", value) if isinstance(value, str) else value
    cell = WriteOnlyCell(sheet, value=text)
    if isinstance(value, str):
        # Whatever it begins with, it is text.
        cell.data_type = "s"
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    if isinstance(value, datetime):
        cell.number_format = _TIME if value.microsecond else _TIME.removesuffix(".000")
    if bold:
        cell.font = Font(bold=True)
    return cell


def _width(value: Cell) -> int:
    """Chinese characters are two wide."""
    return sum(2 if ord(one) > 0x2E7F else 1 for one in str(value if value is not None else ""))  # noqa: PLR2004 (where they begin)


def _saved_as(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}

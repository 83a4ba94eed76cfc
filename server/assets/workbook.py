"""The ledger in an Excel workbook: sheets and columns by name, every mistake with its cell."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from io import BytesIO
from typing import Any, Final, NamedTuple, TypeAlias

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from server.assets.contract_hours import parse_hours
from server.core.errors import ArgumentError

ROOMS: Final = {
    "key": ("key", "房间编号"),
    "building": ("building", "楼栋"),
    "floor": ("floor", "楼层"),
    "name": ("name", "名称"),
    "moved_in": ("moved in", "入住日期"),
    "builder": ("builder", "建设单位"),
    "warranty_heating": ("heating warranty until", "暖通保修期至"),
    "warranty_electrical": ("electrical warranty until", "电气保修期至"),
    "warranty_plumbing": ("plumbing warranty until", "给排水保修期至"),
    "warranty_lift": ("lift warranty until", "电梯保修期至"),
    "warranty_fire": ("fire warranty until", "消防保修期至"),
    "warranty_low_voltage": ("low voltage warranty until", "弱电保修期至"),
    "warranty_building": ("building warranty until", "土建保修期至"),
}
EQUIPMENT: Final = {
    "key": ("key", "设备编号"),
    "room": ("room", "房间编号"),
    "maker": ("maker", "厂家"),
    "model": ("model", "型号"),
    "serial_number": ("serial number", "出厂编号"),
    "warranty_until": ("warranty until", "保修期至"),
    "builder": ("builder", "建设单位"),
    "contractor": ("contractor", "维保单位"),
    "contract_from": ("contract from", "维保开始"),
    "contract_until": ("contract until", "维保结束"),
    "contract_hours": ("contract hours", "维保时间"),
}
CONTRACTORS: Final = {
    "key": ("key", "单位编号"),
    "name": ("name", "单位名称"),
    "trades": ("trades", "专业"),
    "phone": ("phone", "电话"),
}
_FIELDS: Final = {"contractors": CONTRACTORS, "rooms": ROOMS, "equipment": EQUIPMENT}
SHEETS: Final = {
    "contractors": ("contractors", "单位"),
    "rooms": ("rooms", "房间"),
    "equipment": ("equipment", "设备"),
}
HOURS: Final = "contract_hours"
WARRANTY: Final = "warranty_"
"""Begin of the columns of rooms that say the last day of a trade's warranty."""
_DAYS: Final = {
    "warranty_until",
    "contract_from",
    "contract_until",
    "moved_in",
    *(one for one in ROOMS if one.startswith(WARRANTY)),
}
_MOST_ROWS = 20_000
_MOST_BYTES = 200_000_000
"""Unpacked; a workbook is a zip file, and a small one may be large."""
_LONGEST = 200
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
    SyntaxError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    RuntimeError,
    EOFError,
    OSError,
)
"""What the library raises at a file that is none of Excel's, or a torn one."""
_Cells: TypeAlias = Sequence[Any]


class CellError(NamedTuple):
    """What is wrong, and where people find it."""

    sheet: str
    row: int
    column: str
    """Letter of the column and its name, such as "C (maker)"."""
    message: str


class Line(NamedTuple):
    """One row: its number, and what its columns say; empty cells are left out."""

    row: int
    values: Mapping[str, str]


class Ledger(NamedTuple):
    """What a workbook says."""

    contractors: Sequence[Line]
    rooms: Sequence[Line]
    equipment: Sequence[Line]
    errors: Sequence[CellError]
    columns: Mapping[tuple[str, str], str]
    """Sheet and name of a column to how it is called in an error."""


def read_ledger_workbook(content: bytes) -> Ledger:
    """Read the sheets, each of which may be missing.

    Raises:
        InvalidError: It is no workbook, damaged, too large, or has none of them.
    """
    errors: list[CellError] = []
    columns: dict[tuple[str, str], str] = {}
    found: dict[str, list[Line]] = {kind: [] for kind in _FIELDS}
    for kind, (head_row, *rows) in _tables(content):
        head = _head(kind, head_row, _FIELDS[kind], errors, columns)
        found[kind] += _lines(kind, rows, head, errors, columns)
    return Ledger(**found, errors=errors, columns=columns)


def _tables(content: bytes) -> list[tuple[str, Sequence[_Cells]]]:
    """Return the sheets that are known, with their rows: the head, and one more than may be."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as packed:
            if sum(one.file_size for one in packed.infolist()) > _MOST_BYTES:
                raise ArgumentError(
                    "body", f"the workbook unpacks to more than {_MOST_BYTES} bytes"
                )
        book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True)
        known = {name.casefold(): kind for kind, names in SHEETS.items() for name in names}
        tables: list[tuple[str, Sequence[_Cells]]] = [
            (kind, list(one.iter_rows(values_only=True, max_row=_MOST_ROWS + 2)) or [()])
            for one in book.worksheets
            if (kind := known.get(one.title.casefold())) is not None
        ]
        names = book.sheetnames
        book.close()
    except _DAMAGED as error:
        raise ArgumentError("body", "expected an Excel workbook (.xlsx)") from error
    if not tables:
        allowed = " or ".join("/".join(one) for one in SHEETS.values())
        raise ArgumentError("body", f"expected a sheet {allowed}, got {', '.join(names)}")
    return tables


def _head(
    kind: str,
    cells: _Cells,
    fields: Mapping[str, tuple[str, str]],
    errors: list[CellError],
    columns: dict[tuple[str, str], str],
) -> dict[int, str]:
    """Return which column is which field."""
    by_name = {name.casefold(): field for field, names in fields.items() for name in names}
    by_name |= {field: field for field in fields}
    head: dict[int, str] = {}
    for index, cell in enumerate(cells):
        if cell is None:
            continue
        field = by_name.get(str(cell).strip().casefold())
        letter = get_column_letter(index + 1)
        if field is None or field in head.values():
            allowed = ", ".join("/".join(names) for names in fields.values())
            why = "twice" if field else f"no such column; there are: {allowed}"
            errors.append(CellError(kind, 1, f"{letter} ({cell})", why))
            continue
        head[index] = field
        columns[kind, field] = f"{letter} ({cell})"
    if "key" not in head.values():
        errors.append(CellError(kind, 1, "-", f"missing: {'/'.join(fields['key'])}"))
    return head


def _lines(
    kind: str,
    rows: Sequence[_Cells],
    head: Mapping[int, str],
    errors: list[CellError],
    columns: Mapping[tuple[str, str], str],
) -> Iterator[Line]:
    seen: set[str] = set()
    for number, cells in enumerate(rows, start=2):
        values: dict[str, str] = {}
        for index, field in head.items():
            try:
                text = _value(field, cells[index] if index < len(cells) else None)
            except ValueError as problem:
                errors.append(CellError(kind, number, columns[kind, field], str(problem)))
                continue
            if text:
                values[field] = text
        if not values:
            continue
        if number > _MOST_ROWS + 1:
            errors.append(CellError(kind, number, "-", f"a sheet has at most {_MOST_ROWS} rows"))
            return
        key = values.get("key")
        if key is None or key in seen:
            why = "empty" if key is None else f"{key!r} is there twice"
            errors.append(CellError(kind, number, columns.get((kind, "key"), "-"), why))
            continue
        seen.add(key)
        yield Line(number, values)


def _value(field: str, cell: object) -> str:
    text = _text(cell)
    if len(text) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST} characters")
    if field == HOURS and text:
        parse_hours(text)
    if field not in _DAYS or not text:
        return text
    try:
        # As it is written everywhere: 20270630 is a date, too.
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"expected a date such as 2027-06-30, got {text!r}") from None


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime | date):
        return f"{cell:%Y-%m-%d}"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()

"""Excel files: cells as text, merged cells, what is hidden, what has no value."""

import io
import re
import zipfile
import zlib
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile

from config.errors import ConfigError
from edge_agent.commissioning.point_table.sheet import Merge, Sheet

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

# What zip, XML and openpyxl raise over a damaged file.
_BROKEN: Final = (
    AttributeError,
    AssertionError,
    BadZipFile,
    EOFError,
    KeyError,
    IndexError,
    NotImplementedError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    zlib.error,
)
MOST_ROWS: Final = 20_000
_MOST_LISTED: Final = 10
_MOST_COLUMNS: Final = 200
_MOST_BYTES: Final = 80_000_000
_PERCENT: Final = re.compile(r"0(?:\.0+)?%")
_ZEROS: Final = re.compile(r"0{2,}")
_HARMLESS: Final = re.compile(
    r"\\.|_.|\*.|\[[^\]]*\]|[#0?.,\s+\-()/@]|general|e\+?0*", re.IGNORECASE
)


def read_excel(path: Path, data: bytes, wanted: str | None) -> list[Sheet]:
    """Return the wanted sheet, or all.

    Raises:
        ConfigError: The file is damaged, too large, or has no such sheet.
    """
    openpyxl = import_openpyxl(path)
    try:
        formulas = _look_inside(path, data)
        # With formulas as they are written, and with the values that Excel left beside them.
        book = openpyxl.load_workbook(io.BytesIO(data))
        names = [page.title for page in book.worksheets]
        if wanted is not None and wanted not in names:
            raise ConfigError(f"{path}: no sheet {wanted!r}; there are: {', '.join(names)}")
        values = openpyxl.load_workbook(io.BytesIO(data), data_only=True) if formulas else book
        pages = [(book[name], values[name]) for name in names if wanted in {None, name}]
        return [
            _sheet(f"{path}, sheet {page.title}", page, with_values) for page, with_values in pages
        ]
    except _BROKEN as error:
        raise ConfigError(f"{path}: no readable Excel file: {error}") from None


def import_openpyxl(path: Path):  # noqa: ANN201 (the module itself)
    """Return openpyxl, which only the extra ``commissioning`` brings."""
    try:
        import openpyxl  # noqa: PLC0415 (a gateway without it can still read CSV)
        import openpyxl.styles  # noqa: PLC0415 # pyright: ignore[reportUnusedImport]
        import openpyxl.utils  # noqa: PLC0415 # pyright: ignore[reportUnusedImport]
    except ModuleNotFoundError as error:
        message = f"{path}: Excel files need openpyxl: pip install 'plantroom[commissioning]'"
        raise ConfigError(f"{message}; or save the table as CSV") from error
    return openpyxl


def too_long(name: str) -> ConfigError:
    """Return the refusal of a table with too many rows."""
    return ConfigError(f"{name}: more than {MOST_ROWS:,} rows; split it into several files")


def _look_inside(path: Path, data: bytes) -> bool:
    """Refuse a file that would not fit into memory; return whether it may hold formulas."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = sum(one.file_size for one in archive.infolist() if one.filename.endswith(".xml"))
        if size > _MOST_BYTES:
            raise ConfigError(
                f"{path}: {size / 1e6:.0f} MB of cells; copy the table's own rows into a new file"
            )
        pages = [name for name in archive.namelist() if "/worksheets/" in name]
        return any(b"<f" in archive.read(name) for name in pages)


def _sheet(name: str, page: "Worksheet", with_values: "Worksheet") -> Sheet:
    rows: list[list[str]] = []
    faults: dict[tuple[int, int], str] = {}
    fractions: set[tuple[int, int]] = set()
    for row, cells in enumerate(page.iter_rows(max_col=min(page.max_column, _MOST_COLUMNS))):
        if row >= MOST_ROWS:
            # A sheet may have a million rows that are only formatted.
            if any(cell.value not in {None, ""} for cell in cells):
                raise too_long(name)
            continue
        line: list[str] = []
        for column, cell in enumerate(cells):
            value, fault = cell.value, ""
            if cell.data_type == "f":
                value = with_values.cell(row + 1, column + 1).value
                fault = "" if value is not None else "a formula without a value; save it in Excel"
            text, problem = _text(value, cell.number_format)
            line.append(text or ("?" if fault else ""))
            if fault or problem:
                faults[row, column] = fault or problem
            if isinstance(value, float) and not value.is_integer():
                fractions.add((row, column))
        rows.append(line)
    merges = tuple(
        Merge(one.min_row - 1, one.min_col - 1, one.max_row - 1, one.max_col - 1)
        for one in page.merged_cells.ranges
    )
    _fill_down(rows, merges)
    hidden = frozenset(
        row - 1 for row, dimension in page.row_dimensions.items() if dimension.hidden
    )
    notes = ("the sheet is hidden in Excel",) if page.sheet_state != "visible" else ()
    notes += _marks(page)
    columns = [letter for letter, dimension in page.column_dimensions.items() if dimension.hidden]
    if columns:
        notes += (f"columns {', '.join(columns)} are hidden in Excel, and were read",)
    return Sheet(name, rows, faults, frozenset(fractions), merges, hidden, notes)


def _marks(page: "Worksheet") -> tuple[str, ...]:
    """Return what a reader sees beside the text: cells struck through, comments."""
    struck, comments = list[str](), list[str]()
    rows = min(page.max_row, MOST_ROWS)
    for cells in page.iter_rows(max_row=rows, max_col=min(page.max_column, _MOST_COLUMNS)):
        for cell in cells:
            if cell.value in {None, ""}:
                continue
            if cell.has_style and cell.font.strike:  # pyright: ignore[reportUnknownMemberType]
                struck.append(cell.coordinate)
            if cell.comment is not None:
                comments.append(f"{cell.coordinate} {' '.join(cell.comment.text.split())!r}")
    notes = [f"struck through in Excel, and read: {_some(struck)}"] if struck else []
    notes += [f"comments in Excel are not read: {_some(comments)}"] if comments else []
    return tuple(notes)


def _some(texts: list[str]) -> str:
    more = f" and {len(texts) - _MOST_LISTED} more" if len(texts) > _MOST_LISTED else ""
    return ", ".join(texts[:_MOST_LISTED]) + more


def _fill_down(rows: list[list[str]], merges: tuple[Merge, ...]) -> None:
    for merge in merges:
        if merge.top >= len(rows) or merge.left >= len(rows[merge.top]):
            continue
        text = rows[merge.top][merge.left]
        for row in range(merge.top + 1, min(merge.bottom + 1, len(rows))):
            rows[row][merge.left] = text


def _text(value: Any, shown: str) -> tuple[str, str]:  # noqa: ANN401 (what a cell may hold)
    """Return a cell as text, and what is wrong with it."""
    if value is None:
        return "", ""
    if isinstance(value, bool):
        return str(value).lower(), ""
    if isinstance(value, datetime | date | time | timedelta):
        # 3-4 typed into Excel becomes a date; no point table means one.
        return str(value), "a date; format the cell as text and write it again"
    if isinstance(value, int | float):
        return _number(value, shown or "General")
    text = str(value).strip()
    return text, "an error of Excel" if text.startswith("#") and text.endswith(
        ("!", "?", "A")
    ) else ""


def _number(value: float, shown: str) -> tuple[str, str]:
    plain = str(int(value)) if float(value).is_integer() else f"{value:.12g}"
    first = shown.partition(";")[0]
    if _PERCENT.fullmatch(first):
        return f"{value * 100:.12g}%", ""
    if _ZEROS.fullmatch(first) and value >= 0 and float(value).is_integer():
        return plain.zfill(len(first)), ""
    if _HARMLESS.sub("", first.replace('""', "")):
        return plain, f"Excel shows this number as {first}; format the cell as text"
    return plain, ""

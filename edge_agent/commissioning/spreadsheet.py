"""Point tables as files: Excel and CSV to rows of text. The only importer of openpyxl."""

import csv
import io
import zlib
from collections.abc import Sequence
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple
from zipfile import BadZipFile

from config.errors import ConfigError

# What zip, XML and openpyxl raise over a damaged file.
_BROKEN_EXCEL: Final = (
    AttributeError,
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
_ENCODINGS: Final = ("utf-8-sig", "gb18030")
_MOST_ROWS: Final = 20_000
_MOST_HEADS: Final = 30
_MOST_COLUMNS: Final = 200
_WIDEST: Final = 40


class Sheet(NamedTuple):
    """Rows of text.

    Attributes:
        name: File, and sheet where there are several.
        rows: Cells without surrounding space; a missing cell is empty.
    """

    name: str
    rows: list[list[str]]


def read_sheet(path: Path, sheet: str | None) -> Sheet:
    """Return the rows of a .xlsx or .csv file.

    Raises:
        ConfigError: There is no such file or sheet, or it is neither Excel nor text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        return _excel(path, data, sheet)
    if path.suffix.lower() == ".xls":
        raise ConfigError(f"{path}: the format of Excel 2003; save it as .xlsx")
    return Sheet(str(path), _csv(path, data))


def write_sheets(path: Path, sheets: Sequence[tuple[str, Sequence[Sequence[str | float]]]]) -> None:
    """Write rows as .xlsx, or the first sheet as .csv that Excel opens."""
    if path.suffix.lower() != ".xlsx":
        text = io.StringIO()
        csv.writer(text).writerows(sheets[0][1])
        path.write_text(text.getvalue(), "utf-8-sig", newline="")
        return
    openpyxl = _openpyxl(path)
    book = openpyxl.Workbook()
    for number, (title, rows) in enumerate(sheets):
        page = book.create_sheet(title, number)
        for row in rows:
            page.append(list(row))
        for cell in page[1]:
            cell.font = openpyxl.styles.Font(bold=True)
        for index, column in enumerate(zip(*rows, strict=True), start=1):
            letter = openpyxl.utils.get_column_letter(index)
            widest = max(len(str(value)) for value in column)
            page.column_dimensions[letter].width = min(_WIDEST, 2 * widest + 2)
        page.freeze_panes = "A2"
    del book[book.sheetnames[-1]]
    book.save(path)


def column_letter(index: int) -> str:
    """Return the letter of a column, A for 0."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _excel(path: Path, data: bytes, wanted: str | None) -> Sheet:
    openpyxl = _openpyxl(path)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        names = list(book.sheetnames)
        if wanted is not None and wanted not in names:
            raise ConfigError(f"{path}: no sheet {wanted!r}; there are: {', '.join(names)}")
        name = wanted or names[0]
        cells = book[name].iter_rows(values_only=True)
        rows = [
            [_text(value) for value in row[:_MOST_COLUMNS]] for row in islice(cells, _MOST_ROWS)
        ]
        # A sheet may have a million rows that are only formatted.
        too_long = any(value is not None for row in cells for value in row)
        book.close()
    except _BROKEN_EXCEL as error:
        raise ConfigError(f"{path}: no readable Excel file: {error}") from None
    if too_long:
        raise _too_long(f"{path}, sheet {name}")
    return Sheet(f"{path}, sheet {name}", rows)


def _too_long(name: str) -> ConfigError:
    return ConfigError(f"{name}: more than {_MOST_ROWS:,} rows; split it into several files")


def _openpyxl(path: Path):  # noqa: ANN202 (the module itself)
    try:
        import openpyxl  # noqa: PLC0415 (a gateway without it can still read CSV)
        import openpyxl.styles  # noqa: PLC0415
        import openpyxl.utils  # noqa: PLC0415
    except ModuleNotFoundError as error:
        message = f"{path}: Excel files need openpyxl: pip install 'plantroom[commissioning]'"
        raise ConfigError(f"{message}; or save the table as CSV") from error
    return openpyxl


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, datetime | date | time):
        # 3-4 typed into Excel becomes a date; nobody means one in a point table.
        return f"{value.isoformat()} (a date; format the cell as text)"
    return str(value).strip()


def _csv(path: Path, data: bytes) -> list[list[str]]:
    for encoding in _ENCODINGS:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise ConfigError(f"{path}: neither UTF-8 nor GBK text; save it as CSV UTF-8")
    if "\0" in text:
        raise ConfigError(f"{path}: not a text file; expected .xlsx or .csv")
    # The heads have the most cells; above them may be titles, in cells with decimal commas.
    first = text.split("\n", _MOST_HEADS)[:_MOST_HEADS]
    delimiter = max(",;\t", key=lambda mark: max(line.count(mark) for line in first))
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise ConfigError(f"{path}: broken CSV: {error}") from None
    stripped = [[cell.strip() for cell in row] for row in rows]
    if any(cell for row in stripped[_MOST_ROWS:] for cell in row):
        raise _too_long(str(path))
    return stripped[:_MOST_ROWS]

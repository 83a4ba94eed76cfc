"""Point tables as files: Excel and CSV to rows of text, and back."""

import codecs
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from config.errors import ConfigError
from edge_agent.commissioning.excel import MOST_ROWS, import_openpyxl, read_excel, too_long
from edge_agent.commissioning.point_table.sheet import Sheet

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS: Final = ",;\t|"
_MOST_HEADS: Final = 30
_WIDEST: Final = 40
_LEAST_NULLS: Final = 0.2
_ODD_PAIR: Final = re.compile(rb"[\x81-\xfe][\x30-\x7e]")
_PAIR: Final = re.compile(rb"[\x81-\xfe][\x40-\xfe]")


def read_sheets(path: Path, sheet: str | None = None, encoding: str | None = None) -> list[Sheet]:
    """Return the sheets of a .xlsx file, or a text file cut by each separator that it may have.

    Raises:
        ConfigError: There is no such file or sheet, or it is neither Excel nor text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        return read_excel(path, data, sheet)
    if path.suffix.lower() == ".xls":
        raise ConfigError(f"{path}: the format of Excel 2003; save it as .xlsx")
    return _texts(path, _decoded(path, data, encoding))


def write_sheets(path: Path, sheets: Sequence[tuple[str, Sequence[Sequence[str | float]]]]) -> None:
    """Write rows as .xlsx, or the first sheet as .csv that Excel opens."""
    if path.suffix.lower() != ".xlsx":
        text = io.StringIO()
        csv.writer(text).writerows(sheets[0][1])
        path.write_text(text.getvalue(), "utf-8-sig", newline="")
        return
    openpyxl = import_openpyxl(path)
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


def _decoded(path: Path, data: bytes, encoding: str | None) -> str:
    name = encoding or next((one for mark, one in _MARKS if data.startswith(mark)), None)
    name = name or _without_mark(data)
    try:
        text = data.decode(name)
    except (UnicodeDecodeError, LookupError):
        allowed = "save it as CSV UTF-8, or say --encoding"
        raise ConfigError(f"{path}: neither UTF-8 nor GBK text; {allowed}") from None
    if name == "gb18030" and encoding is None:
        _refuse_latin(path, data)
    if "\0" in text:
        raise ConfigError(f"{path}: not a text file; expected .xlsx or .csv")
    return text.removeprefix("\ufeff")


def _without_mark(data: bytes) -> str:
    """Return the encoding of a text that does not begin with a byte order mark."""
    half = max(1, len(data) // 2)
    high, low = data[::2].count(0) / half, data[1::2].count(0) / half
    # Digits and separators of UTF-16 have a zero byte; Chinese letters have not.
    if max(high, low) > _LEAST_NULLS and min(high, low) < max(high, low) / 4:
        return "utf-16-be" if high > low else "utf-16-le"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _refuse_latin(path: Path, data: bytes) -> None:
    """Refuse bytes such as those of a Western ``°C``, which GBK takes for a rare Chinese letter."""
    pairs = _PAIR.findall(data)
    odd = [pair for pair in pairs if _ODD_PAIR.fullmatch(pair)]
    if pairs and 2 * len(odd) >= len(pairs):
        raise ConfigError(
            f"{path}: hardly GBK text; save it as CSV UTF-8, or say --encoding cp1252 or gbk"
        )


def _texts(path: Path, text: str) -> list[Sheet]:
    # Excel's own way to say what cuts the cells.
    separator = re.match(r"\s*\"?sep=(.)\"?[^\n]*\n", text)
    if separator is not None:
        return [_text(path, text[separator.end() :], separator[1], skipped=1)]
    # The headings have the most cells; above them may be titles, in cells with decimal commas.
    first = text.split("\n", _MOST_HEADS)[:_MOST_HEADS]
    counts = {mark: max(line.count(mark) for line in first) for mark in _SEPARATORS}
    marks = sorted((mark for mark in counts if counts[mark]), key=lambda mark: -counts[mark])
    return [_text(path, text, mark) for mark in marks or [","]]


def _text(path: Path, text: str, separator: str, *, skipped: int = 0) -> Sheet:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise ConfigError(f"{path}: broken CSV: {error}") from None
    stripped = [[cell.strip() for cell in row] for row in rows]
    if any(cell for row in stripped[MOST_ROWS:] for cell in row):
        raise too_long(str(path))
    return Sheet(str(path), [*([[]] * skipped), *stripped[:MOST_ROWS]], separator=separator)

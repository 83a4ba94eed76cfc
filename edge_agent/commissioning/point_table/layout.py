"""Which rows of a table are points, and what stands between them: sections, notes (pure)."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from config.points import Table
from edge_agent.commissioning.point_table import places, remarks, words
from edge_agent.commissioning.point_table.finding import Heads
from edge_agent.commissioning.point_table.outcome import Options
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.sheet import Sheet
from edge_agent.commissioning.point_table.text import CellError, compact, is_empty

_TELLING: Final = (Role.ADDRESS, Role.TABLE, Role.TYPE, Role.SCALE, Role.UNIT)


class PointRow(NamedTuple):
    """A row that is a point.

    Args:
        row: Its index.
        table: Table that the section above names.
        unit: Unit that the section above names.
    """

    row: int
    table: Table | None
    unit: int | None


class Layout(NamedTuple):
    """The rows of a table.

    Args:
        points: Rows that are points.
        texts: Rows that are titles, sections or notes, with their text.
        repeated: Rows that repeat the headings.
        notes: What sections stand for, in words.
    """

    points: list[PointRow]
    texts: list[tuple[int, str]]
    repeated: list[int]
    notes: list[str]


def lay_out(sheet: Sheet, heads: Heads) -> Layout:
    """Sort the rows of a table by what they are."""
    found = Layout([], [], [], [])
    for row in range(heads.row):
        text = _joined(sheet.rows[row])
        if text:
            found.texts.append((row, text))
    table, unit = _titles(sheet, heads)
    # "8 analog inputs" above a table whose rows name their tables is the product's name.
    table = None if Role.TABLE in heads.columns else table
    for row in range(heads.last + 1, len(sheet.rows)):
        cells = [cell for cell in sheet.rows[row] if not is_empty(cell)]
        if not cells:
            continue
        if _repeats(sheet, heads, row):
            found.repeated.append(row)
        elif _is_text(sheet, heads, row, cells):
            text = _joined(sheet.rows[row])
            found.texts.append((row, text))
            stated = words.table_in(text)
            number = remarks.unit_number_in(text)
            table = stated or table
            unit = number if number is not None else unit
            meant = [f"table {stated}"] if stated else []
            meant += [f"unit {number}"] if number is not None else []
            suffix = f": {', '.join(meant)} for the rows below" if meant else ": a heading"
            found.notes.append(f"row {row + 1} has no address and no type{suffix} ({text})")
        else:
            found.points.append(PointRow(row, table, unit))
    return found


def filled_down(sheet: Sheet, heads: Heads, layout: Layout, options: Options) -> Sheet:
    """Return the sheet with the cells of ``--fill-down`` repeated in the empty ones below."""
    columns = [heads.columns[role] for role in options.fill_down if role in heads.columns]
    rows = [list(row) for row in sheet.rows]
    for column in columns:
        above = ""
        for row in [rows[one.row] for one in layout.points]:
            row.extend([""] * (column + 1 - len(row)))
            if is_empty(row[column]):
                row[column] = above
            above = row[column]
    return sheet._replace(rows=rows) if columns else sheet


def cells_of(
    sheet: Sheet, rows: Sequence[PointRow], column: int | None
) -> Iterator[tuple[int, str]]:
    """Yield row and cell of a column, for the rows that are points and fill it."""
    if column is None:
        return
    for one in rows:
        cell = sheet.cell(one.row, column)
        if not is_empty(cell):
            yield one.row, cell


def _titles(sheet: Sheet, heads: Heads) -> tuple[Table | None, int | None]:
    table: Table | None = None
    unit: int | None = None
    for row in range(heads.row):
        text = _joined(sheet.rows[row])
        table = words.table_in(text) or table
        number = remarks.unit_number_in(text)
        unit = number if number is not None else unit
    return table, unit


def _joined(cells: Sequence[str]) -> str:
    """Return the different texts of a row."""
    return " ".join(dict.fromkeys(cell for cell in cells if cell))


def _repeats(sheet: Sheet, heads: Heads, row: int) -> bool:
    shared = [
        compact(sheet.cell(row, index)) == compact(text)
        for index, text in heads.texts.items()
        if sheet.cell(row, index)
    ]
    return len(shared) > 1 and all(shared)


def _is_text(sheet: Sheet, heads: Heads, row: int, cells: Sequence[str]) -> bool:
    address = sheet.cell(row, heads.columns[Role.ADDRESS])
    telling = (sheet.cell(row, heads.columns[role]) for role in _TELLING if role in heads.columns)
    if all(is_empty(cell) for cell in telling):
        return True
    if len(set(cells)) > 1:
        return False
    try:
        places.written(address)
    except CellError:
        return True
    return False

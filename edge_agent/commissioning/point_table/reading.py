"""A point table from its cells to points, with everything that was understood or refused (pure)."""

from collections.abc import Sequence

from config.classes import EquipmentClass
from edge_agent.commissioning.point_table import remarks
from edge_agent.commissioning.point_table.conventions import (
    Conventions,
    conventions_of,
    registers_column,
)
from edge_agent.commissioning.point_table.devices import Group, chosen_rows, devices_of
from edge_agent.commissioning.point_table.finding import Heads
from edge_agent.commissioning.point_table.headings import nearest, qualifiers_in
from edge_agent.commissioning.point_table.layout import Layout, PointRow, filled_down, lay_out
from edge_agent.commissioning.point_table.orders import ORDER_ROLES
from edge_agent.commissioning.point_table.outcome import Imported, Options, Problem
from edge_agent.commissioning.point_table.qualifiers import USED_BY, Qualifier
from edge_agent.commissioning.point_table.registers import row_list
from edge_agent.commissioning.point_table.roles import FREE, Role
from edge_agent.commissioning.point_table.rows import RowReader
from edge_agent.commissioning.point_table.sheet import Sheet
from edge_agent.commissioning.point_table.text import is_empty


def read_table(
    sheet: Sheet,
    heads: Heads,
    options: Options,
    equipment: EquipmentClass,
    *,
    convert_units: bool = False,
) -> Imported:
    """Return the points of all rows below the headings."""
    layout = lay_out(sheet, heads)
    sheet = filled_down(sheet, heads, layout, options)
    reader = RowReader(sheet, heads, options, equipment, convert_units=convert_units)
    imported = Imported()
    for ambiguity in heads.assigned.ambiguities:
        imported.problems.append(Problem(0, "", ambiguity))
    rows = chosen_rows(sheet, heads, layout.points, options, imported)
    groups = devices_of(sheet, heads, rows, options, imported)
    conventions = conventions_of(sheet, heads, rows, options, imported)
    _sentences(layout, heads, options, conventions, imported)
    _read_groups(reader, groups, conventions, imported)
    imported.notes += [f"{text}: {row_list(at)}" for text, at in imported.assumed.items()]
    _note_layout(sheet, layout, rows, imported)
    _note_columns(sheet, heads, rows, imported)
    imported.problems.sort(key=lambda one: one.row)
    return imported


def _read_groups(
    reader: RowReader, groups: Sequence[Group], conventions: Conventions, imported: Imported
) -> None:
    if len(groups) == 1:
        imported.unit = groups[0].unit
        reader.read(groups[0].rows, conventions, imported)
        return
    for group in groups:
        one = Imported(unit=group.unit, name=group.name)
        reader.read(group.rows, conventions, one)
        imported.devices.append(one)
        imported.problems += one.problems
        imported.notes += one.notes
        imported.unused += one.unused
        for text, rows in one.assumed.items():
            imported.assumed.setdefault(text, []).extend(rows)


def _sentences(
    layout: Layout, heads: Heads, options: Options, conventions: Conventions, imported: Imported
) -> None:
    """Refuse titles and notes that say something else than what is done."""
    numbering = conventions.sense.numbering
    for row, text in layout.texts:
        stated = qualifiers_in(text)
        wanted: list[str] = []
        if Qualifier.HEX in stated and not conventions.sense.hexadecimal and options.base is None:
            wanted.append("--base hex or --base dec")
        if Qualifier.ONE_BASED in stated and numbering == "pdu" and options.numbering is None:
            wanted.append("--numbering one-based or --numbering pdu")
        if (
            Qualifier.ZERO_BASED in stated
            and numbering == "one-based"
            and options.numbering is None
        ):
            wanted.append("--numbering one-based or --numbering pdu")
        order = remarks.order_in(text)
        if order and options.order is None and not any(one in heads.columns for one in ORDER_ROLES):
            wanted.append(f"--order, such as --order CDAB ({order})")
        if remarks.names_a_factor(text) and not any(one in heads.columns for one in _FACTORS):
            message = f"{text!r} concerns the whole table: add a column with the factor of each row"
            imported.problems.append(Problem(row + 1, "", message))
        for flag in wanted:
            message = f"{text!r} concerns the whole table: say {flag}"
            imported.problems.append(Problem(row + 1, "", message))


def _note_layout(
    sheet: Sheet, layout: Layout, rows: Sequence[PointRow], imported: Imported
) -> None:
    imported.notes += layout.notes
    if layout.repeated:
        imported.notes.append(f"{row_list(layout.repeated)} repeat the headings")
    hidden = [row.row for row in rows if row.row in sheet.hidden]
    if hidden:
        imported.notes.append(f"{row_list(hidden)} are hidden in Excel, and were read")
    imported.notes += sheet.notes


def _note_columns(sheet: Sheet, heads: Heads, rows: Sequence[PointRow], imported: Imported) -> None:
    role_of = {index: role for role, index in heads.columns.items()}
    for index, heading in heads.headings.items():
        filled = sum(not is_empty(sheet.cell(row.row, index)) for row in rows)
        role = role_of.get(index)
        for unknown in heading.unknown if role is not None else ():
            imported.unused.append(f"({unknown}) in the heading {heading.text!r} is not understood")
        if role is not None and role not in FREE and heading.rest:
            continue
        if index in heads.assigned.unused and filled:
            cells = "1 cell" if filled == 1 else f"{filled} cells"
            imported.unused.append(
                f"the column {heading.text!r} is not used: {cells}"
                f"{'' if heading.meanings else nearest(heading.text)}"
            )
        used = _TELLING if role is None else USED_BY.get(role, frozenset[Qualifier]())
        for one in sorted(heading.qualifiers & (_TELLING - used)):
            imported.unused.append(f"{one} in the heading {heading.text!r} means nothing there")
    beyond = {
        index
        for row in rows
        for index, cell in enumerate(sheet.rows[row.row])
        if not is_empty(cell) and index not in heads.headings
    }
    for index in sorted(beyond):
        having = [row.row for row in rows if not is_empty(sheet.cell(row.row, index))]
        text = f"{row_list(having)}: cells under no heading"
        if sheet.separator and index > max(heads.headings):
            where = registers_column(index, "").removeprefix(", ").strip()
            message = f"{text} ({where}); a cell that holds {sheet.separator!r} stands in quotes"
            imported.problems.append(Problem(0, "", message))
        else:
            imported.unused.append(text)


_FACTORS = (Role.SCALE, Role.DIVISOR, Role.DECIMALS, Role.FORMULA)
_TELLING = frozenset(
    {
        Qualifier.HEX,
        Qualifier.OCTAL,
        Qualifier.ONE_BASED,
        Qualifier.DIVIDE,
        Qualifier.EXPONENT,
        Qualifier.BYTES,
        Qualifier.MILLISECONDS,
    }
)

"""Several devices in one table: found, and told apart or refused (pure)."""

from collections.abc import Callable, Sequence

from edge_agent.commissioning.point_table import places
from edge_agent.commissioning.point_table.finding import Heads, same_heading
from edge_agent.commissioning.point_table.layout import PointRow
from edge_agent.commissioning.point_table.outcome import Imported, Options, Problem
from edge_agent.commissioning.point_table.registers import row_list
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.sheet import Sheet
from edge_agent.commissioning.point_table.text import compact, folded, is_empty

_MOST_UNITS = 247


def chosen_rows(
    sheet: Sheet, heads: Heads, rows: Sequence[PointRow], options: Options, imported: Imported
) -> list[PointRow]:
    """Return the rows that ``--only`` leaves."""
    kept = list(rows)
    for heading, value in options.only:
        index = next((i for i, text in heads.texts.items() if same_heading(text, heading)), None)
        if index is None:
            there = ", ".join(repr(text) for text in heads.texts.values())
            message = f"--only {heading}={value}: no such heading; there are: {there}"
            imported.problems.append(Problem(0, "", message))
            continue
        kept = [row for row in kept if compact(sheet.cell(row.row, index)) == compact(value)]
        imported.notes.append(f"{len(kept)} of {len(rows)} rows have {value} in {heading!r}")
    return kept


def one_device(sheet: Sheet, heads: Heads, rows: Sequence[PointRow], imported: Imported) -> None:
    """Refuse a table of several devices; keep the unit of one."""
    units = _values(sheet, heads, rows, Role.UNIT_NUMBER, _unit)
    sections = dict[str, list[int]]()
    for row in rows:
        if row.unit is not None:
            sections.setdefault(str(row.unit), []).append(row.row)
    if units and sections and set(units) != set(sections):
        imported.problems.append(
            Problem(0, "", "the unit column and the headings between the rows name different units")
        )
    _refuse_several(heads, Role.UNIT_NUMBER, units or sections, imported, in_column=bool(units))
    devices = _values(sheet, heads, rows, Role.DEVICE, folded)
    _refuse_several(heads, Role.DEVICE, devices, imported, in_column=True)
    found = list(units or sections)
    if len(found) == 1 and found[0].isdecimal() and int(found[0]) <= _MOST_UNITS:
        imported.unit = int(found[0])
    elif len(found) == 1:
        imported.problems.append(
            Problem(0, "", f"the unit is a number 0 to {_MOST_UNITS}, got {found[0]!r}")
        )


def _refuse_several(
    heads: Heads,
    role: Role,
    values: dict[str, list[int]],
    imported: Imported,
    *,
    in_column: bool,
) -> None:
    if len(values) < 2:  # noqa: PLR2004
        return
    lines = "; ".join(f"{value or 'empty'} in {row_list(rows)}" for value, rows in values.items())
    index = heads.columns.get(role)
    if in_column and index is not None:
        heading, first = heads.texts[index], next(value for value in values if value)
        hint = (
            f"import one at a time, --only {heading!r}={first}, or say --column ignore={heading!r} "
            "when it is no device"
        )
    else:
        hint = "split it into one table a device"
    imported.problems.append(Problem(0, "", f"several devices in one table ({lines}): {hint}"))


def _values(
    sheet: Sheet,
    heads: Heads,
    rows: Sequence[PointRow],
    role: Role,
    parse: Callable[[str], str],
) -> dict[str, list[int]]:
    """Return each value of a column with its rows; an empty cell beside filled ones is a value."""
    index = heads.columns.get(role)
    found: dict[str, list[int]] = {}
    if index is None:
        return found
    for row in rows:
        cell = sheet.cell(row.row, index)
        found.setdefault("" if is_empty(cell) else parse(cell), []).append(row.row)
    return {} if set(found) == {""} else found


def _unit(text: str) -> str:
    plain = compact(text).removesuffix("#").removesuffix("号").removesuffix(".0")
    value = places.number(plain, hexadecimal=False)
    return text if value is None else str(value)

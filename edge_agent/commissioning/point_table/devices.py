"""Several devices in one table: told apart by unit and device columns, or refused (pure)."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from edge_agent.commissioning.point_table import places
from edge_agent.commissioning.point_table.finding import Heads, same_heading
from edge_agent.commissioning.point_table.layout import PointRow
from edge_agent.commissioning.point_table.outcome import Imported, Options, Problem
from edge_agent.commissioning.point_table.registers import row_list
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.sheet import Sheet
from edge_agent.commissioning.point_table.text import compact, is_empty

_MOST_UNITS: Final = 247
_USUAL: Final = 2
_LONGEST: Final = 32


class Group(NamedTuple):
    """The rows of one device.

    Args:
        unit: Its Modbus unit; None where the table names none.
        name: Its name; empty where the table names none.
        rows: Its rows.
    """

    unit: int | None
    name: str
    rows: list[PointRow]


class _Values(NamedTuple):
    """What a column says of each row; empty text where its cell is empty."""

    heading: str
    role: Role
    of_row: Mapping[int, str]

    @property
    def several(self) -> bool:
        return len(set(self.of_row.values())) > 1

    def rows_of(self) -> str:
        found: dict[str, list[int]] = {}
        for row, value in self.of_row.items():
            found.setdefault(value, []).append(row)
        return "; ".join(f"{one or 'empty'} in {row_list(rows)}" for one, rows in found.items())


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


def devices_of(
    sheet: Sheet, heads: Heads, rows: Sequence[PointRow], options: Options, imported: Imported
) -> list[Group]:
    """Return the devices of a table, each with its rows; one where they cannot be told apart."""
    units = _column(sheet, heads, rows, Role.UNIT_NUMBER, _unit)
    names = _column(sheet, heads, rows, Role.DEVICE, str.strip)
    sections = {row.row: str(row.unit) for row in rows if row.unit is not None}
    problems = [*_unclear(units, names, sections, len(rows))]
    if names and names.several and not _sure(heads, units, names, options):
        problems.append(_no_device(names))
    unit_of = units.of_row if units else sections
    name_of = names.of_row if names else dict[int, str]()
    keys = dict.fromkeys((unit_of.get(row.row, ""), name_of.get(row.row, "")) for row in rows)
    groups = [
        Group(
            int(unit) if unit.isdecimal() else None,
            name,
            [
                row
                for row in rows
                if (unit_of.get(row.row, ""), name_of.get(row.row, "")) == (unit, name)
            ],
        )
        for unit, name in keys
    ]
    for unit, _ in keys:
        if unit and not (unit.isdecimal() and int(unit) <= _MOST_UNITS):
            problems.append(f"the unit is a number 0 to {_MOST_UNITS}, got {unit!r}")
    imported.problems += [Problem(0, "", one) for one in problems]
    return groups if len(groups) > 1 and not problems else [Group(_one(groups), "", list(rows))]


def device_ids(profile: str, devices: Sequence[Imported]) -> list[str]:
    """Return an identifier for each device: of its name where that is Latin, else of its unit."""
    found: list[str] = []
    for index, device in enumerate(devices, 1):
        word = re.sub(r"[^a-z0-9]+", "-", device.name.casefold()).strip("-")
        latin = word[:_LONGEST] if device.name.isascii() else ""
        one = f"{profile}-{latin or (index if device.unit is None else device.unit)}"
        while one in found:
            one = f"{one}-{index}"
        found.append(one)
    return found


def _one(groups: Sequence[Group]) -> int | None:
    units = {group.unit for group in groups}
    return units.pop() if len(units) == 1 else None


def _unclear(
    units: _Values | None,
    names: _Values | None,
    sections: Mapping[int, str],
    count: int,
) -> Iterator[str]:
    """Yield why it cannot be decided which row belongs to which device."""
    if units and sections and set(units.of_row.values()) != set(sections.values()):
        yield "the unit column and the headings between the rows name different units"
    if sections and not units and len(set(sections.values())) > 1 and len(sections) < count:
        yield "several devices in one table: some rows stand above the first heading with a unit"
    for values in (units, names):
        if values and values.several and "" in values.of_row.values():
            yield (
                f"several devices in one table ({values.rows_of()}): which do the empty cells of "
                f"{values.heading!r} belong to? Fill them, say --fill-down {values.role} (the cell "
                f"above counts), or --column ignore={values.heading!r} when it is no device"
            )


def _no_device(names: _Values) -> str:
    first = next(value for value in names.of_row.values() if value)
    return (
        f"several devices in one table ({names.rows_of()})? Say --column "
        f"device={names.heading!r} (a device file for each), --only {names.heading!r}={first} "
        f"(one of them), or --column ignore={names.heading!r} when it is no device"
    )


def _sure(heads: Heads, units: _Values | None, names: _Values, options: Options) -> bool:
    """Whether a column surely names devices: by its heading, by choice, or one for each unit."""
    if Role.DEVICE in options.settled:
        return True
    if heads.headings[heads.columns[Role.DEVICE]].roles.get(Role.DEVICE, 0) >= _USUAL:
        return True
    if units is None:
        return False
    pairs = {(units.of_row[row], name) for row, name in names.of_row.items()}
    return len(pairs) == len(set(units.of_row.values())) == len(set(names.of_row.values()))


def _column(
    sheet: Sheet,
    heads: Heads,
    rows: Sequence[PointRow],
    role: Role,
    parse: Callable[[str], str],
) -> _Values | None:
    """Return what a column says of each row; None where there is none, or it is empty."""
    index = heads.columns.get(role)
    if index is None:
        return None
    cells = {row.row: sheet.cell(row.row, index) for row in rows}
    found = {row: "" if is_empty(cell) else parse(cell) for row, cell in cells.items()}
    return _Values(heads.texts[index], role, found) if any(found.values()) else None


def _unit(text: str) -> str:
    plain = compact(text).removesuffix("#").removesuffix("号").removesuffix(".0")
    value = places.number(plain, hexadecimal=False)
    return text if value is None else str(value)

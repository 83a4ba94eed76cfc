"""Rows of a point table to points of a device file; problems by row and column (pure)."""

import json
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from config.classes import EquipmentClass
from config.points import Point, Table
from config.problems import explain
from edge_agent.commissioning.point_table import places, registers, remarks, states, words
from edge_agent.commissioning.point_table.behaviour import commanding, reporting
from edge_agent.commissioning.point_table.bit_points import bit_points
from edge_agent.commissioning.point_table.claims import disagreements
from edge_agent.commissioning.point_table.coding import Where, coding
from edge_agent.commissioning.point_table.conventions import Conventions
from edge_agent.commissioning.point_table.details import details
from edge_agent.commissioning.point_table.factors import Factors, references
from edge_agent.commissioning.point_table.finding import Heads
from edge_agent.commissioning.point_table.layout import PointRow
from edge_agent.commissioning.point_table.naming import (
    Canon,
    bracket_of,
    display,
    identifier,
    qualified,
)
from edge_agent.commissioning.point_table.outcome import Content, Imported, Options
from edge_agent.commissioning.point_table.qualifiers import Qualifier
from edge_agent.commissioning.point_table.registers import Place
from edge_agent.commissioning.point_table.remarks import Remark
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.row_cells import RowCells, merged_across
from edge_agent.commissioning.point_table.scaling import converted, scaling, unit_problem
from edge_agent.commissioning.point_table.sheet import Sheet
from edge_agent.commissioning.point_table.text import is_empty
from edge_agent.commissioning.point_table.truth import as_truth, booleans

_ROLE_OF: Final = {
    "table": Role.TABLE,
    "address": Role.ADDRESS,
    "type": Role.TYPE,
    "order": Role.ORDER,
    "bit": Role.BIT,
    "length": Role.LENGTH,
    "scale": Role.SCALE,
    "offset": Role.OFFSET,
    "unit": Role.UNIT,
    "enum": Role.STATES,
    "invalid": Role.INVALID,
    "period_s": Role.PERIOD,
    "deadband": Role.DEADBAND,
    "span": Role.MAXIMUM,
    "writable": Role.ACCESS,
    "sign": Role.SIGN,
    "inverted": Role.INVERTED,
    "encoding": Role.ENCODING,
    "time": Role.TIME,
    "otherwise": Role.OTHERWISE,
    "words": Role.STATE_WORDS,
    "plausible": Role.PLAUSIBLE,
    "raw_span": Role.RAW_MINIMUM,
    "scale_from": Role.SCALE_FROM,
    "decimals_from": Role.DECIMALS_FROM,
    "ratio_from": Role.RATIO_FROM,
    "name": Role.NAME,
}
_CODES: Final = frozenset({Qualifier.FUNCTION})


class RowReader:
    """Turns rows into points."""

    def __init__(
        self,
        sheet: Sheet,
        heads: Heads,
        options: Options,
        equipment: EquipmentClass,
        *,
        convert_units: bool = False,
    ) -> None:
        self._imported = Imported()
        self._sheet = sheet
        self._heads = heads
        self._options = options
        self._canon = Canon.of(equipment)
        self._booleans = booleans(equipment)
        self._convert = convert_units
        self._across = merged_across(sheet, heads)
        self._only_kept: list[int] = []
        self._factors = Factors()
        ignored = heads.assigned.ignored
        self._remarks = [one for one in heads.assigned.unused if one not in ignored]
        if (note := heads.columns.get(Role.NOTE)) is not None:
            self._remarks.insert(0, note)

    def read(self, rows: Sequence[PointRow], conventions: Conventions, imported: Imported) -> None:
        """Add the points of a device's rows, or their problems."""
        self._imported = imported
        self._only_kept.clear()
        self._factors = Factors()
        for row in rows:
            before = len(self._imported.problems)
            cells = RowCells(
                self._sheet,
                self._heads,
                row.row,
                across=self._across,
                imported=self._imported,
            )
            self._need_table(cells, conventions.filled_table)
            content = self._content(cells, row, conventions)
            if len(self._imported.problems) == before and row.row not in conventions.refused:
                self._keep(cells, content)
        self._factors.resolve(imported)
        if self._only_kept:
            where = registers.row_list(self._only_kept)
            self._imported.notes.append(f"remarks of {where} are only kept as text, not understood")

    def _need_table(self, cells: RowCells, filled: str) -> None:
        """Refuse an empty cell below a filled one: it may have been merged with it."""
        if filled and self._options.table is None and not cells.text(Role.TABLE):
            cells.refuse(
                Role.TABLE,
                f"an empty cell, and elsewhere {filled!r}; fill it, or say --fill-down table (the "
                "cell above counts) or --table",
            )

    def _content(self, cells: RowCells, row: PointRow, conventions: Conventions) -> Content:
        place = conventions.places.get(row.row)
        if not cells.text(Role.ADDRESS) and place is None:
            cells.refuse(
                Role.ADDRESS, "no address in this row (--fill-down address: the one above counts)"
            )
        # The other cells of a row without a usable address are looked at all the same.
        place = place or Place(0)
        place = self._with_last(cells, place, conventions)
        table, writes = self._table(cells, row, place)
        remark = self._remark(cells, conventions)
        content: Content = {"table": table.value, "address": place.address}
        content |= coding(cells, Where(table, place, self._options, conventions), remark)
        content |= scaling(
            cells, conventions, remark, floating=str(content.get("type")).startswith("float")
        )
        content |= details(cells, content, conventions, self._options)
        content |= reporting(cells, self._heads, conventions)
        content |= commanding(cells, content, conventions, writes=writes)
        self._compare_claims(
            cells, content | {role.value: one for role, one in references(cells).items()}
        )
        return content

    def _compare_claims(self, cells: RowCells, content: Content) -> None:
        """Refuse a row whose remarks or name speak of something that its columns do not say."""
        name = cells.text(Role.NAME)
        texts = {index: self._sheet.cell(cells.row, index) for index in self._remarks}
        named = self._heads.columns.get(Role.NAME)
        if named is not None:
            texts[named] = qualified(name)
        for index, text in texts.items():
            flag = f"say --column ignore={self._heads.texts[index]!r}"
            flag = "write the name without it" if index == named else flag
            for claim in () if is_empty(text) else disagreements(text, name, content):
                cells.refuse_at(
                    index, f"{claim}; say it in a column of its own, or {flag}; got {text!r}"
                )

    def _with_last(self, cells: RowCells, place: Place, conventions: Conventions) -> Place:
        last = cells.parse(
            Role.LAST,
            lambda text: registers.number(places.written(text).first, conventions.sense, text)[0],
        )
        if last is None:
            return place
        text = cells.text(Role.LAST)
        count = last - place.address + 1
        if count < 1 or place.registers not in {None, count}:
            cells.refuse(Role.LAST, f"does not end what begins at {place.address}, got {text!r}")
        return place._replace(registers=count)

    def _table(self, cells: RowCells, row: PointRow, place: Place) -> tuple[Table, bool]:
        index = self._heads.columns.get(Role.TABLE)
        qualifiers = self._heads.headings[index].qualifiers if index is not None else ()
        stated = cells.parse(Role.TABLE, lambda text: words.table(text, qualifiers))
        address = self._heads.headings[self._heads.columns[Role.ADDRESS]].qualifiers
        named = [Table(one.value) for one in address if one.value in set(Table)]
        found = {
            "the function": stated.table if stated else None,
            "the address": place.table,
            "the section above": row.table,
            "the heading of the address": named[0] if len(named) == 1 else None,
        }
        tables = {one for one in found.values() if one is not None}
        if len(tables) > 1:
            text = ", ".join(f"{what} says {one}" for what, one in found.items() if one)
            cells.refuse(Role.TABLE if stated else Role.ADDRESS, text)
        if stated and not stated.reads:
            cells.note(f"function {cells.text(Role.TABLE)} only writes; the {stated.table} is read")
        writes = bool(stated and stated.writes)
        write = cells.parse(Role.WRITE_FUNCTION, lambda text: words.table(text, _CODES))
        if write and write.table not in (tables or {write.table}):
            cells.refuse(Role.WRITE_FUNCTION, f"writes a {write.table}, and reads another table")
        if not tables and self._options.table is None:
            cells.assume("no column says the table: holding registers are assumed (--table)")
        return (
            next(iter(tables), self._options.table or Table.HOLDING),
            writes or bool(write and write.writes),
        )

    def _remark(self, cells: RowCells, conventions: Conventions) -> Remark:
        merged = Remark()
        for index in self._remarks:
            text = self._sheet.cell(cells.row, index)
            if is_empty(text):
                continue
            one = remarks.read_remark(text, conventions.comma)
            if one == Remark() and index == self._heads.columns.get(Role.NOTE):
                self._only_kept.append(cells.row)
            if one.unclear and not self._settled(cells, one, text):
                flag = f"--column ignore={self._heads.texts[index]!r}"
                cells.refuse_at(
                    index,
                    f"{one.unclear}, and is not understood; put it into its own "
                    f"column, or say {flag}",
                )
            for have, add in zip(merged[:5], one[:5], strict=True):
                if have and add and have != add:
                    cells.refuse_at(index, f"contradicts another remark, got {text!r}")
            merged = Remark(
                merged.states or one.states,
                merged.invalid or one.invalid,
                merged.scale if one.scale is None else one.scale,
                merged.order or one.order,
                merged.unit or one.unit,
            )
        return merged

    def _settled(self, cells: RowCells, one: Remark, text: str) -> bool:
        """Whether a column says already what a remark seems to say."""
        if "factor" in one.unclear:
            return any(cells.text(role) for role in (Role.SCALE, Role.DIVISOR, Role.DECIMALS))
        if "order" in one.unclear:
            return any(cells.text(role) for role in (Role.ORDER, Role.BYTE_ORDER, Role.WORD_ORDER))
        return bool(cells.text(Role.STATES)) and "invalid" not in text

    def _true_or_false(self, cells: RowCells, name: str, content: Content) -> tuple[str, Content]:
        """Let a point of the class that is true or false not become one of words."""
        if name not in self._booleans or content.get("type") != "enum":
            return name, content
        truth = as_truth(content)
        if truth is not None:
            cells.note(f"{name} is true or false for the class: imported as bool, 1 is true")
            return name, truth
        cells.unused(
            f"{name} of the class, which is true or false; it has other states here, and its rules "
            "would not see them: imported under a name of its own"
        )
        return identifier(cells, Canon({}, {}), content), content

    def _keep(self, cells: RowCells, content: Content) -> None:
        name = identifier(cells, self._canon, content)
        if not name:
            return
        name, content = self._true_or_false(cells, name, content)
        if self._convert:
            content = converted(name, self._canon, content)
        if problem := unit_problem(name, self._canon, content):
            cells.refuse(Role.UNIT, problem)
            return
        content |= display(cells, self._canon, name)
        if name in self._imported.rows:
            role = Role.POINT if cells.text(Role.POINT) else Role.NAME
            cells.refuse(role, f"the point {name} is already in row {self._imported.rows[name]}")
            return
        try:
            Point.model_validate_json(json.dumps(content), strict=True)
        except ValidationError as error:
            for path, message in explain(error, Point, content):
                cells.refuse(_ROLE_OF.get(str(path[0])) if path else None, message)
            return
        if (bracket := bracket_of(cells.text(Role.NAME))) and "name" not in content:
            cells.note(f"({bracket}) of the name is not kept")
        self._imported.rows[name] = cells.number
        self._imported.points[name] = content
        self._factors.add(cells, name)
        self._keep_bits(cells, name, content)

    def _keep_bits(self, cells: RowCells, name: str, content: Content) -> None:
        """Add the bits of the register that a cell gives a meaning, or tell how to get them."""
        texts = [self._sheet.cell(cells.row, index) for index in self._remarks]
        for text in [cells.text(Role.STATES), *texts]:
            if not states.names_bits(text):
                continue
            found = bit_points(text, name, content, self._canon)
            taken = [one for one in found or {} if one in self._imported.rows]
            if found is None or taken:
                why = f"; {', '.join(taken)} is another point" if taken else ""
                address = cells.text(Role.ADDRESS)
                cells.unused(
                    f"the meanings of bits ({text}) are not made into points{why}: give each a row "
                    f"of its own, with the address {address}.0 ... {address}.15"
                )
                continue
            self._imported.rows |= dict.fromkeys(found, cells.number)
            self._imported.points |= found
            if found:
                cells.note(f"bits of {name}, counted from 0: {', '.join(found)}")

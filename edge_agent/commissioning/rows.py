"""Rows of a point table to points of a device file; problems by row and column (pure)."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from pydantic import ValidationError

from config.base import IDENTIFIER_PATTERN
from config.classes import EquipmentClass
from config.points import DataType, Order, Point, Table
from config.problems import explain
from config.resolve import RESERVED_POINT
from edge_agent.commissioning import cells
from edge_agent.commissioning.cells import CellError, Place
from edge_agent.commissioning.columns import Heads
from edge_agent.commissioning.imported import Content, Defaults, Imported, Problem
from edge_agent.commissioning.spreadsheet import column_letter
from edge_agent.commissioning.synonyms import Column

Parsed = TypeVar("Parsed")

_COLUMN_OF: Final = {
    "table": Column.TABLE,
    "address": Column.ADDRESS,
    "type": Column.TYPE,
    "order": Column.ORDER,
    "bit": Column.BIT,
    "length": Column.LENGTH,
    "scale": Column.SCALE,
    "offset": Column.OFFSET,
    "unit": Column.UNIT,
    "enum": Column.STATES,
    "period_s": Column.PERIOD,
    "deadband": Column.DEADBAND,
    "span": Column.MAXIMUM,
    "writable": Column.ACCESS,
    "name": Column.NAME,
}
_TELLING: Final = (Column.ADDRESS, Column.TABLE, Column.TYPE, Column.SCALE, Column.UNIT)
_BITS: Final = frozenset({Table.COIL, Table.DISCRETE})
_LARGER_BCD: Final = 2


def read_rows(
    rows: Sequence[Sequence[str]],
    heads: Heads,
    *,
    defaults: Defaults,
    equipment: EquipmentClass,
) -> Imported:
    """Return the points of all rows below the heads."""
    reader = _Reader(heads, defaults, equipment)
    for number, row in enumerate(rows[heads.row + 1 :], start=heads.row + 2):
        if any(row):
            reader.take(number, row)
    return reader.imported


class _Reader:
    def __init__(self, heads: Heads, defaults: Defaults, equipment: EquipmentClass) -> None:
        self.imported = Imported()
        self._heads = heads
        self._defaults = defaults
        self._row: Sequence[str] = ()
        self._number = 0
        self._units = {name: point.unit for name, point in equipment.points.items()}
        self._canonical = {
            word.casefold(): name
            for name, point in equipment.points.items()
            for word in (name, point.name.zh, point.name.en)
        }

    def take(self, number: int, row: Sequence[str]) -> None:
        """Add one row's point, or its problems."""
        self._number, self._row = number, row
        if self._is_heading():
            self.imported.notes.append(f"row {number} has no address and no type: a heading")
            return
        before = len(self.imported.problems)
        # The other cells of a row without a usable address are looked at all the same.
        content = self._content(self._address() or Place(0))
        if len(self.imported.problems) > before:
            return
        name = self._name(content)
        if name and self._unit_fits(name, content):
            self._keep(name, content | self._display(name))

    def _is_heading(self) -> bool:
        if not any(self._text(column) for column in _TELLING):
            return True
        if sum(bool(cell) for cell in self._row) > 1:
            return False
        try:
            cells.parse_place(self._text(Column.ADDRESS), self._defaults.numbering)
        except CellError:
            return True
        return False

    def _address(self) -> Place | None:
        text = self._text(Column.ADDRESS)
        if not text:
            self._complain(Column.ADDRESS, "no address in this row")
            return None
        numbering = self._defaults.numbering
        return self._parse(Column.ADDRESS, lambda cell: cells.parse_place(cell, numbering))

    def _content(self, place: Place) -> Content:
        table = self._parse(Column.TABLE, cells.parse_table)
        if table and place.table and table is not place.table:
            self._complain(Column.TABLE, f"says {table}, but the address is one of {place.table}")
        chosen = table or place.table or self._defaults.table
        bit = self._parse(Column.BIT, lambda cell: cells.parse_whole(cell, 0, 15))
        states = self._parse(Column.STATES, cells.parse_states)
        content: Content = {"table": chosen.value, "address": place.address}
        content |= self._type(chosen, place.bit if bit is None else bit, states, place.registers)
        if (order := self._parse(Column.ORDER, cells.parse_order) or self._defaults.order) and (
            order is not Order.ABCD and chosen not in _BITS
        ):
            content["order"] = order.value
        content |= self._scaling()
        return content | self._writable(content)

    def _type(
        self, table: Table, bit: int | None, states: dict[int, str] | None, registers: int | None
    ) -> Content:
        kind = self._parse(Column.TYPE, cells.parse_type) or self._defaults.type
        length = self._parse(Column.LENGTH, lambda cell: cells.parse_whole(cell, 1, 125))
        length = length or registers
        if table in _BITS and kind in {None, DataType.BIT, DataType.BOOL}:
            return {"type": DataType.BOOL.value}
        if bit is not None and kind in {None, DataType.BIT, DataType.BOOL, DataType.UINT16}:
            return {"type": DataType.BIT.value, "bit": bit}
        if states and kind in {None, DataType.ENUM, DataType.INT16, DataType.UINT16}:
            return {"type": DataType.ENUM.value, "enum": states}
        if kind is None:
            if not self._text(Column.TYPE):
                allowed = ", ".join(DataType)
                message = f"no data type; expected one of {allowed}, or use --type"
                self._complain(Column.TYPE, message)
            return {}
        if kind is DataType.BCD16 and length == _LARGER_BCD:
            kind = DataType.BCD32
        content: Content = {"type": kind.value}
        if kind is DataType.STRING:
            content["length"] = length
        else:
            self._check_length(kind, length)
        return content if bit is None else {**content, "bit": bit}

    def _check_length(self, kind: DataType, length: int | None) -> None:
        if length is None or kind in {DataType.ENUM, DataType.BITFIELD}:
            return
        words = Point.model_construct(type=kind).words
        if length != words:
            column = Column.LENGTH if self._text(Column.LENGTH) else Column.ADDRESS
            registers = "1 register" if words == 1 else f"{words} registers"
            self._complain(column, f"{kind} takes {registers}, got {length}")

    def _scaling(self) -> Content:
        content: Content = {}
        for key, column in (("scale", Column.SCALE), ("offset", Column.OFFSET)):
            number = self._parse(column, cells.parse_number)
            if number is not None and number != (1 if key == "scale" else 0):
                content[key] = number
        if unit := self._parse(Column.UNIT, cells.parse_unit):
            content["unit"] = unit
        if (period_s := self._parse(Column.PERIOD, cells.parse_period)) is not None:
            content["period_s"] = period_s
        if (deadband := self._parse(Column.DEADBAND, _deadband)) is not None:
            content["deadband"] = deadband
        if note := self._text(Column.NOTE):
            content["note"] = note
        return content

    def _writable(self, content: Content) -> Content:
        wanted = self._parse(Column.ACCESS, cells.parse_access)
        low = self._parse(Column.MINIMUM, cells.parse_number)
        high = self._parse(Column.MAXIMUM, cells.parse_number)
        if not wanted:
            return {}
        if content.get("type") in {DataType.BOOL.value, DataType.BIT.value}:
            low, high = 0, 1
        if low is None or high is None:
            # What may be commanded is never guessed.
            self.imported.notes.append(
                f"row {self._number}: writable without minimum and maximum; imported as read only"
            )
            return {}
        return {"writable": {"minimum": low, "maximum": high}}

    def _name(self, content: Content) -> str:
        """Choose the point's identifier: its own, the class's, or one made from what there is."""
        own = self._text(Column.POINT)
        if own:
            if own.casefold() in self._canonical:
                return self._canonical[own.casefold()]
            if not re.fullmatch(IDENTIFIER_PATTERN, own) or own == RESERVED_POINT:
                allowed = "letters, digits, '_', '-', '.', first a letter or digit"
                self._complain(Column.POINT, f"expected {allowed}; not connection; got {own!r}")
                return ""
            return own
        for column in (Column.NAME, Column.ENGLISH):
            if (text := self._text(column).casefold()) in self._canonical:
                return self._canonical[text]
        for column in (Column.ENGLISH, Column.NAME):
            text = self._text(column)
            made = re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")
            if text.isascii() and re.match(r"[a-z]", made):
                return made[:64]
        bit = f"_{content['bit']}" if "bit" in content else ""
        return f"{content['table']}_{content['address']}{bit}"

    def _unit_fits(self, name: str, content: Content) -> bool:
        """Check that the class's alarm limits mean the same unit as the table."""
        wanted = self._units.get(name, "")
        got = content.get("unit", wanted)
        if wanted and got != wanted:
            self._complain(
                Column.UNIT,
                f"the class has {name} in {wanted}: give the factor to {wanted} and write {wanted} "
                f"here, or name another point; got {got!r}",
            )
        return not wanted or got == wanted

    def _display(self, name: str) -> Content:
        text, english = self._text(Column.NAME), self._text(Column.ENGLISH)
        if name in self._canonical.values() or not (text or english):
            return {}
        plain = name.replace("_", " ").capitalize()
        if text.isascii():
            return {"name": {"en": english or text or plain, "zh": text or english}}
        return {"name": {"en": english or plain, "zh": text}}

    def _keep(self, name: str, content: Content) -> None:
        column = Column.POINT if self._text(Column.POINT) else Column.NAME
        if name in self.imported.rows:
            self._complain(column, f"the point {name} is already in row {self.imported.rows[name]}")
            return
        try:
            Point.model_validate_json(json.dumps(content), strict=True)
        except ValidationError as error:
            for path, message in explain(error, Point, content):
                self._complain(_COLUMN_OF.get(str(path[0])) if path else None, message)
            return
        self.imported.rows[name] = self._number
        self.imported.points[name] = content

    def _parse(self, column: Column, parser: Callable[[str], Parsed]) -> Parsed | None:
        text = self._text(column)
        if not text:
            return None
        try:
            return parser(text)
        except CellError as error:
            self._complain(column, str(error))
            return None

    def _text(self, column: Column) -> str:
        index = self._heads.columns.get(column)
        if index is None or index >= len(self._row) or cells.is_empty(self._row[index]):
            return ""
        return self._row[index]

    def _complain(self, column: Column | None, message: str) -> None:
        index = None if column is None else self._heads.columns.get(column)
        where = (
            "" if index is None else f", column {column_letter(index)} {self._heads.texts[index]}"
        )
        self.imported.problems.append(Problem(self._number, where, message))


def _deadband(text: str) -> float | Mapping[str, float]:
    plain = text.strip()
    if plain.endswith("%"):
        return {"percent": cells.parse_number(plain[:-1])}
    return cells.parse_number(plain)

"""Rows of such a table to points; problems by row and column (pure)."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pydantic import ValidationError

from config.base import IDENTIFIER_PATTERN
from config.cjt188 import FieldPoint
from config.classes import EquipmentClass
from config.errors import ConfigError
from config.gateway import RESERVED_POINT
from config.problems import explain, suggestion
from config.protocol_point import ProtocolPoint
from edge_agent.commissioning.point_table.naming import Canon
from edge_agent.commissioning.point_table.outcome import Content, Imported, Problem
from edge_agent.commissioning.point_table.placed.columns import (
    ACCESS,
    CELLS,
    ENGLISH,
    NAME,
    POINT,
    column_headed,
    columns_of,
    headings_of,
)
from edge_agent.commissioning.point_table.scaling import converted, unit_problem
from edge_agent.commissioning.point_table.sheet import Sheet
from edge_agent.commissioning.point_table.text import CellError, compact, is_empty
from edge_agent.commissioning.spreadsheet import column_letter

_MOST_HEADS: Final = 30
_LONGEST: Final = 64


class PlacedHeads(NamedTuple):
    """The headings of a table.

    Attributes:
        row: Where they are, counted from 0.
        columns: Column to its index.
        unknown: Index to a heading that is none.
    """

    row: int
    columns: Mapping[str, int]
    unknown: Mapping[int, str]


def placed_heads(sheet: Sheet, model: type[ProtocolPoint]) -> PlacedHeads | None:
    """Return the headings; None: no row has the column that places a point and another one."""
    for row, cells in enumerate(sheet.rows[:_MOST_HEADS]):
        named = {index: column_headed(text, model) for index, text in enumerate(cells)}
        if model.TAG in named.values() and len({*named.values()} - {""}) > 1:
            columns: dict[str, int] = {}
            unknown = {i: cells[i] for i, column in named.items() if not column and cells[i]}
            for index, column in named.items():
                if column and column in columns:
                    unknown[index] = cells[index]
                elif column:
                    columns[column] = index
            return PlacedHeads(row, columns, unknown)
    return None


def find_placed(sheets: Sequence[Sheet], model: type[ProtocolPoint]) -> tuple[Sheet, PlacedHeads]:
    """Return the sheet that holds the table, and its headings.

    Raises:
        ConfigError: None does, or several do.
    """
    heads = [(sheet, placed_heads(sheet, model)) for sheet in sheets]
    found = [(sheet, one) for sheet, one in heads if one is not None]
    if not found:
        wanted = ", ".join(one for one in headings_of(model.TAG) if one)
        message = f"no row of heads in the first {_MOST_HEADS} rows: one column is headed by one of"
        more = "and there is another one; see: plantroom agent import --template"
        raise ConfigError(f"{sheets[0].name}: {message} {wanted}, {more}")
    if sheets[0].separator:
        # One text, cut in several ways: the best cut has the most columns.
        return max(found, key=lambda one: len(one[1].columns))
    if len(found) > 1:
        names = ", ".join(repr(sheet.title) for sheet, _ in found)
        raise ConfigError(f"{sheets[0].name}: several sheets hold tables ({names}): say --sheet")
    return found[0]


class PlacedReader:
    """Turns the rows of one table into points.

    Args:
        sheet: Its cells.
        heads: Its headings.
        model: The kind of its points.
        equipment: Whose names and units count.
        meter_type: Type of a CJ/T 188 meter.
        convert_units: Bring numbers into the class's unit.
    """

    def __init__(
        self,
        sheet: Sheet,
        heads: PlacedHeads,
        model: type[ProtocolPoint],
        equipment: EquipmentClass,
        *,
        meter_type: int,
        convert_units: bool = False,
    ) -> None:
        self._sheet = sheet
        self._heads = heads
        self._model = model
        self._canon = Canon.of(equipment)
        self._meter_type = meter_type
        self._convert = convert_units
        self._imported = Imported()

    def read(self, ignored: Sequence[str] = ()) -> Imported:
        """Return the points of all rows below the headings.

        Args:
            ignored: Headings of columns that do not count.
        """
        self._imported = Imported()
        for index, text in self._heads.unknown.items():
            if text not in ignored:
                self._refuse_heading(index, text)
        for row in range(self._heads.row + 1, len(self._sheet.rows)):
            self._read_row(row)
        return self._imported

    def _refuse_heading(self, index: int, text: str) -> None:
        known = list(columns_of(self._model))
        twice = column_headed(text, self._model)
        why = f"no column of such a table{suggestion(text, known)} There are: {', '.join(known)}"
        if twice:
            why = f"a second column for {twice}"
        hint = f"; or say --column ignore={text!r}"
        self._imported.problems.append(
            Problem(self._heads.row + 1, self._column(index), why + hint)
        )

    def _read_row(self, row: int) -> None:
        texts = {name: self._sheet.cell(row, at) for name, at in self._heads.columns.items()}
        texts = {name: text for name, text in texts.items() if not is_empty(text)}
        if not texts:
            return
        if self._model.TAG not in texts:
            if len(texts) == 1:
                self._imported.notes.append(f"row {row + 1} has no {self._model.TAG}: a heading")
            else:
                self._refuse(row, self._model.TAG, "this row does not say it")
            return
        before = len(self._imported.problems)
        content = self._content(row, texts)
        name = self._name(row, texts)
        if len(self._imported.problems) == before:
            self._keep(row, name, content)

    def _content(self, row: int, texts: Mapping[str, str]) -> Content:
        content: Content = {}
        for column, text in texts.items():
            fault = self._sheet.faults.get((row, self._heads.columns[column]))
            if fault is not None:
                self._refuse(row, column, fault)
                continue
            try:
                value = CELLS[column](text)
            except CellError as error:
                self._refuse(row, column, str(error))
                continue
            if column == ACCESS:
                content |= {"writable": {}} if value else {}
            elif column not in {POINT, NAME, ENGLISH}:
                content[_key_of(self._model, column)] = value
        return content

    def _name(self, row: int, texts: Mapping[str, str]) -> str:
        for word in (texts.get(one, "") for one in (NAME, ENGLISH, POINT)):
            if word and (known := self._canon.names.get(compact(word))):
                return known
        own = texts.get(POINT, "")
        if own:
            if re.fullmatch(IDENTIFIER_PATTERN, own) and own != RESERVED_POINT:
                return own
            allowed = "letters, digits, '_', '-', '.', first a letter or digit"
            self._refuse(row, POINT, f"expected {allowed}; not {RESERVED_POINT}; got {own!r}")
            return ""
        for text in (texts.get(ENGLISH, ""), texts.get(NAME, "")):
            made = re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")[:_LONGEST]
            if text.isascii() and re.match(r"[a-z]", made):
                return made
        message = "the point needs an identifier: a column point, or a name that the class knows"
        self._refuse(row, POINT, message)
        return ""

    def _keep(self, row: int, name: str, content: Content) -> None:
        if self._convert and "scale" in self._model.model_fields:
            content = converted(name, self._canon, content)
        if problem := unit_problem(name, self._canon, content):
            self._refuse(row, "unit", problem)
            return
        content |= self._shown(row, name)
        if name in self._imported.rows:
            message = f"the point {name} is already in row {self._imported.rows[name]}"
            self._refuse(row, POINT if POINT in self._heads.columns else NAME, message)
            return
        try:
            point = self._model.model_validate_json(json.dumps(content), strict=True)
        except ValidationError as error:
            for path, message in explain(error, self._model, content):
                self._refuse(row, self._column_of(path, message), message)
            return
        if isinstance(point, FieldPoint) and not point.is_given_by(self._meter_type):
            message = f"a meter of type {self._meter_type:02X} has no {point.where} (--meter-type)"
            self._refuse(row, FieldPoint.TAG, message)
            return
        self._imported.rows[name] = row + 1
        self._imported.points[name] = content

    def _shown(self, row: int, name: str) -> Content:
        """Return the name that staff see; the class has its own for a canonical point."""
        cells = {one: self._cell(row, one) for one in (NAME, ENGLISH)}
        if name in self._canon.units or not any(cells.values()):
            return {}
        plain = cells[ENGLISH] or name.replace("_", " ").capitalize()
        text = cells[NAME] or plain
        english = text if text.isascii() and not cells[ENGLISH] else plain
        return {"name": {"en": english, "zh": text}}

    def _cell(self, row: int, column: str) -> str:
        index = self._heads.columns.get(column)
        return "" if index is None else self._sheet.cell(row, index)

    def _column_of(self, path: Sequence[str | int], message: str) -> str:
        """Return the column that a problem is in: it begins with its option's name."""
        named = str(path[0]) if path else message.partition(" ")[0].rstrip(":")
        known = {_key_of(self._model, one): one for one in self._model.model_fields}
        return ACCESS if named == "writable" else known.get(named, named)

    def _refuse(self, row: int, column: str, message: str) -> None:
        index = self._heads.columns.get(column)
        where = "" if index is None else self._column(index)
        self._imported.problems.append(Problem(row + 1, where, message))

    def _column(self, index: int) -> str:
        heading = self._sheet.cell(self._heads.row, index)
        return f", column {column_letter(index)} {heading}"


def _key_of(model: type[ProtocolPoint], column: str) -> str:
    """Return the key of a device file that a column fills."""
    return model.model_fields[column].alias or column

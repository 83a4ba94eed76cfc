"""Access to one row's cells by role; problems carry row, column and heading."""

from collections.abc import Callable
from typing import Final, TypeVar

from edge_agent.commissioning.point_table.finding import Heads
from edge_agent.commissioning.point_table.outcome import Imported, Problem
from edge_agent.commissioning.point_table.qualifiers import Qualifier
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.sheet import Sheet
from edge_agent.commissioning.point_table.text import CellError, is_empty
from edge_agent.commissioning.spreadsheet import column_letter

Parsed = TypeVar("Parsed")
_PLACES: Final = frozenset({Role.ADDRESS, Role.LAST})


class RowCells:
    """The cells of one row."""

    def __init__(
        self,
        sheet: Sheet,
        heads: Heads,
        row: int,
        *,
        across: frozenset[tuple[int, int]],
        imported: Imported,
    ) -> None:
        self.row = row
        self._sheet = sheet
        self._heads = heads
        self._across = across
        self._imported = imported
        self._faulty: set[Role] = set()

    @property
    def number(self) -> int:
        """The row as people count it."""
        return self.row + 1

    def has(self, role: Role) -> bool:
        """Whether the table has a column of this role."""
        return role in self._heads.columns

    def weight(self, role: Role) -> int:
        """Return how surely the heading means a role, 3 to 1; 0 where only ``--column`` says so."""
        index = self._heads.columns.get(role)
        return 0 if index is None else self._heads.headings[index].roles.get(role, 0)

    def qualifiers(self, role: Role) -> frozenset[Qualifier]:
        """Return what the heading of a role says about its cells."""
        index = self._heads.columns.get(role)
        return self._heads.headings[index].qualifiers if index is not None else frozenset()

    def text(self, role: Role) -> str:
        """Return a cell; empty where it says nothing, or, with a problem, has no value."""
        index = self._heads.columns.get(role)
        if index is None:
            return ""
        text = self._sheet.cell(self.row, index)
        fault = self._fault(index, role)
        if fault and role not in self._faulty:
            self._faulty.add(role)
            self.refuse(role, f"{fault}; got {text!r}")
        if fault:
            return ""
        return "" if is_empty(text) else text

    def parse(self, role: Role, parser: Callable[[str], Parsed]) -> Parsed | None:
        """Return what a cell says; None where it is empty or, with a problem, not understood."""
        text = self.text(role)
        if not text:
            return None
        try:
            return parser(text)
        except CellError as error:
            self.refuse(role, str(error))
            return None

    def refuse(self, role: Role | None, message: str) -> None:
        """Refuse the row."""
        index = None if role is None else self._heads.columns.get(role)
        self._imported.problems.append(Problem(self.number, self._where(index), message))

    def refuse_at(self, index: int, message: str) -> None:
        """Refuse the row for the cell of a column."""
        self._imported.problems.append(Problem(self.number, self._where(index), message))

    def note(self, message: str) -> None:
        """Add what was understood to the report."""
        self._imported.notes.append(f"row {self.number}: {message}")

    def assume(self, message: str) -> None:
        """Report what no column and no option says of this row."""
        self._imported.assumed.setdefault(message, []).append(self.row)

    def unused(self, message: str) -> None:
        """Report what is not in the device file."""
        self._imported.unused.append(f"row {self.number}: {message}")

    def _where(self, index: int | None) -> str:
        if index is None:
            return ""
        return f", column {column_letter(index)} {self._heads.texts.get(index, '')}"

    def _fault(self, index: int, role: Role) -> str:
        fault = self._sheet.faults.get((self.row, index), "")
        if not fault and role in _PLACES and (self.row, index) in self._sheet.fractions:
            fault = "Excel keeps 100.1 and 100.10 as one number; format the cell as text"
        if not fault and (self.row, index) in self._across:
            fault = "a cell merged over several columns of the table"
        return fault


def merged_across(sheet: Sheet, heads: Heads) -> frozenset[tuple[int, int]]:
    """Return the places of cells that are merged over several columns that have a role."""
    used = set(heads.columns.values())
    return frozenset(
        (row, column)
        for merge in sheet.merges
        if len(used & set(range(merge.left, merge.right + 1))) > 1
        for row in range(merge.top, merge.bottom + 1)
        for column in range(merge.left, merge.right + 1)
    )

"""What goes into the reading of a point table, and what comes out of it."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from config.points import DataType, Order, Table
from edge_agent.commissioning.point_table.roles import Role

Numbering: TypeAlias = Literal["pdu", "one-based", "modicon"]
Base: TypeAlias = Literal["dec", "hex"]
Content = dict[str, object]
"""The options of one point, as in a device file."""


class Options(NamedTuple):
    """What the command line gave; None where it gave nothing.

    Args:
        numbering: What the first register is called.
        base: Base of addresses without a mark.
        table: Where a row names no table.
        order: Order where a row names none.
        type: Data type where a row names none.
        fill_down: Roles whose empty cells repeat the one above.
        only: Headings and the values of the rows that are imported.
        zone: Whose clock dates and times show.
        settled: Roles that ``--column`` gave, so that they are no longer ambiguous.
    """

    numbering: Numbering | None = None
    base: Base | None = None
    table: Table | None = None
    order: Order | None = None
    type: DataType | None = None
    fill_down: frozenset[Role] = frozenset()
    only: tuple[tuple[str, str], ...] = ()
    settled: frozenset[Role] = frozenset()
    zone: str | None = None


class Problem(NamedTuple):
    """What is wrong in one cell, in a row, or in the whole table (row 0)."""

    row: int
    where: str
    message: str

    def __str__(self) -> str:
        return f"row {self.row}{self.where}: {self.message}" if self.row else self.message


@dataclass
class Imported:
    """What a point table came to.

    Args:
        rows: Point to the row that it is from.
        points: Point to its options.
        problems: What was refused.
        notes: What was understood and is worth knowing.
        unused: What the table says and the device file does not: told, and refused by --strict.
        assumed: What no column and no option says, to the rows that it is assumed for.
        unit: Number of the one unit that the points are about; None where the table names none.
        name: Name of the device, where the table holds several.
        devices: What each device came to, where the table holds several; they have no more notes.
    """

    rows: dict[str, int] = field(default_factory=dict[str, int])
    points: dict[str, Content] = field(default_factory=dict[str, Content])
    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[str] = field(default_factory=list[str])
    unused: list[str] = field(default_factory=list[str])
    assumed: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    unit: int | None = None
    name: str = ""
    devices: "list[Imported]" = field(default_factory=list["Imported"])

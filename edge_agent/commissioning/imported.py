"""What goes into the reading of a point table, and what comes out of it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from config.points import DataType, Order, Table
from edge_agent.commissioning.cells import Numbering

Content = dict[str, object]
"""The options of one point, as in a device file."""


class Defaults(NamedTuple):
    """What holds where the table says nothing."""

    numbering: Numbering
    table: Table
    order: Order
    type: DataType | None


class Problem(NamedTuple):
    """What is wrong in one cell, or in a row."""

    row: int
    where: str
    message: str

    def __str__(self) -> str:
        return f"row {self.row}{self.where}: {self.message}"


@dataclass
class Imported:
    """What a point table came to."""

    rows: dict[str, int] = field(default_factory=dict[str, int])
    points: dict[str, Content] = field(default_factory=dict[str, Content])
    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[str] = field(default_factory=list[str])

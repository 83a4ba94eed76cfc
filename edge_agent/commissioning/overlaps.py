"""Points that lie on each other's registers: a slip of the table, most of the time (pure)."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from config.points import DataType, Point
from edge_agent.commissioning.explain import place

_PARTS: Final = frozenset({DataType.BIT, DataType.BITFIELD})
"""Bits of one register, beside the register itself, are how devices are made."""


class _Placed(NamedTuple):
    table: str
    address: int
    end: int
    name: str
    point: Point


def overlaps(points: Mapping[str, Mapping[str, object]], rows: Mapping[str, int]) -> list[str]:
    """Return a note for each two neighbours that share registers.

    Args:
        points: Point name to its options, as in a device file; each a right one.
        rows: Point name to the row that it is from.
    """
    placed = sorted(
        _Placed(one.table, one.address, one.address + one.words, name, one)
        for name, one in ((name, Point.model_validate(content)) for name, content in points.items())
        if one.type not in _PARTS and not one.is_part
    )
    return [
        f"row {rows[low.name]} {_described(low)} and row {rows[high.name]} {_described(high)} "
        "share registers; is the type or the address right?"
        for low, high in pairwise(placed)
        if low.table == high.table and high.address < low.end
    ]


def _described(one: _Placed) -> str:
    where = place(one.point.table, one.address, one.point.words)
    return f"{one.name} ({where}, {one.point.type})"

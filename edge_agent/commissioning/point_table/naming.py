"""The identifier and the names of a point (pure)."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from config.base import IDENTIFIER_PATTERN
from config.classes import EquipmentClass
from config.gateway import RESERVED_POINT
from edge_agent.commissioning.point_table.outcome import Content
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.row_cells import RowCells
from edge_agent.commissioning.point_table.text import compact

_BRACKET: Final = re.compile(r"\s*[(（\[【]([^()（）\[\]【】]*)[)）\]】]\s*$")
_FACTOR: Final = re.compile(r"\s[x×*÷/]\s*\d+(?:\.\d+)?\s*$|[×*÷]\s*\d+(?:\.\d+)?\s*$")
_LONGEST: Final = 64


class Canon(NamedTuple):
    """The points of an equipment class.

    Args:
        names: Each name and alias, without spaces, to its point.
        units: Point to its unit.
    """

    names: Mapping[str, str]
    units: Mapping[str, str]

    @classmethod
    def of(cls, equipment: EquipmentClass) -> "Canon":
        """Return the points of a class under all their names."""
        return cls(
            {
                compact(word): name
                for name, point in equipment.points.items()
                for word in (name, point.name.zh, point.name.en, *point.aliases)
            },
            {name: point.unit for name, point in equipment.points.items()},
        )


def bracket_of(name: str) -> str:
    """Return what stands in the bracket at the end of a name: 供水温度(℃)."""
    found = _BRACKET.search(name)
    return found[1] if found else ""


def qualified(name: str) -> str:
    """Return what in a name may speak of its value: its bracket, or a factor at its end: P x10."""
    found = _FACTOR.search(name)
    return bracket_of(name) or (found[0].strip() if found else "")


def identifier(cells: RowCells, canon: Canon, content: Content) -> str:
    """Choose the point's identifier: its own, the class's, or one made from what there is."""
    own = cells.text(Role.POINT)
    names = [cells.text(role) for role in (Role.NAME, Role.ENGLISH, Role.POINT)]
    for text in names:
        for word in (text, _BRACKET.sub("", text)):
            if word and (known := canon.names.get(compact(word))):
                return known
    if own:
        if len(own) > _LONGEST:
            cells.refuse(Role.POINT, f"longer than {_LONGEST} characters, got {own!r}")
            return ""
        if re.fullmatch(IDENTIFIER_PATTERN, own) and own != RESERVED_POINT:
            return own
        if own.isascii():
            allowed = "letters, digits, '_', '-', '.', first a letter or digit"
            cells.refuse(Role.POINT, f"expected {allowed}; not connection; got {own!r}")
            return ""
    for text in (names[1], names[0]):
        made = re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")
        if text.isascii() and re.match(r"[a-z]", made):
            return made[:_LONGEST]
    bit = f"_{content['bit']}" if "bit" in content else ""
    return f"{content['table']}_{content['address']}{bit}"


def display(cells: RowCells, canon: Canon, name: str) -> Content:
    """Return the name that staff see; the class has its own for a canonical point."""
    text = cells.text(Role.NAME) or (
        "" if cells.text(Role.POINT).isascii() else cells.text(Role.POINT)
    )
    english = cells.text(Role.ENGLISH)
    if name in canon.units or not (text or english):
        return {}
    plain = name.replace("_", " ").capitalize()
    if text.isascii():
        return {"name": {"en": english or text or plain, "zh": text or english}}
    return {"name": {"en": english or plain, "zh": text}}

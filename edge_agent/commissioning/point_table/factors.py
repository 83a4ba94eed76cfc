"""Factors that lie in other registers of the table: scale factors, decimals, ratios (pure)."""

import re
from typing import Final

from edge_agent.commissioning.point_table.outcome import Content, Imported
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.row_cells import RowCells
from edge_agent.commissioning.point_table.text import CellError, compact

_KEYS: Final = {
    Role.SCALE_FROM: "scale_from",
    Role.DECIMALS_FROM: "decimals_from",
    Role.RATIO_FROM: "ratio_from",
}


def references(cells: RowCells) -> dict[Role, str]:
    """Return what the factors of a row are read from, as the table writes it."""
    return {role: text for role in _KEYS if (text := cells.text(role))}


class Factors:
    """Rows that others scale; a factor may stand below what it scales."""

    def __init__(self) -> None:
        self._points: dict[str, set[str]] = {}
        self._wanted: list[tuple[RowCells, str]] = []

    def add(self, cells: RowCells, name: str) -> None:
        """Add under which words the point of a row may be named, and what scales it."""
        words = (name, cells.text(Role.POINT), cells.text(Role.NAME), cells.text(Role.ENGLISH))
        for word in (*words, cells.text(Role.ADDRESS)):
            if word:
                self._points.setdefault(compact(word), set()).add(name)
        if references(cells):
            self._wanted.append((cells, name))

    def resolve(self, imported: Imported) -> None:
        """Write the factors into their points, or refuse the rows."""
        for cells, name in self._wanted:
            content = imported.points.get(name)
            for role, text in references(cells).items() if content is not None else ():
                try:
                    found = self._named(text, several=role is Role.RATIO_FROM)
                except CellError as error:
                    cells.refuse(role, str(error))
                    continue
                assert content is not None  # noqa: S101 (asked above)
                content[_KEYS[role]] = found if role is Role.RATIO_FROM else found[0]
                self._check(cells, role, content)

    def _check(self, cells: RowCells, role: Role, content: Content) -> None:
        if content.get("writable"):
            cells.refuse(role, "a point that others scale cannot be commanded")
        if content.get("scale_from") and content.get("decimals_from"):
            cells.refuse(role, "a scale factor and decimals: two words for one thing")

    def _named(self, text: str, *, several: bool) -> list[str]:
        """Return the points that a cell names by name, identifier or address: PT*CT, 40010."""
        parts = re.split(r"[*×,、;]+", text) if several else [text]
        found: list[str] = []
        for part in (one for one in parts if one.strip()):
            points = self._points.get(compact(part), set())
            if len(points) != 1:
                how = "no point" if not points else f"{len(points)} points"
                raise CellError(
                    f"{how} of this table named {part.strip()!r} or with that address; give its "
                    "register a row of its own (a ratio that is in no register goes into the "
                    f"device file by hand: ratios); got {text!r}"
                )
            found += points
        return found

"""The row of headings of a sheet, in one line or two (pure)."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from edge_agent.commissioning.point_table import places
from edge_agent.commissioning.point_table.assignment import Assignment, assign, fits
from edge_agent.commissioning.point_table.headings import Heading, read_heading
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.sheet import Sheet
from edge_agent.commissioning.point_table.text import CellError, compact

_ROWS_SEARCHED: Final = 30
_LEAST_HEADS: Final = 2


class Heads(NamedTuple):
    """The headings of a table.

    Args:
        row: Index of their first row.
        last: Index of their last row.
        headings: Column to what its heading means.
        assigned: Which column has which role.
    """

    row: int
    last: int
    headings: dict[int, Heading]
    assigned: Assignment

    @property
    def columns(self) -> dict[Role, int]:
        """Role to column."""
        return self.assigned.columns

    @property
    def texts(self) -> dict[int, str]:
        """Column to heading, on one line."""
        return {index: heading.text for index, heading in self.headings.items()}

    def has_addresses(self, sheet: Sheet) -> bool:
        """Whether some cell below is an address; a page that explains a table has none."""
        column = self.columns[Role.ADDRESS]
        return any(
            fits(Role.ADDRESS, sheet.cell(row, column))
            for row in range(self.last + 1, len(sheet.rows))
        )


class UnknownHeadingError(ValueError):
    """``--column`` names a heading that the table does not have."""


def find_heads(sheet: Sheet, chosen: Mapping[Role, Sequence[str]] | None = None) -> Heads | None:
    """Return the row that heads an address and most other columns; None when there is none.

    Raises:
        UnknownHeadingError: A heading that was chosen is not there.
    """
    wanted = chosen or {}
    best: Heads | None = None
    for row in range(min(_ROWS_SEARCHED, len(sheet.rows))):
        one = _line(sheet, row)
        candidates = [_heads(sheet, row, row, one, wanted)]
        if len(set(one.values())) > 1 and _may_be_second(sheet, row + 1):
            two = _two_lines(sheet, row, one)
            candidates.append(_heads(sheet, row, row + 1, two, wanted))
        for heads in candidates:
            if heads is not None and (best is None or _rank(heads) > _rank(best)):
                best = heads
    if best is not None:
        _check(best, wanted)
    return best


def same_heading(text: str, wanted: str) -> bool:
    """Whether a heading is the one that somebody typed."""
    return compact(text) == compact(wanted)


def _rank(heads: Heads) -> tuple[int, int]:
    return len(heads.columns) + len(heads.assigned.addresses), heads.row - heads.last


def _check(heads: Heads, wanted: Mapping[Role, Sequence[str]]) -> None:
    for role, texts in wanted.items():
        for text in texts:
            if not any(same_heading(one, text) for one in heads.texts.values()):
                there = ", ".join(repr(one) for one in heads.texts.values())
                raise UnknownHeadingError(
                    f"--column {role}={text}: no such heading; there are: {there}"
                )


def _heads(
    sheet: Sheet,
    row: int,
    last: int,
    texts: Mapping[int, str],
    wanted: Mapping[Role, Sequence[str]],
) -> Heads | None:
    if len(texts) < _LEAST_HEADS:
        return None
    headings = {index: read_heading(text) for index, text in texts.items()}
    chosen = {
        index: role
        for index, heading in headings.items()
        for role, names in wanted.items()
        if any(same_heading(heading.text, name) for name in names)
    }
    below = sheet.rows[last + 1 :]
    if Role.ADDRESS not in chosen.values() and not any(
        Role.ADDRESS in heading.roles for heading in headings.values()
    ):
        return None
    assigned = assign(
        headings, lambda index: [cells[index] for cells in below if index < len(cells)], chosen
    )
    if Role.ADDRESS not in assigned.columns or len(assigned.columns) < _LEAST_HEADS:
        return None
    return Heads(row, last, headings, assigned)


def _line(sheet: Sheet, row: int) -> dict[int, str]:
    return {index: text for index, text in enumerate(sheet.rows[row]) if text}


def _may_be_second(sheet: Sheet, row: int) -> bool:
    """Whether a row can be the second line of headings: words, and none of them an address."""
    texts = [text for text in sheet.rows[row] if text] if row < len(sheet.rows) else []
    if not texts:
        return False
    for text in texts:
        try:
            places.written(text)
        except CellError:
            continue
        return False
    return any(read_heading(text).meanings for text in texts)


def _two_lines(sheet: Sheet, row: int, upper: Mapping[int, str]) -> dict[int, str]:
    over = dict(upper)
    down: set[int] = set()
    for merge in sheet.merges:
        if merge.top <= row <= merge.bottom:
            text = sheet.cell(merge.top, merge.left)
            over |= {index: text for index in range(merge.left, merge.right + 1) if text}
            if merge.bottom > row:
                down |= set(range(merge.left, merge.right + 1))
    under = {index: text for index, text in _line(sheet, row + 1).items() if index not in down}
    together: dict[int, str] = {}
    for index in sorted({*over, *under}):
        top, bottom = over.get(index, ""), under.get(index, "")
        both = f"{top} {bottom}".strip()
        if top and bottom and not _agree(both):
            # "Modbus" or "量程" above a group of columns; the lower line tells them apart.
            both = bottom if read_heading(bottom).meanings else both
        together[index] = both
    return together


def _agree(text: str) -> bool:
    heading = read_heading(text)
    return bool(heading.meanings) and not heading.rest

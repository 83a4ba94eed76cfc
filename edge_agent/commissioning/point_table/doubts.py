"""Columns that may be meant in two ways; each refuses the table and names the flag (pure)."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from edge_agent.commissioning.point_table.headings import Heading
from edge_agent.commissioning.point_table.roles import FREE, UNNEEDED, Role
from edge_agent.commissioning.point_table.text import is_empty

_NEVER_TWICE: Final = frozenset(Role) - FREE - UNNEEDED - {Role.ADDRESS, Role.DEVICE, Role.RANGE}


class Scored(NamedTuple):
    """A match of roles and columns.

    Args:
        headings: Column to what its heading means.
        scores: How well a column fits a role.
        columns: The best match, role to column.
        cells: The cells of a column.
    """

    headings: Mapping[int, Heading]
    scores: Mapping[tuple[int, Role], float]
    columns: Mapping[Role, int]
    cells: Callable[[int], Sequence[str]]


def find_doubts(match: Scored, chosen: Collection[int]) -> list[str]:
    """Return what is doubtful; columns that were chosen and empty ones are not."""
    role_of = {index: role for role, index in match.columns.items()}
    found: list[str] = []
    for index in match.headings:
        if index in chosen or all(is_empty(cell) for cell in match.cells(index)):
            continue
        role = role_of.get(index)
        found += _left_over(match, index, chosen) if role is None else _assigned(match, index, role)
    return found


def _assigned(match: Scored, index: int, role: Role) -> Iterator[str]:
    heading = match.headings[index]
    ties = [
        other
        for (column, other), score in match.scores.items()
        if column == index
        and other is not role
        and score == match.scores[index, role]
        and other not in match.columns
        and not {other, role} <= FREE
    ]
    if ties:
        flags = " or ".join(f"--column {one}={heading.text!r}" for one in (role, *ties))
        roles = " or ".join([role, *ties])
        yield f"the column {heading.text!r} may be {roles}: say {flags}"
    elif heading.rest and role not in FREE:
        yield _partly(heading, role)


def _left_over(match: Scored, index: int, chosen: Collection[int]) -> Iterator[str]:
    """Yield which role a column without one may have as well."""
    heading = match.headings[index]
    serious = [
        role for role, weight in heading.roles.items() if role in _NEVER_TWICE and weight > 1
    ]
    if heading.rest:
        yield from (_partly(heading, role) for role in serious[:1])
        return
    for role in serious:
        rival = match.columns.get(role)
        # A word that usually means something else is not a second column of this role.
        if (
            rival is None
            or rival in chosen
            or heading.roles[role] < max(heading.roles.values())
            or list(match.cells(rival)) == list(match.cells(index))
        ):
            continue
        first = match.headings[rival].text
        yield (
            f"both {first!r} and {heading.text!r} may be the {role} column; say which: "
            f"--column {role}={first!r}, or --column ignore={heading.text!r}"
        )


def _partly(heading: Heading, role: Role) -> str:
    return (
        f"the column {heading.text!r} looks like {role}, but {heading.rest!r} is not understood: "
        f"say --column {role}={heading.text!r} or --column ignore={heading.text!r}"
    )

"""Columns that may be meant in two ways; each refuses the table and names the flag (pure)."""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from edge_agent.commissioning.point_table import numbers
from edge_agent.commissioning.point_table.headings import Heading, nearest_role
from edge_agent.commissioning.point_table.numbers import Comma
from edge_agent.commissioning.point_table.roles import FREE, UNNEEDED, Role
from edge_agent.commissioning.point_table.text import CellError, compact, is_empty

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


def find_ambiguities(match: Scored, chosen: Collection[int]) -> list[str]:
    """Return what is ambiguous; columns that were chosen and empty ones are not."""
    role_of = {index: role for role, index in match.columns.items()}
    found: list[str] = []
    for index in match.headings:
        if index in chosen or all(is_empty(cell) for cell in match.cells(index)):
            continue
        role = role_of.get(index)
        if role is not None:
            found += _assigned(match, index, role)
        elif match.headings[index].meanings:
            found += _left_over(match, index, chosen)
        else:
            found += _unknown(match, index)
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
    elif role not in FREE or Role.STATES in heading.roles:
        for unknown in heading.unknown:
            if _CHANGES.search(unknown):
                yield _partly(heading._replace(rest=f"({unknown})"), role)


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


def _unknown(match: Scored, index: int) -> Iterator[str]:
    """Yield what the cells under a heading without meaning look like: factors, orders ..."""
    cells = [cell for cell in match.cells(index) if not is_empty(cell)]
    text = match.headings[index].text
    near = nearest_role(text)
    if near is not None and near not in FREE and near not in match.columns:
        yield (
            f"the column {text!r} may be {near}, but is not understood: say --column "
            f"{near}={text!r} or --column ignore={text!r}"
        )
        return
    for roles, looks_like in _BY_CELLS.items():
        if not match.columns.keys() & set(roles) and looks_like(cells):
            yield (
                f"the cells of the column {text!r} look like {roles[0]}: say "
                f"--column {roles[0]}={text!r} or --column ignore={text!r}"
            )


def _factors(cells: Sequence[str]) -> bool:
    values: list[float] = []
    for cell in cells:
        try:
            values.append(numbers.factor(cell, Comma(decimal=True, seen=False)).value)
        except CellError:
            return False
    return any(0 < value < 1 for value in values) and all(
        math.log10(abs(v)) % 1 == 0 for v in values
    )


def _orders(cells: Sequence[str]) -> bool:
    return all(compact(cell) in _LETTERS for cell in cells)


def _sentinels(cells: Sequence[str]) -> bool:
    return all(compact(cell) in _USUAL_SENTINELS for cell in cells)


_CHANGES: Final = re.compile(
    r"[*×x÷/]\s*\d|\d\s*[*×x]|\d\.\d|[+-]\s*\d|\^|\d\s*(?:位小数|decimal|倍)"
)
"""What changes a value where it stands in the bracket of a heading: (x0.1)."""
_LETTERS: Final = frozenset(
    "abcd cdab badc dcba 大端 小端 bigendian littleendian big-endian".split()
)
_USUAL_SENTINELS: Final = frozenset(
    "0x7fff 0x8000 0xffff 7fffh 8000h ffffh 32767 65535 -32768 0x7fffffff 0x80000000 0xffffffff "
    "ffff 7fff nan".split()
)
_BY_CELLS: Final[Mapping[tuple[Role, ...], Callable[[Sequence[str]], bool]]] = {
    (Role.SCALE, Role.DIVISOR, Role.DECIMALS, Role.FORMULA): _factors,
    (Role.ORDER, Role.BYTE_ORDER, Role.WORD_ORDER): _orders,
    (Role.INVALID,): _sentinels,
}

"""Which column has which role: the best match over all headings, and what is ambiguous (pure)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from edge_agent.commissioning.point_table import numbers, places, states, type_words, words
from edge_agent.commissioning.point_table.ambiguities import Scored, find_ambiguities
from edge_agent.commissioning.point_table.formula import factor_and_offset
from edge_agent.commissioning.point_table.headings import Heading
from edge_agent.commissioning.point_table.numbers import Comma
from edge_agent.commissioning.point_table.qualifiers import BASES, NUMBERINGS, Qualifier
from edge_agent.commissioning.point_table.roles import FREE, UNNEEDED, Role
from edge_agent.commissioning.point_table.text import CellError, compact, is_empty

_ANY_COMMA: Final = Comma(decimal=True, seen=True)
_LEAST_SHARE: Final = 0.2
_UNCHECKED: Final = 0.4
_MOST: Final = 0.5
_CERTAIN: Final = 3
_SAMPLES: Final = 200
_MOST_UNITS: Final = 247
_MOST_REGISTERS: Final = 256


class Assignment(NamedTuple):
    """The columns of a table.

    Args:
        columns: Role to column.
        addresses: All columns that give the register, the best first.
        ambiguities: What may be meant in two ways, in words; each refuses the table.
        unused: Columns that have no role.
        ignored: Those of them that are of no use, by their heading or by choice: defaults, numbers.
    """

    columns: dict[Role, int]
    addresses: list[int]
    ambiguities: list[str]
    unused: list[int]
    ignored: frozenset[int]


def assign(
    headings: Mapping[int, Heading],
    cells: Callable[[int], Sequence[str]],
    chosen: Mapping[int, Role],
) -> Assignment:
    """Return the best match of roles and columns.

    Args:
        headings: Column to what its heading means.
        cells: The cells of a column; how many of them fit a role weighs beside the heading.
        chosen: What was settled with ``--column``.
    """
    samples = {index: _sample(cells(index)) for index in headings}
    scores: dict[tuple[int, Role], float] = {}
    for index, heading in headings.items():
        if index in chosen:
            continue
        for role, weight in heading.roles.items():
            if role not in chosen.values() or role in UNNEEDED:
                score = _score(weight, role, samples[index], heading)
                if score:
                    scores[index, role] = score
    columns = {role: index for index, role in chosen.items() if role not in UNNEEDED}
    taken = set(chosen)
    ignored = {index for index, role in chosen.items() if role in UNNEEDED}
    # The surest first: one column is one thing, and one thing stands in one column.
    for (index, role), _ in sorted(scores.items(), key=lambda one: -one[1]):
        if index in taken or role in columns:
            continue
        taken.add(index)
        if role not in UNNEEDED:
            columns[role] = index
    ignored |= _of_no_use(headings) - set(columns.values())
    _name_somehow(headings, columns, set(chosen))
    found = Scored(headings, scores, columns, cells)
    ambiguities = find_ambiguities(found, set(chosen))
    addresses = [columns[Role.ADDRESS]] if Role.ADDRESS in columns else []
    used = set(columns.values())
    if Role.ADDRESS not in chosen.values():
        addresses += [
            index
            for index in headings
            if index not in used
            and index not in chosen
            and _is_address(headings[index], samples[index])
        ]
    unused = [index for index in headings if index not in used and index not in addresses]
    return Assignment(columns, addresses, ambiguities, unused, frozenset(ignored & set(unused)))


def _of_no_use(headings: Mapping[int, Heading]) -> set[int]:
    return {
        index
        for index, heading in headings.items()
        if any(heading.roles.get(role, 0) > 1 for role in UNNEEDED) and not heading.rest
    }


def _name_somehow(
    headings: Mapping[int, Heading], columns: dict[Role, int], chosen: set[int]
) -> None:
    """Let a column of descriptions be the name where no other column is."""
    if Role.NAME in columns or Role.ENGLISH in columns:
        return
    spare = set(headings) - chosen - {one for role, one in columns.items() if role not in FREE}
    named = {
        index: headings[index].roles[Role.NAME]
        for index in spare
        if Role.NAME in headings[index].roles and columns.get(Role.POINT) != index
    }
    if named:
        best = max(named, key=lambda index: named[index])
        for role in [role for role, index in columns.items() if index == best]:
            del columns[role]
        columns[Role.NAME] = best


def fits(role: Role, text: str) -> bool:
    """Return whether a cell can be of a role; whatever its column says about base and so on."""
    check = _CHECKS.get(role)
    if check is None:
        return True
    try:
        check(text)
    except CellError:
        return False
    return True


def share(role: Role, cells: Sequence[str]) -> float:
    """Return how many of the cells can be of a role, 0 to 1."""
    if not cells:
        return 1.0
    return sum(fits(role, cell) for cell in cells) / len(cells)


def _sample(cells: Sequence[str]) -> list[str]:
    return [cell for cell in cells if not is_empty(cell)][:_SAMPLES]


def _score(weight: int, role: Role, cells: Sequence[str], heading: Heading) -> float:
    """Return how well a role fits a column; 0 when it does not.

    The heading weighs most, and the cells decide where it may mean several things. What no cell can
    contradict, such as a name, counts less than what the cells confirm.
    """
    known = 0.5 if heading.rest else 1.0
    part = share(role, cells) if role in _CHECKS else _UNCHECKED
    if role is Role.TABLE and weight == 1 and all(cell.isdecimal() for cell in cells):
        # Bare digits are functions or zones only where the heading says so.
        part = 0.0
    if role is Role.UNIT_NUMBER and weight < _CERTAIN:
        # The same few numbers again and again; and nobody writes units in hexadecimal.
        repeated = len(set(cells)) <= max(1, len(cells) // 2)
        part = part if repeated and not heading.qualifiers & (BASES | NUMBERINGS) else 0.0
    if weight == 1 and role in _CHECKS and part < _MOST:
        return 0.0
    return weight * known * (_LEAST_SHARE + (1 - _LEAST_SHARE) * part)


def _is_address(heading: Heading, cells: Sequence[str]) -> bool:
    return (
        Role.ADDRESS in heading.roles
        and not heading.rest
        and bool(cells)
        and heading.roles[Role.ADDRESS] == max(heading.roles.values())
        and share(Role.ADDRESS, cells) > _MOST
    )


def _unit_number(text: str) -> None:
    plain = compact(text).removesuffix("#").removesuffix("号")
    word = plain.removesuffix(".0")
    value = places.number(word, hexadecimal=False)
    if value is None or not 0 <= value <= _MOST_UNITS:
        raise CellError(text)


def _scale(text: str) -> None:
    try:
        numbers.factor(text, _ANY_COMMA)
    except CellError:
        if numbers.unit_and_factor(text, _ANY_COMMA)[1] is None:
            raise


def _decimals(text: str) -> None:
    numbers.whole(text, 0, 9)


def _unit(text: str) -> None:
    unit, _, known = numbers.unit_and_factor(text, _ANY_COMMA)
    if not known and len(unit) > 8:  # noqa: PLR2004 (longer than any unit)
        raise CellError(text)


def _type(text: str) -> None:
    read = type_words.read_type(text)
    if read.bits is None:
        type_words.data_type(read, None)


def _number(text: str) -> None:
    numbers.number(text.removesuffix("%"), _ANY_COMMA)


def _table(text: str) -> None:
    words.table(text, {Qualifier.FUNCTION})


def _words_of_order(text: str) -> None:
    words.order(text)


def _part_of_order(text: str, check: Callable[..., bool]) -> None:
    """Accept what either column of order may hold: half of an order, yes or no, or all of it."""
    try:
        check(text, swap=True)
    except CellError:
        words.order(text)


_CHECKS: Final[Mapping[Role, Callable[[str], object]]] = {
    Role.UNIT_NUMBER: _unit_number,
    Role.TABLE: _table,
    Role.WRITE_FUNCTION: _table,
    Role.SIGNAL: words.digital,
    Role.ADDRESS: places.written,
    Role.LAST: places.written,
    Role.TYPE: _type,
    Role.SIGN: words.signed,
    Role.BITS: lambda text: numbers.whole(text, 1, 64),
    Role.ORDER: _words_of_order,
    Role.BYTE_ORDER: lambda text: _part_of_order(text, words.high_byte_first),
    Role.WORD_ORDER: lambda text: _part_of_order(text, words.high_word_first),
    Role.BYTE: words.high_half,
    Role.BIT: numbers.bits,
    Role.LENGTH: lambda text: numbers.whole(text, 1, _MOST_REGISTERS),
    Role.SCALE: _scale,
    Role.FORMULA: lambda text: factor_and_offset(text, _ANY_COMMA),
    Role.DIVISOR: _number,
    Role.DECIMALS: _decimals,
    Role.OFFSET: _number,
    Role.UNIT: _unit,
    Role.STATES: states.states,
    Role.STATE_WORDS: states.words_of_states,
    Role.INVALID: numbers.sentinels,
    Role.ACCESS: words.writable,
    Role.MINIMUM: _number,
    Role.MAXIMUM: _number,
    Role.RANGE: lambda text: numbers.bounds(text, _ANY_COMMA),
    Role.RAW_MINIMUM: _number,
    Role.RAW_MAXIMUM: _number,
    Role.PLAUSIBLE: lambda text: numbers.bounds(text, _ANY_COMMA),
    Role.INDEX: lambda text: numbers.whole(text.replace(".", ""), 0, 10**9),
}

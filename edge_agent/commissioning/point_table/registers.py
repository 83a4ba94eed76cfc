"""Addresses of a whole column: one base, one numbering, nothing guessed (pure)."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from config.points import Table
from edge_agent.commissioning.point_table import places
from edge_agent.commissioning.point_table.outcome import Base, Numbering
from edge_agent.commissioning.point_table.places import Written
from edge_agent.commissioning.point_table.qualifiers import Qualifier
from edge_agent.commissioning.point_table.text import CellError

_PREFIXES: Final = {"0": Table.COIL, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}
_LAST: Final = 65535
_SHORT, _LONG = 5, 6
_MOST_ROWS: Final = 10


class Place(NamedTuple):
    """A register as its row names it.

    Args:
        address: 0-based PDU address.
        table: Where the number says so.
        bit: Where it stands behind the address.
        registers: Where the cell names a range.
        dot: Whether the bit is 0 behind a point, which may be a whole number of a program.
    """

    address: int
    table: Table | None = None
    bit: int | None = None
    registers: int | None = None
    dot: bool = False


class Sense(NamedTuple):
    """How the numbers of a column are meant."""

    numbering: Numbering
    hexadecimal: bool


class Places(NamedTuple):
    """A column of addresses.

    Args:
        found: Row to its register.
        problems: Row to what is wrong with its cell.
        refusals: What is wrong with the column.
        sense: How its numbers are meant.
    """

    found: dict[int, Place]
    problems: dict[int, str]
    refusals: list[str]
    sense: Sense


def read_column(
    cells: Mapping[int, str],
    qualifiers: Collection[Qualifier],
    *,
    numbering: Numbering | None,
    base: Base | None,
    heading: str,
) -> Places:
    """Return the registers of a column.

    Args:
        cells: Row to address cell.
        qualifiers: What the heading says.
        numbering: What the command line says; None where nothing.
        base: What the command line says; None where nothing.
        heading: The heading, for messages.
    """
    written, problems = dict[int, Written](), dict[int, str]()
    for row, cell in cells.items():
        try:
            written[row] = places.written(cell)
        except CellError as error:
            problems[row] = str(error)
    refusals: list[str] = []
    sense = Sense(
        _numbering(written, qualifiers, numbering, heading, refusals),
        _hexadecimal(written, qualifiers, (base, numbering), heading, refusals),
    )
    found: dict[int, Place] = {}
    for row, one in written.items():
        try:
            found[row] = _place(one, sense, cells[row])
        except CellError as error:
            problems[row] = str(error)
    return Places(found, problems, refusals, sense)


def modicon_rows(cells: Mapping[int, str]) -> list[int]:
    """Return the rows whose address looks like 4xxxx, in whatever form."""
    rows: list[int] = []
    for row, cell in cells.items():
        try:
            one = places.written(cell)
        except CellError:
            continue
        if any(word and places.looks_like_modicon(word) for word in (one.first, one.last)):
            rows.append(row)
    return rows


def all_end_in_point_zero(cells: Sequence[str]) -> bool:
    """Whether every address is written as 100.0: whole numbers of a program, or bits 0."""
    return bool(cells) and all(re.fullmatch(r"\s*\d+\.0\s*", cell) for cell in cells)


def row_list(rows: Sequence[int]) -> str:
    """Return ``row 3`` or ``rows 3, 4, 7``, counted from 1, shortened when there are many.

    Args:
        rows: Indexes of the rows, counted from 0.
    """
    some = ", ".join(str(row + 1) for row in rows[:_MOST_ROWS])
    more = f" and {len(rows) - _MOST_ROWS} more" if len(rows) > _MOST_ROWS else ""
    return f"row{'s' if len(rows) > 1 else ''} {some}{more}"


def _words(one: Written) -> list[str]:
    return [word for word in (one.first, one.last) if word]


def _numbering(
    written: Mapping[int, Written],
    qualifiers: Collection[Qualifier],
    wanted: Numbering | None,
    heading: str,
    refusals: list[str],
) -> Numbering:
    if wanted is not None:
        return wanted
    looks = [
        row for row, one in written.items() if any(map(places.looks_like_modicon, _words(one)))
    ]
    stated = {Qualifier.MODICON, Qualifier.ONE_BASED, Qualifier.ZERO_BASED} & set(qualifiers)
    if stated == {Qualifier.MODICON} and len(looks) == len(written):
        return "modicon"
    if looks:
        first = written[looks[0]].first
        which = "all addresses look" if len(looks) == len(written) else f"{row_list(looks)} look"
        refusals.append(
            f"{which.replace('look', 'looks') if which.startswith('row ') else which} like "
            f"{first}: "
            "say --numbering modicon (40001 is the first holding register), or --numbering pdu if "
            "they are sent so on the wire"
        )
    elif len(stated) > 1 or stated == {Qualifier.MODICON}:
        refusals.append(
            f"the heading {heading!r} does not say how registers are counted: use --numbering"
        )
    return "one-based" if stated == {Qualifier.ONE_BASED} else "pdu"


def _hexadecimal(
    written: Mapping[int, Written],
    qualifiers: Collection[Qualifier],
    wanted: tuple[Base | None, Numbering | None],
    heading: str,
    refusals: list[str],
) -> bool:
    base, numbering = wanted
    stated = {Qualifier.HEX, Qualifier.DECIMAL, Qualifier.OCTAL} & set(qualifiers)
    if Qualifier.OCTAL in stated or (len(stated) > 1 and base is None):
        refusals.append(
            f"the heading {heading!r} says no usable base: use --base dec or --base hex"
        )
    if base is not None:
        return base == "hex"
    if stated:
        return stated == {Qualifier.HEX}
    bare = [
        row
        for row, one in written.items()
        if any(not places.is_marked(word) and re.search("[a-f]", word) for word in _words(one))
    ]
    if bare:
        refusals.append(
            f"{row_list(bare)}: hexadecimal addresses without a mark; say --base hex, or write "
            f"(hex) into the heading {heading!r}"
        )
        return True
    if numbering == "modicon":
        return False
    padded = [
        row
        for row, one in written.items()
        if any(
            re.fullmatch(r"0\d+", word) and not places.same_in_both_bases(word)
            for word in _words(one)
        )
    ]
    if padded:
        refusals.append(
            f"{row_list(padded)}: numbers with zeros in front, which are often hexadecimal; say "
            f"--base "
            "hex or --base dec"
        )
    marked = [row for row, one in written.items() if any(map(places.is_marked, _words(one)))]
    open_ = [
        row
        for row, one in written.items()
        if any(word.isdecimal() and not places.same_in_both_bases(word) for word in _words(one))
    ]
    if marked and open_:
        refusals.append(
            f"{row_list(marked)} in hexadecimal and {row_list(open_)} without a mark: one column "
            f"has "
            "one base; mark them, or say --base hex or --base dec for those without"
        )
    return False


def _place(one: Written, sense: Sense, text: str) -> Place:
    address, table = number(one.first, sense, text)
    count = None
    if one.again is not None:
        again = places.number(one.again, hexadecimal=sense.hexadecimal)
        if again != places.number(one.first, hexadecimal=sense.hexadecimal):
            raise CellError(f"says two addresses, {one.first} and {one.again}, got {text!r}")
    if one.last is not None:
        last, _ = number(one.last, sense, text)
        if last < address:
            raise CellError(f"the range ends before it begins, got {text!r}")
        count = last - address + 1
    return Place(address, table, one.bit, count, one.dot)


def number(word: str, sense: Sense, text: str) -> tuple[int, Table | None]:
    """Return the 0-based address of a number and the table that it names.

    Raises:
        CellError: It is none in this base and numbering.
    """
    table = None
    if sense.numbering == "modicon":
        table, address = _modicon(word, text)
    else:
        found = places.number(word, hexadecimal=sense.hexadecimal)
        if found is None:
            raise CellError(_help(sense, text))
        address = found - (sense.numbering == "one-based")
    if not 0 <= address <= _LAST:
        raise CellError(_help(sense, text))
    return address, table


def _modicon(word: str, text: str) -> tuple[Table, int]:
    if found := re.fullmatch(r"([0134])x(\d+)", word):
        return _PREFIXES[found[1]], int(found[2]) - 1
    if word.isdecimal() and len(word) in {_SHORT, _LONG} and word[0] in _PREFIXES:
        return _PREFIXES[word[0]], int(word[1:]) - 1
    raise CellError(_help(Sense("modicon", hexadecimal=False), text))


def _help(sense: Sense, text: str) -> str:
    allowed = {
        "pdu": "a 0-based address 0 to 65535, 0x0064 or 64H (for 40001 use --numbering modicon)",
        "one-based": "a register number 1 to 65536",
        "modicon": "a number such as 40001, 30001, 10001, 00001, 400001 or 4x0001",
    }
    return f"expected {allowed[sense.numbering]}, also 100.3 (bit) and 100-101, got {text!r}"

"""What holds for a whole column: base, unit of lengths, direction of factors (pure)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from edge_agent.commissioning.point_table import numbers, registers, type_words
from edge_agent.commissioning.point_table.finding import Heads
from edge_agent.commissioning.point_table.layout import PointRow, cells_of
from edge_agent.commissioning.point_table.numbers import Comma, Factor
from edge_agent.commissioning.point_table.orders import ORDER_ROLES
from edge_agent.commissioning.point_table.outcome import Imported, Options, Problem
from edge_agent.commissioning.point_table.qualifiers import NUMBERINGS, Qualifier
from edge_agent.commissioning.point_table.registers import Place, Sense, row_list
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.sheet import Sheet
from edge_agent.commissioning.point_table.text import CellError
from edge_agent.commissioning.spreadsheet import column_letter

_NUMBERS: Final = (Role.SCALE, Role.DIVISOR, Role.OFFSET, Role.MINIMUM, Role.MAXIMUM, Role.UNIT)
_FIXED: Final = {"int", "word", "float"}
_SIZES: Final = {Qualifier.REGISTERS: 16, Qualifier.BYTES: 8, Qualifier.BITS: 1}


class Conventions(NamedTuple):
    """How the cells of this table are read.

    Args:
        places: Row to its register.
        sense: Base and numbering of addresses.
        comma: What a comma between digits is.
        length_bits: Bits of one unit of the length column; None where it is not known.
        divides: Whether the scale column divides.
        exponent: Whether the scale column holds powers of ten.
        dots_are_whole: Whether 100.0 in the address column is the register 100.
        bit_base: Number of the lowest bit.
        orders: Whether some row names an order, so that an empty cell is ambiguous.
        filled_table: The first cell that names a table, so that an empty one is ambiguous; or "".
        refused: Rows whose register is not understood.
    """

    places: Mapping[int, Place]
    sense: Sense
    comma: Comma
    length_bits: int | None
    divides: bool
    exponent: bool
    dots_are_whole: bool
    bit_base: int
    orders: bool
    filled_table: str
    refused: frozenset[int]


def conventions_of(
    sheet: Sheet, heads: Heads, rows: Sequence[PointRow], options: Options, imported: Imported
) -> Conventions:
    """Return what holds for whole columns; what is ambiguous becomes a problem of the table."""

    def refuse(message: str) -> None:
        imported.problems.append(Problem(0, "", message))

    comma = _comma(sheet, heads, rows)
    places, sense = _places(sheet, heads, rows, options, imported)
    address = dict(cells_of(sheet, rows, heads.columns[Role.ADDRESS]))
    exponent, divides = _direction(sheet, heads, rows, comma, options=options, refuse=refuse)
    bit = _qualifiers(heads, Role.BIT)
    return Conventions(
        places,
        sense,
        comma,
        _length(sheet, heads, rows, refuse),
        divides,
        exponent,
        _dots(sheet, heads, rows, list(address.values())),
        1 if Qualifier.ONE_BASED in bit else 0,
        any(True for role in ORDER_ROLES for _ in cells_of(sheet, rows, heads.columns.get(role))),
        next((cell for _, cell in cells_of(sheet, rows, heads.columns.get(Role.TABLE))), ""),
        frozenset(one.row - 1 for one in imported.problems if one.row),
    )


def _qualifiers(heads: Heads, role: Role) -> frozenset[Qualifier]:
    index = heads.columns.get(role)
    return heads.headings[index].qualifiers if index is not None else frozenset()


def _comma(sheet: Sheet, heads: Heads, rows: Sequence[PointRow]) -> Comma:
    decimal = sheet.separator in {";", "\t", "|"}
    seen = decimal and any(
        numbers.is_decimal_comma(cell)
        for role in _NUMBERS
        for _, cell in cells_of(sheet, rows, heads.columns.get(role))
    )
    return Comma(decimal, seen)


def _places(
    sheet: Sheet, heads: Heads, rows: Sequence[PointRow], options: Options, imported: Imported
) -> tuple[dict[int, Place], Sense]:
    """Return the registers; further address columns must say the same."""
    first, *others = heads.assigned.addresses
    cells = dict(cells_of(sheet, rows, first))
    heading = heads.headings[first]
    numbering, base = options.numbering, options.base
    second = [(index, dict(cells_of(sheet, rows, index))) for index in others]
    if numbering is None and any(
        len(registers.modicon_rows(cells)) == len(cells) != len(registers.modicon_rows(one))
        for _, one in second
    ):
        # Another column has the same registers without the 4: that settles what is meant.
        numbering = "modicon"
    read = registers.read_column(
        cells, heading.qualifiers, numbering=numbering, base=base, heading=heading.text
    )
    for refusal in read.refusals:
        imported.problems.append(Problem(0, "", refusal))
    column = registers_column(first, heading.text)
    for row, message in read.problems.items():
        imported.problems.append(Problem(row + 1, column, message))
    assumed = numbering is None and not heading.qualifiers & NUMBERINGS
    imported.notes.append(
        f"addresses of {heading.text!r}: {'hexadecimal' if read.sense.hexadecimal else 'decimal'}, "
        f"numbering {read.sense.numbering}"
        + (", which no column says: the first register is 0 (--numbering)" if assumed else "")
    )
    found = dict(read.found)
    for index, one in second:
        _compare(index, one, found, heads=heads, options=options, imported=imported)
    return found, read.sense


def registers_column(index: int, text: str) -> str:
    """Return a column as problems name it."""
    return f", column {column_letter(index)} {text}"


def _compare(
    index: int,
    cells: Mapping[int, str],
    found: dict[int, Place],
    *,
    heads: Heads,
    options: Options,
    imported: Imported,
) -> None:
    """Compare a further address column with the first; it may also name the table."""
    heading = heads.headings[index]
    modicon = len(registers.modicon_rows(cells)) == len(cells)
    numbering = "modicon" if modicon else None
    if not modicon and options.numbering == "one-based":
        numbering = options.numbering
    other = registers.read_column(
        cells, heading.qualifiers, numbering=numbering, base=None, heading=heading.text
    )
    differ = [
        row
        for row in cells
        if row in found
        and (row not in other.found or other.found[row].address != found[row].address)
    ]
    main = heads.headings[heads.columns[Role.ADDRESS]].text
    if differ or other.refusals:
        imported.problems.append(
            Problem(
                0,
                "",
                f"both {main!r} and {heading.text!r} may be the address column, and they do not "
                f"say "
                f"the same ({row_list(differ or list(cells))}): say which, "
                f"--column address={main!r} or --column address={heading.text!r}",
            )
        )
    else:
        for row, place in other.found.items():
            if row in found and found[row].table is None:
                found[row] = found[row]._replace(table=place.table)
        imported.notes.append(f"the column {heading.text!r} says the same registers as {main!r}")


def _length(
    sheet: Sheet, heads: Heads, rows: Sequence[PointRow], refuse: Callable[[str], None]
) -> int | None:
    index = heads.columns.get(Role.LENGTH)
    if index is None:
        return None
    stated = _qualifiers(heads, Role.LENGTH) & set(_SIZES)
    if len(stated) == 1:
        return _SIZES[next(iter(stated))]
    possible = set(_SIZES.values())
    types = dict(cells_of(sheet, rows, heads.columns.get(Role.TYPE)))
    lengths = dict(cells_of(sheet, rows, index))
    for row, cell in lengths.items():
        try:
            words, count = type_words.read_type(types.get(row, "")), numbers.whole(cell, 1, 4096)
        except CellError:
            continue
        if words.kind in _FIXED and words.bits is not None:
            possible = {size for size in possible if size * count == words.bits}
    if len(possible) == 1:
        return possible.pop()
    heading = heads.headings[index].text
    if lengths:
        counts = "the types do not agree with it" if not possible else "registers, bytes or bits?"
        refuse(
            f"the column {heading!r}: {counts} Write (registers) or (bytes) into the heading, or "
            f"say "
            f"--column ignore={heading!r}"
        )
    return None


def _direction(
    sheet: Sheet,
    heads: Heads,
    rows: Sequence[PointRow],
    comma: Comma,
    *,
    options: Options,
    refuse: Callable[[str], None],
) -> tuple[bool, bool]:
    """Return whether the scale column holds powers of ten, and whether it divides."""
    stated = _qualifiers(heads, Role.SCALE)
    exponent = Qualifier.EXPONENT in stated
    divides = Qualifier.DIVIDE in stated
    for role, wrong in ((Role.SCALE, _only_large), (Role.DIVISOR, _some_small)):
        index = heads.columns.get(role)
        clear = role in options.settled or (
            role is Role.SCALE
            and stated & {Qualifier.DIVIDE, Qualifier.MULTIPLY, Qualifier.EXPONENT}
        )
        if index is None or clear:
            continue
        values = [_factor(cell, comma) for _, cell in cells_of(sheet, rows, index)]
        plain = [one.value for one in values if one is not None and not one.explicit]
        if wrong(plain):
            heading = heads.headings[index].text
            refuse(
                f"the column {heading!r}: is raw multiplied or divided by "
                f"{max(plain, key=abs):g}? Say --column scale={heading!r} (multiplied) or "
                f"--column divisor={heading!r} (divided)"
            )
    if Qualifier.DIVIDE in stated and Qualifier.MULTIPLY in stated:
        refuse("the scale column says multiply and divide: use --column scale=... or divisor=...")
    return exponent, divides


def _only_large(values: Sequence[float]) -> bool:
    """Whether all factors are 1, 10, 100: multiplied by, or how far the maker has enlarged them."""
    return any(abs(value) > 1 for value in values) and not any(abs(value) < 1 for value in values)


def _some_small(values: Sequence[float]) -> bool:
    return any(abs(value) < 1 for value in values)


def _factor(text: str, comma: Comma) -> Factor | None:
    try:
        return numbers.factor(text, comma)
    except CellError:
        return None


def _dots(sheet: Sheet, heads: Heads, rows: Sequence[PointRow], cells: Sequence[str]) -> bool:
    """Whether 100.0 is a whole number that a program wrote: all are, and some type is no bit."""
    if not registers.all_end_in_point_zero(cells):
        return False
    for _, cell in cells_of(sheet, rows, heads.columns.get(Role.TYPE)):
        try:
            words = type_words.read_type(cell)
        except CellError:
            continue
        if words.kind == "float" or (words.bits or 16) > 16 or words.sign == "signed":  # noqa: PLR2004
            return True
    return False

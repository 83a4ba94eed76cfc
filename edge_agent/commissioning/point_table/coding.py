"""How the registers of a row carry its value: type, order, bits, states, sentinels (pure)."""

import re
from typing import Final, NamedTuple

from config.points import DataType, Order, Point, Table
from edge_agent.commissioning.point_table import numbers, states, type_words, words
from edge_agent.commissioning.point_table.conventions import Conventions
from edge_agent.commissioning.point_table.details import sign_code
from edge_agent.commissioning.point_table.orders import row_order
from edge_agent.commissioning.point_table.outcome import Content, Options
from edge_agent.commissioning.point_table.registers import Place
from edge_agent.commissioning.point_table.remarks import Remark
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.row_cells import RowCells
from edge_agent.commissioning.point_table.text import CellError
from edge_agent.commissioning.point_table.type_words import IMPORTED, TypeWords

_BITS: Final = frozenset({Table.COIL, Table.DISCRETE})
_BOOLEANS: Final = frozenset({None, DataType.BIT, DataType.BOOL})
_STATE_WORDS: Final = {
    None: 1,
    DataType.ENUM: 1,
    DataType.INT16: 1,
    DataType.UINT16: 1,
    DataType.INT32: 2,
    DataType.UINT32: 2,
}
"""Types that may hold states, and their registers."""
_SIGNED: Final = frozenset({DataType.INT16, DataType.INT32})
_HALVES: Final = frozenset({DataType.INT8, DataType.UINT8, DataType.BCD8})
_FLOATS: Final = frozenset({DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64})
_WITHOUT_SENTINEL: Final = frozenset(
    {DataType.BOOL, DataType.BIT, DataType.STRING, DataType.DATETIME}
)
_REGISTER: Final = 16
_DOUBLE: Final = 2
_MOST_COUNT: Final = 4096


class Where(NamedTuple):
    """Where the value of a row is."""

    table: Table
    place: Place
    options: Options
    conventions: Conventions


def coding(cells: RowCells, where: Where, remark: Remark) -> Content:
    """Return type, order, bit, length, states and sentinels of a row."""
    stated = _type_words(cells)
    kind = _kind(cells, where, stated)
    bit, width = _bit(cells, where, kind)
    content = _typed(cells, where, kind, (bit, width), remark)
    if not content:
        return {}
    chosen = DataType(str(content["type"]))
    others = {"type": stated.order if stated else None, "remark": remark.order}
    wide = Point.model_construct(type=chosen).words > 1
    order = row_order(
        cells, others, wide=wide, filled=where.conventions.orders, default=where.options.order
    )
    if order is Order.CDAB and Point.model_construct(type=chosen).words > _DOUBLE:
        cells.assume(
            "CDAB of 48 and 64 bits is taken as the lowest word first (GHEFCDAB); two halves are "
            "CDABGHEF"
        )
    if order is not Order.ABCD and where.table not in _BITS:
        content["order"] = order.value
    if invalid := _invalid(cells, chosen, remark):
        content["invalid"] = invalid
    return content


def _type_words(cells: RowCells) -> TypeWords | None:
    """Return what the type, sign and width columns say together; None where nothing."""
    stated: TypeWords | None = None
    for role, reads in (
        (Role.TYPE, type_words.read_type),
        (Role.SIGN, _sign),
        (Role.BITS, _width),
    ):
        if not cells.text(role):
            continue
        part = cells.parse(role, reads)
        if part is None:
            return None
        both = part if stated is None else type_words.join(stated, part)
        if both is None:
            message = "contradicts the other columns about the type"
            cells.refuse(role, f"{message}, got {cells.text(role)!r}")
            return None
        stated = both
    return stated


def _sign(text: str) -> TypeWords:
    if sign_code(text):
        return TypeWords()
    return type_words.read_type("signed" if words.signed(text) else "unsigned")


def _width(text: str) -> TypeWords:
    return type_words.read_type(f"{text}bits" if text.strip().isdecimal() else text)


def _kind(cells: RowCells, where: Where, stated: TypeWords | None) -> DataType | None:
    digital = cells.parse(Role.SIGNAL, words.digital)
    if stated is None or (stated.kind is None and stated.sign is None and stated.bits is None):
        if digital:
            return DataType.BOOL
        return where.options.type
    if stated.kind in {"bool", "bit"} and digital is False:
        cells.refuse(Role.SIGNAL, "an analogue signal of one bit")
    registers = _count(cells, where, None)
    if stated.kind in {"int", "word"} and stated.sign is None:
        sign = "signed" if stated.kind == "int" else "unsigned"
        cells.assume(f"{cells.text(Role.TYPE)!r} names no sign: {sign} is assumed")
    try:
        return type_words.data_type(stated, registers)
    except CellError as error:
        cells.refuse(Role.TYPE, f"{error}, got {cells.text(Role.TYPE)!r}")
        return None


def _count(cells: RowCells, where: Where, kind: DataType | None) -> int | None:
    """Return the registers of the value, from range, last address and length."""
    count = where.place.registers
    bits = where.conventions.length_bits
    if bits is None:
        return count
    length = cells.parse(Role.LENGTH, lambda text: numbers.whole(text, 1, _MOST_COUNT))
    if length is None:
        return count
    registers = -(-length * bits // _REGISTER)
    if kind is DataType.STRING and length * bits % _REGISTER:
        cells.note(f"{length * bits // 8} bytes are {registers} registers")
    return registers


def _bit(cells: RowCells, where: Where, kind: DataType | None) -> tuple[int | None, int | None]:
    """Return bit and, for several, their number."""
    found = cells.parse(Role.BIT, numbers.bits)
    bit, width = (None, None) if found is None else found
    if bit is not None:
        bit -= where.conventions.bit_base
        if not 0 <= bit < _REGISTER:
            base = where.conventions.bit_base
            allowed = f"{base} to {base + _REGISTER - 1}"
            cells.refuse(Role.BIT, f"expected a bit {allowed}, got {cells.text(Role.BIT)!r}")
    behind = where.place.bit
    if behind is not None and where.place.dot:
        behind = _point_zero(cells, where, kind)
    if bit is not None and behind is not None and bit != behind:
        cells.refuse(Role.BIT, f"says bit {bit}, but the address says bit {behind}")
    return (behind if bit is None else bit), width


def _point_zero(cells: RowCells, where: Where, kind: DataType | None) -> int | None:
    """Return 0 where 100.0 is a bit, None where it is the whole register 100."""
    if where.conventions.dots_are_whole and kind not in {DataType.BOOL, DataType.BIT}:
        return None
    if where.table in _BITS and where.conventions.dots_are_whole:
        return None
    if kind in {None, DataType.BOOL, DataType.BIT} and not where.conventions.dots_are_whole:
        return 0
    text = cells.text(Role.ADDRESS)
    cells.refuse(
        Role.ADDRESS,
        f"bit 0 of a register, or a whole register? Write {text.split('.')[0]} or a column for the "
        f"bit, got {text!r}",
    )
    return None


def _typed(
    cells: RowCells,
    where: Where,
    kind: DataType | None,
    bits: tuple[int | None, int | None],
    remark: Remark,
) -> Content:
    bit, width = bits
    listed = _states(cells, kind, remark)
    if where.table in _BITS:
        return _coil(cells, where, kind, bit, listed)
    if bit is not None and width is not None and kind in {*_BOOLEANS, DataType.UINT16}:
        return {"type": DataType.BITFIELD.value, "bit": bit, "width": width}
    if bit is not None and kind in {*_BOOLEANS, DataType.UINT16}:
        _note_states(cells, listed)
        return {"type": DataType.BIT.value, "bit": bit}
    if bit is not None:
        cells.refuse(Role.BIT if cells.text(Role.BIT) else Role.ADDRESS, f"{kind} has no bits")
    if kind is DataType.BOOL and where.place.table is None and _no_table_named(cells, where):
        cells.refuse(
            Role.TYPE,
            "a coil, a discrete input, or a whole holding register that is not 0? Name the table "
            "in "
            "a column, or say --table",
        )
    if listed and kind in _STATE_WORDS:
        return _enum(kind, listed)
    if listed:
        _note_states(cells, listed)
    if kind is None:
        if not cells.text(Role.TYPE):
            allowed = ", ".join(IMPORTED)
            cells.refuse(Role.TYPE, f"no data type; expected one of {allowed}, or use --type")
        return {}
    return _sized(cells, where, kind)


def _enum(kind: DataType | None, listed: dict[int, str]) -> Content:
    """Return states; a device file numbers them by the bit pattern of their registers."""
    size = _STATE_WORDS[kind]
    whole = 1 << (_REGISTER * size)
    signed = kind in _SIGNED
    states_of = {raw + whole if raw < 0 and signed else raw: word for raw, word in listed.items()}
    content: Content = {"type": DataType.ENUM.value, "enum": states_of}
    return content if size == 1 else {**content, "length": size}


def _no_table_named(cells: RowCells, where: Where) -> bool:
    return not cells.text(Role.TABLE) and where.options.table is None and not where.place.registers


def _coil(
    cells: RowCells,
    where: Where,
    kind: DataType | None,
    bit: int | None,
    listed: dict[int, str] | None,
) -> Content:
    _note_states(cells, listed)
    if bit is not None:
        cells.refuse(Role.ADDRESS, f"a {where.table} is one bit and has no bit {bit}")
    if (_count(cells, where, None) or 1) > 1 and where.place.registers:
        cells.refuse(Role.ADDRESS, f"one {where.table} a row, got {cells.text(Role.ADDRESS)!r}")
    plain = DataType.BOOL if kind in _BOOLEANS else kind
    return {"type": plain.value} if plain else {}


def _sized(cells: RowCells, where: Where, kind: DataType) -> Content:
    length = _count(cells, where, kind)
    if kind is DataType.STRING:
        stated = cells.parse(Role.TYPE, type_words.read_type)
        if length is None and stated is not None and stated.size is not None:
            cells.refuse(
                Role.TYPE,
                f"{stated.size} registers or bytes? Give the registers in a column 长度(寄存器)",
            )
        return {"type": kind.value, "length": length}
    words_of = Point.model_construct(type=kind).words
    if length is not None and length != words_of and kind is not DataType.ENUM:
        column = Role.LENGTH if cells.text(Role.LENGTH) else Role.ADDRESS
        registers = "1 register" if words_of == 1 else f"{words_of} registers"
        cells.refuse(column, f"{kind} takes {registers}, got {length}")
    half = cells.parse(Role.BYTE, words.high_half)
    if half is not None and kind in _HALVES:
        return {"type": kind.value, "byte": "high" if half else "low"}
    if half is not None:
        cells.refuse(Role.BYTE, f"{kind} is more than half a register")
    return {"type": kind.value}


def _states(cells: RowCells, kind: DataType | None, remark: Remark) -> dict[int, str] | None:
    own = cells.text(Role.STATES)
    if own and states.names_bits(own):
        return remark.states
    found = cells.parse(Role.STATES, states.states) if own else None
    if found is not None:
        return found
    in_range = cells.text(Role.RANGE)
    if in_range and states.looks_like_states(in_range):
        return states.states(in_range)
    if remark.states and kind in {*_STATE_WORDS, *_BOOLEANS}:
        cells.note("states taken from a remark")
    return remark.states


def _note_states(cells: RowCells, listed: dict[int, str] | None) -> None:
    if listed:
        stated = ", ".join(f"{raw}={word}" for raw, word in listed.items())
        cells.unused(f"states of a value that has none in a device file ({stated})")


def _invalid(cells: RowCells, kind: DataType, remark: Remark) -> list[int | float]:
    own = cells.parse(Role.INVALID, numbers.sentinels)
    raws = list(own or []) + [raw for raw in remark.invalid if raw not in (own or [])]
    if not raws:
        return []
    if kind in _WITHOUT_SENTINEL:
        cells.unused(f"invalid values of a {kind} ({', '.join(map(str, raws))})")
        return []
    if remark.invalid and not own:
        cells.note(f"invalid values taken from a remark ({', '.join(map(str, raws))})")
    found: list[int | float] = []
    for raw in raws:
        if isinstance(raw, str):
            if kind not in _FLOATS:
                cells.refuse(Role.INVALID, f"{kind} has no {raw}")
            continue
        plain = kind in _FLOATS and isinstance(raw, int) and not _has_hex(cells)
        found.append(float(raw) if plain else raw)
    return found


def _has_hex(cells: RowCells) -> bool:
    return bool(
        re.search(r"0x|[0-9a-f]h\b|\b[0-9a-f]*[a-f][0-9a-f]*\b", cells.text(Role.INVALID).lower())
    )

"""What is missing in a point, contradicts itself or means nothing (pure)."""

from typing import TYPE_CHECKING, Final

from config.coding import ROWS, DataType, Encoding, Numbering, Table
from config.invalid import InvalidNumberError, as_decoded, check_keys
from config.reach import out_of_reach
from config.state_words import states_of, wrong_words
from config.write_rules import wrong_writable
from protocols.modbus import elements
from protocols.modbus import field as wire
from protocols.modbus.numbers import DIGIT_SIGNS, SIGNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.points import Point

_NEVER_INVALID: Final = ROWS | {
    DataType.BOOL,
    DataType.BIT,
    DataType.STRING,
    DataType.DATETIME,
}
_PARTS: Final = frozenset({DataType.BIT, DataType.BITFIELD, DataType.ENUM})
_BYTES: Final = frozenset({DataType.INT8, DataType.UINT8, DataType.BCD8})
_INVERTIBLE: Final = frozenset({DataType.BOOL, DataType.BIT, DataType.BITFIELD})
_ADDRESSES: Final = 65536


def incomplete(point: "Point") -> str:
    """Return what is missing or contradictory; empty when nothing is."""
    # Each rule may rest on those before it.
    rules: tuple[Callable[[Point], str], ...] = (
        _missing_part,
        _useless_part,
        _wrong_row,
        _wrong_bits,
        _wrong_order,
        _wrong_sign,
        _wrong_place,
        _wrong_numbers,
        _wrong_words,
        lambda point: wrong_words(point.state_words or {}, states_of(point.enum, point.otherwise)),
        _wrong_scaling,
        out_of_reach,
        lambda point: point.wrong_reporting(state=point.is_state),
        wrong_writable,
        _emptied,
    )
    return next((problem for rule in rules if (problem := rule(point))), "")


def _wrong_place(point: "Point") -> str:
    bits = point.table in {Table.COIL, Table.DISCRETE}
    if bits and point.type is not DataType.BOOL:
        return f"a {point.table} carries type bool, not {point.type}"
    if point.address + point.words > _ADDRESSES:
        return f"address {point.address} + {point.words} registers is beyond {_ADDRESSES - 1}"
    elsewhere = point.writable is not None and point.writable.address is not None
    if point.writable and point.table in {Table.DISCRETE, Table.INPUT} and not elsewhere:
        return f"the table {point.table} cannot be written; use coil or holding, or give address"
    return _wrong_function(point)


def _wrong_function(point: "Point") -> str:
    function = point.writable.function if point.writable else None
    table, _, size = point.written_at
    allowed = (5, 15) if table is Table.COIL else (6, 16)[size > 1 :]
    if function is None or function in allowed:
        return ""
    what = "a coil" if table is Table.COIL else f"{size} holding registers"
    what = "a holding register" if what.startswith("1 ") else what
    return f"function {function} does not write {what}; use {' or '.join(map(str, allowed))}"


def _missing_part(point: "Point") -> str:
    kind = point.type
    missing = {
        "type bit needs bit: 0..15": kind is DataType.BIT and point.bit is None,
        "type bitfield needs bit: 0..15 and width: 1..16": kind is DataType.BITFIELD
        and (point.bit is None or point.width is None),
        "an enum in some bits of its registers needs both bit and width": kind is DataType.ENUM
        and (point.bit is None) is not (point.width is None),
        f"type {kind} needs byte: high or low": kind in _BYTES and point.byte is None,
        f"type {kind} needs length: 1..125 registers": kind in {DataType.STRING, *ROWS}
        and point.length is None,
        "type enum needs enum: {raw: word}": kind is DataType.ENUM and not point.enum,
        "type datetime needs time: {layout: ...} or {counts: seconds}": kind is DataType.DATETIME
        and point.time is None,
    }
    return next((problem for problem, is_so in missing.items() if is_so), "")


def _emptied(point: "Point") -> str:
    if point.clear_on_read and point.writable:
        return "clear_on_read: a writable point is read back, which would empty it"
    if point.clear_on_read and point.totalizer:
        return "totalizer: a total that is emptied by being read does not grow"
    return ""


def _useless_part(point: "Point") -> str:
    """A key that the type ignores is a misunderstanding worth telling."""
    is_number = point.type.value in {*wire.INTEGERS, *wire.BCD_DIGITS, *wire.FLOATS, "bitfield"}
    scaled = is_number and point.enum is None
    wrong = {
        "bit": point.bit is not None and point.type not in {*_PARTS, *ROWS},
        "bits_from": point.bits_from is not Numbering.LSB0
        and (point.bit is None) is not (point.type in ROWS),
        "width": point.width is not None and point.type not in {*_PARTS, *ROWS} - {DataType.BIT},
        "length": point.length is not None and point.type not in {*_PARTS, *ROWS, DataType.STRING},
        "among": bool(point.among) and point.type not in ROWS,
        "byte": point.byte is not None and point.type not in _BYTES,
        "inverted": point.inverted and point.type not in _INVERTIBLE,
        "encoding": point.encoding is not Encoding.ASCII and point.type is not DataType.STRING,
        "time": point.time is not None and point.type is not DataType.DATETIME,
        "enum_from": point.enum_from is not None
        and point.type not in {DataType.ENUM, DataType.BITFIELD},
        "enum": point.enum is not None and point.type not in {DataType.ENUM, DataType.BITFIELD},
        "otherwise": point.otherwise is not None and point.enum is None,
        "invalid": bool(point.invalid) and point.type in _NEVER_INVALID,
        "scale": point.scale != 1 and not scaled,
        "offset": point.offset != 0 and not scaled,
        "raw_span": point.raw_span is not None and not scaled,
        "scale_from": point.scale_from is not None and not scaled,
        "decimals_from": point.decimals_from is not None and not scaled,
        "ratio_from": bool(point.ratio_from) and not scaled,
    }
    key = next((key for key, is_wrong in wrong.items() if is_wrong), "")
    words = point.type is DataType.BITFIELD and point.enum
    what = "a bitfield with words" if words else f"type {point.type}"
    return f"{key} means nothing to {what}; remove it" if key else ""


def _wrong_row(point: "Point") -> str:
    if point.type not in ROWS:
        return ""
    problem = elements.row_problem(point.bit, point.width, point.among)
    return f"type {point.type}: {problem}" if problem else ""


def _wrong_bits(point: "Point") -> str:
    if point.type not in _PARTS:
        return ""
    if (point.length or 1) > wire.MOST_PART_REGISTERS:
        most = wire.MOST_PART_REGISTERS
        return f"length {point.length}: a {point.type} is a part of 1 to {most} registers"
    size = wire.REGISTER_BITS * (point.length or 1)
    if point.bit is None:
        return ""
    width = point.width or 1
    low = point.field().bit or 0
    if low < 0 or low + width > size:
        if point.bits_from is Numbering.LSB0 and point.type is not DataType.BIT:
            return f"bit + width of a {point.type} is more than {size}"
        first = 1 if point.bits_from in {Numbering.LSB1, Numbering.MSB1} else 0
        more = "" if size > wire.REGISTER_BITS else "; of more registers: give length"
        wanted = f"expected {first}..{size - 1 + first}{more}"
        return f"bit {point.bit} of {size}, counted from {point.bits_from}: {wanted}"
    return ""


def _wrong_order(point: "Point") -> str:
    field = point.field()
    problem = wire.order_problem(field.order, field.words, text=field.is_text)
    return f"order: {problem}" if problem else ""


def _wrong_sign(point: "Point") -> str:
    if point.sign is None:
        return ""
    kind = point.type.value
    if kind in wire.BCD_DIGITS:
        allowed = DIGIT_SIGNS
    elif kind.startswith("int") or kind in {"bitfield", "enum"}:
        allowed = SIGNS
    else:
        return f"sign means nothing to type {kind}; remove it"
    if point.sign.value not in allowed:
        return f"sign: {kind} has no {point.sign}; allowed: {', '.join(allowed)}"
    return "" if point.field().bits > 1 else "sign: one bit has none"


def _wrong_numbers(point: "Point") -> str:
    """Numbers of ``invalid`` and ``enum`` that no register of this type can hold."""
    field = point.field()
    key = "invalid"
    try:
        for raw in point.invalid:
            as_decoded(raw, field)
        key = "enum"
        check_keys(point.enum or (), field)
    except InvalidNumberError as error:
        return f"{key}: {error}"
    return ""


def _wrong_words(point: "Point") -> str:
    """Words of states that say nothing, or of raw numbers that are never a state."""
    empty = [raw for raw, word in (point.enum or {}).items() if not word.strip()]
    if empty:
        return f"enum: {empty[0]} has no word"
    never = [raw for raw in point.enum or () if raw in point.invalid]
    if never:
        return f"enum: {never[0]} is invalid as well; it is a state or it is not"
    rest = (point.otherwise or "").replace("{raw}", "")
    if "{" in rest or "}" in rest:
        return f"otherwise: only {{raw}} stands for the number, got {point.otherwise!r}"
    return ""


def _wrong_scaling(point: "Point") -> str:
    if not point.scale:
        return "scale 0 makes every value 0"
    if point.scale_from and point.decimals_from:
        return "scale_from and decimals_from are two words for one thing; remove one"
    doubled = next((one for one in point.factors if point.factors.count(one) > 1), None)
    if doubled is not None:
        return f"{doubled} scales it twice"
    return "" if point.raw_span is None else _wrong_raw_span(point, point.raw_span)


def _wrong_raw_span(point: "Point", raw_span: tuple[float, float]) -> str:
    if point.span is None:
        return "raw_span needs span: [lowest, highest], the values of its two raw numbers"
    if raw_span[0] == raw_span[1]:
        return f"raw_span [{raw_span[0]:g}, {raw_span[1]:g}] has no width"
    others = {
        "scale": point.scale != 1,
        "offset": point.offset != 0,
        "a factor from another point": bool(point.factors),
    }
    other = next((key for key, is_set in others.items() if is_set), "")
    return f"raw_span and {other} contradict each other; remove one" if other else ""

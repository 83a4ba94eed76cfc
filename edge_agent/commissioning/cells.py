"""What is written in one cell of a point table (pure). Each parser says what it allows."""

import re
import unicodedata
from typing import Final, Literal, NamedTuple, TypeAlias

from config.points import DataType, Order, Table
from edge_agent.commissioning.synonyms import (
    ORDERS,
    READ_ONLY,
    TABLES,
    TYPES,
    UNITS,
    WRITABLE,
    by_word,
)

Numbering: TypeAlias = Literal["pdu", "one-based", "modicon"]


class CellError(ValueError):
    """A cell cannot be understood; the message says what is allowed."""


class Place(NamedTuple):
    """A register as a cell names it.

    Attributes:
        address: 0-based PDU address.
        table: Where a 4xxxx number says so.
        bit: Where it is written behind the address, 40001.3.
        registers: Where the cell names a range, 40001-40002.
    """

    address: int
    table: Table | None = None
    bit: int | None = None
    registers: int | None = None


_PREFIXES: Final = {"0": Table.COIL, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}
_PLACE: Final = re.compile(
    r"(?P<first>0x[0-9a-f]+|[0-9a-f]+h|[0134]x\d+|\d+)(?:\.(?P<bit>\d{1,2}))?"
    r"(?:\s*[-~至]\s*(?P<last>0x[0-9a-f]+|[0-9a-f]+h|[0134]x\d+|\d+))?"
)
_LAST: Final = 65535
_SHORT, _LONG = 5, 6
_REGISTER_BITS: Final = 16

_TYPES: Final = by_word(TYPES)
_ORDERS: Final = by_word(ORDERS)
_TABLES: Final = by_word(TABLES)
_UNITS: Final = by_word(UNITS)
_READ_ONLY: Final = frozenset(READ_ONLY.split())
_WRITABLE: Final = frozenset(WRITABLE.split())
_NOTHING: Final = frozenset({"", "-", "--", "—", "/", "\\", "无", "n/a", "na", "none"})


def is_empty(text: str) -> bool:
    """Whether a cell says nothing: blank, a dash, 无."""
    return text.strip().casefold() in _NOTHING


def parse_place(text: str, numbering: Numbering) -> Place:
    """Return the register that a cell names."""
    found = _PLACE.fullmatch(_folded(text).removesuffix(".0"))
    if found is None:
        raise CellError(_place_help(text, numbering))
    address, table = _number(found["first"], text, numbering)
    count = None
    if found["last"]:
        last, _ = _number(found["last"], text, numbering)
        if last < address:
            raise CellError(f"the range ends before it begins, got {text!r}")
        count = last - address + 1
    bit = None if found["bit"] is None else int(found["bit"])
    if bit is not None and bit >= _REGISTER_BITS:
        raise CellError(f"a register has bits 0 to 15, got {text!r}")
    return Place(address, table, bit, count)


def looks_like_modicon(text: str) -> bool:
    """Whether an address is 30001..49999 or 3x/4x: hardly a PDU address."""
    return bool(re.fullmatch(r"[34]\d{4}|[34]0\d{4}|[0134]x\d+", _folded(text).removesuffix(".0")))


def parse_type(text: str) -> DataType:
    """Return the data type."""
    plain = re.sub(r"[\s_\-()]+", "", _folded(text))
    if plain in _TYPES:
        return _TYPES[plain]
    raise CellError(
        f"expected one of {', '.join(DataType)} (浮点, 有符号, 无符号, 开关量), got {text!r}"
    )


def parse_order(text: str) -> Order:
    """Return the order of bytes and words."""
    plain = re.sub(r"[\s_\-]+", "", _folded(text))
    if plain in _ORDERS:
        return _ORDERS[plain]
    raise CellError(f"expected ABCD, CDAB, BADC, DCBA, 大端, 小端 or 低字在前, got {text!r}")


def parse_table(text: str) -> Table:
    """Return the table of a function code or name; 03/06 is holding."""
    plain = re.sub(r"\s+", "", _folded(text)).removesuffix(".0")
    first = re.split(r"[/,、;|和]", plain)[0]
    word = re.sub(r"^(?:fc|0x(?=0)|功能码)", "", first)
    word = re.sub(r"(?<=\d)h$|区$", "", word)
    if word in _TABLES:
        return _TABLES[word]
    raise CellError(
        f"expected coil, discrete, holding, input, or function 01, 02, 03, 04, got {text!r}"
    )


def parse_number(text: str) -> float:
    """Return a number; 1/10, x0.1 and ÷10 are understood."""
    plain = re.sub(r"[\s,]+", "", _folded(text))
    found = re.fullmatch(r"([\u00d7x*÷/]?)([-+]?[\d.]+(?:e[-+]?\d+)?)(?:/([\d.]+))?", plain)
    try:
        if found is None:
            raise ValueError  # noqa: TRY301 (one message for both)
        number = float(found[2]) / float(found[3] or 1)
        return 1 / number if found[1] in {"÷", "/"} else number
    except (ValueError, ZeroDivisionError):
        raise CellError(f"expected a number such as 0.1, 1/10, ÷10, got {text!r}") from None


def parse_whole(text: str, low: int, high: int) -> int:
    """Return a whole number within bounds."""
    plain = _folded(text).removesuffix(".0")
    if plain.isdecimal() and low <= int(plain) <= high:
        return int(plain)
    raise CellError(f"expected a whole number {low} to {high}, got {text!r}")


def parse_access(text: str) -> bool:
    """Return whether the point may be written."""
    plain = re.sub(r"[\s/、,和]+", "", _folded(text))
    if plain in _READ_ONLY:
        return False
    if plain in _WRITABLE:
        return True
    raise CellError(f"expected R, RW, 只读 or 读写, got {text!r}")


def parse_states(text: str) -> dict[int, str]:
    """Return raw number to word, from 0=停止;1=运行."""
    states: dict[int, str] = {}
    for part in re.split(r"[;,、\n]+", unicodedata.normalize("NFKC", text)):
        found = re.fullmatch(r"\s*(0x[0-9a-fA-F]+|\d+)\s*[=:\-—]\s*(\S.*?)\s*", part)
        if part.strip() and found is None:
            raise CellError(f"expected states such as 0=off;1=on, got {part.strip()!r}")
        if found is not None:
            states[int(found[1], 0)] = found[2]
    return states


def parse_period(text: str) -> float:
    """Return seconds, from 5, 5s, 500ms, 1min, 5秒, 1分钟."""
    factors = {"": 1, "s": 1, "sec": 1, "秒": 1, "ms": 0.001, "毫秒": 0.001}
    factors |= {"min": 60, "m": 60, "分": 60, "分钟": 60, "h": 3600, "小时": 3600}
    found = re.fullmatch(r"([\d.]+)\s*(\D*)", _folded(text))
    if found is None or found[2] not in factors or found[1].count(".") > 1 or found[1] == ".":
        raise CellError(f"expected seconds such as 5, 5s, 500ms, 1min, got {text!r}")
    return float(found[1]) * factors[found[2]]


def parse_unit(text: str) -> str:
    """Return the unit in its usual spelling."""
    return _UNITS.get(_folded(text), text.strip())


def _number(word: str, text: str, numbering: Numbering) -> tuple[int, Table | None]:
    table = None
    if re.fullmatch(r"[0134]x\d+", word) and numbering == "modicon":
        table, number = _PREFIXES[word[0]], int(word[2:]) - 1
    elif word.startswith("0x"):
        number = int(word, 16) - (numbering == "one-based")
    elif word.endswith("h"):
        number = int(word[:-1], 16) - (numbering == "one-based")
    elif not word.isdecimal():
        raise CellError(_place_help(text, numbering))
    elif numbering == "modicon":
        if len(word) not in {_SHORT, _LONG} or word[0] not in _PREFIXES:
            raise CellError(_place_help(text, numbering))
        table, number = _PREFIXES[word[0]], int(word[1:]) - 1
    else:
        number = int(word) - (numbering == "one-based")
    if not 0 <= number <= _LAST:
        raise CellError(_place_help(text, numbering))
    return number, table


def _place_help(text: str, numbering: Numbering) -> str:
    allowed = {
        "pdu": "a 0-based address 0 to 65535, 0x0064 or 64H (for 40001 use --numbering modicon)",
        "one-based": "a register number 1 to 65536",
        "modicon": "a number such as 40001, 30001, 10001, 00001, 400001 or 4x0001",
    }
    return f"expected {allowed[numbering]}, also 100.3 (bit) and 100-101, got {text!r}"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()

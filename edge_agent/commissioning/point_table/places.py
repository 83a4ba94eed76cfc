"""What an address cell writes, before base and numbering of its column are known (pure)."""

import re
from typing import Final, NamedTuple

from edge_agent.commissioning.point_table.text import CellError, compact, folded

_WORD: Final = r"(?:0x|16#|&h)?[0-9a-f]+h?|[0134]x\d+"
_RANGE: Final = re.compile(rf"({_WORD})(?:~|-+|—+|–|至|到|\.\.\.?|to)({_WORD})")
_LIST: Final = re.compile(rf"({_WORD})(?:[,、&+;]|和)({_WORD})")
_SLASH: Final = re.compile(rf"({_WORD})/({_WORD})")
_BIT: Final = re.compile(
    rf"({_WORD})(?:\.|:|\.bit|:bit|bit|\.b|位|/bit|#)(\d{{1,2}})(?:位)?|({_WORD})\((?:bit|位|b)\.?(\d{{1,2}})\)"
)
_TWICE: Final = re.compile(rf"({_WORD})\(({_WORD})\)")
_PLC: Final = re.compile(r"%?(?:m[wdbx]?|d|v[wdb]?|r|i[wb]|q[wb]|db\d.*|hr?|w|t|c)\d+.*")
_REGISTER_BITS: Final = 16


class Written(NamedTuple):
    """One address as it is written.

    Args:
        first: Digits of the register, with their mark of a base.
        last: Digits of the last register of a range or list.
        bit: Bit behind the register.
        again: The same register in another base: 100 (0x64).
        dot: Whether the bit stands behind a point, as a program may write a whole number: 100.0.
    """

    first: str
    last: str | None = None
    bit: int | None = None
    again: str | None = None
    dot: bool = False


def written(text: str) -> Written:
    """Return what an address cell writes.

    Raises:
        CellError: It is no address, or has two meanings.
    """
    plain = re.sub(r"\s*(\.|-|~|/|:|,|—|–)\s*", r"\1", folded(text))
    plain = re.sub(r"^(?:reg(?:ister)?|addr(?:ess)?|地址|寄存器)\s*[:.#]?\s*(?=[0-9])", "", plain)
    plain = compact(plain)
    if re.fullmatch(_WORD, plain):
        return Written(plain)
    if found := _RANGE.fullmatch(plain):
        return Written(found[1], last=found[2])
    if found := _BIT.fullmatch(plain):
        return _with_bit(found[1] or found[3], found[2] or found[4], text, dot="." in plain)
    if found := _SLASH.fullmatch(plain):
        return _slash(found[1], found[2], text)
    if found := _LIST.fullmatch(plain):
        return _list(found[1], found[2], text)
    if found := _TWICE.fullmatch(plain):
        return Written(found[1], again=found[2])
    if _PLC.fullmatch(plain):
        raise CellError(
            f"{text!r} is an address inside a PLC; which Modbus register it is depends on the PLC: "
            "write the Modbus address"
        )
    raise CellError(f"expected an address such as 100, 0x64, 64H, 100.3, 100-101, got {text!r}")


def _with_bit(word: str, bit: str, text: str, *, dot: bool) -> Written:
    if int(bit) >= _REGISTER_BITS:
        raise CellError(f"a register has bits 0 to 15, got {text!r}")
    return Written(word, bit=int(bit), dot=dot and bit == "0")


def _slash(first: str, second: str, text: str) -> Written:
    if not (first.isdecimal() and second.isdecimal()):
        raise CellError(f"two addresses or a bit? write 100.3 or 100-101, got {text!r}")
    one, two = int(first), int(second)
    if two == one + 1 and two >= _REGISTER_BITS:
        return Written(first, last=second)
    if two < _REGISTER_BITS and two != one + 1:
        return Written(first, bit=two)
    raise CellError(f"two addresses or a bit? write 100.3 or 100-101, got {text!r}")


def _list(first: str, second: str, text: str) -> Written:
    if first.isdecimal() and second.isdecimal() and len(first) == len(second):
        one, two = int(first), int(second)
        if two == one + 1 and two >= _REGISTER_BITS:
            return Written(first, last=second)
    raise CellError(f"expected one address, or a range such as 100-101, got {text!r}")


def number(word: str, *, hexadecimal: bool) -> int | None:
    """Return the number of an address word; None where it is none in this base."""
    if marked := re.fullmatch(r"(?:0x|16#|&h)([0-9a-f]+)h?|([0-9a-f]+)h", word):
        return int(marked[1] or marked[2], 16)
    if hexadecimal and re.fullmatch(r"[0-9a-f]+", word):
        return int(word, 16)
    return int(word) if word.isdecimal() else None


def is_marked(word: str) -> bool:
    """Whether a word says itself that it is hexadecimal: 0x64, 64H."""
    return bool(re.fullmatch(r"(?:0x|16#|&h)[0-9a-f]+h?|[0-9a-f]+h", word))


def same_in_both_bases(word: str) -> bool:
    """Whether a number is the same in both bases: 0 to 9."""
    return word.isdecimal() and int(word) == int(word, 16)


def looks_like_modicon(word: str) -> bool:
    """Whether an address is 3xxxx, 4xxxx, 4x0001 or has six digits: hardly a PDU address."""
    return bool(re.fullmatch(r"[34]\d{4}|[134]x\d+", word)) or (
        bool(re.fullmatch(r"[0134]\d{5}", word))
    )

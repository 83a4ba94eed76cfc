"""Numbers in a point table: factors, units with a factor in them, ranges, sentinels (pure)."""

import math
import re
from typing import Final, NamedTuple

from edge_agent.commissioning.point_table.text import CellError, compact, folded
from edge_agent.commissioning.point_table.unit_words import unit_in

_PLAIN: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_BIT: Final = re.compile(
    r"(?:bits?|b|位|第|d)?\.?(\d{1,2})(?:位)?(?:[-~:]+(?:bits?|b|d)?(\d{1,2})(?:位)?)?"
)
_MOST_BITS: Final = 64
_MOST_EXPONENT: Final = 12
_SMALLEST: Final = 1e-30
_MOST_BIT: Final = 16
_GROUPS: Final = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_COMMA: Final = re.compile(r"[-+]?\d*,\d+")
_POWER: Final = re.compile(r"10(?:\^|\*\*)\(?([-+]?\d+)\)?")
_DECIMALS: Final = re.compile(
    r"([0-9])(?:位小数|位小数点|decimals?|decimalplaces?|dp|位)|小数点?后?([0-9])位"
)
_HEX: Final = re.compile(
    r"(?:0x([0-9a-f]+)|([0-9][0-9a-f]*|[a-f][0-9a-f]*)h|([0-9a-f]*[a-f][0-9a-f]*))"
)

_PLAUSIBLE: Final = re.compile(r"(?:[^\W\d_]|[°%$€¥])+[23]?(?:[/·*.-][^\W\d_]+[23]?)*")
"""A word, or a quotient of words with powers: kg/m3. Neither blanks nor other numbers."""


class Factor(NamedTuple):
    """A factor from raw to the unit.

    Args:
        value: The factor as the cell writes it.
        explicit: Whether the cell itself says multiply or divide: ÷10, ×0.1, 1/10, 10^-1.
    """

    value: float
    explicit: bool


class Comma(NamedTuple):
    """What a comma between digits is in this table.

    Args:
        decimal: The table is cut by semicolons or tabs, so that a comma is a decimal comma.
        seen: Some cell has a comma that can be nothing else: 0,1.
    """

    decimal: bool
    seen: bool


POINT: Final = Comma(decimal=False, seen=False)


def is_decimal_comma(text: str) -> bool:
    """Whether the comma of a cell can only be a decimal comma."""
    plain = compact(text)
    return bool(_COMMA.fullmatch(plain)) and not _GROUPS.fullmatch(plain)


def number(text: str, comma: Comma) -> float:
    """Return a number; a comma is never guessed.

    Raises:
        CellError: It is none, or its comma or point may be either.
    """
    plain = compact(text)
    if "," in plain:
        plain = _without_comma(plain, text, comma)
    elif comma.seen and re.fullmatch(r"[-+]?[1-9]\d{0,2}\.\d{3}", plain):
        raise CellError(f"in a table with decimal commas {text!r} may be thousands; write it plain")
    if not re.fullmatch(_PLAIN, plain):
        raise CellError(f"expected a number such as 0.1, 10, -40, got {text!r}")
    value = float(plain)
    if not math.isfinite(value) or (value and abs(value) < _SMALLEST):
        raise CellError(f"a number beyond all measure, got {text!r}")
    return value


def ten_to(exponent: float, text: str) -> float:
    """Return a power of ten; the exponent is a whole number -12 to 12."""
    if exponent % 1 or abs(exponent) > _MOST_EXPONENT:
        raise CellError(f"expected an exponent -12 to 12, got {text!r}")
    return float(f"1e{int(exponent)}")


def factor(text: str, comma: Comma) -> Factor:
    """Return the factor of a scale cell: 0.1, ×0.1, ÷10, 1/10, 10^-1, 2 decimals, 放大10倍."""
    plain = compact(text)
    if places := _DECIMALS.fullmatch(plain):
        return Factor(10 ** -int(places[1] or places[2]), explicit=True)
    if power := _POWER.fullmatch(re.sub(r"^[x×*]", "", plain)):
        return Factor(ten_to(int(power[1]), text), explicit=True)
    if power := re.fullmatch(r"10(-[1-9])", plain):
        return Factor(10.0 ** int(power[1]), explicit=True)
    plain = re.sub(r"^(?:精度|分辨率|resolution|scale|factor|系数|倍率)[:=]?", "", plain)
    if times := re.fullmatch(r"(放大|扩大|缩小)(?:了)?(.+?)倍?", plain):
        value = number(times[2], comma)
        enlarged = times[1] != "缩小"
        return Factor(_divided(1, value, text) if enlarged else value, explicit=True)
    sign = re.match(r"(?:([x×*]|乘以|乘)|([÷/]|除以|除))=?", plain)
    rest = plain[sign.end() :] if sign else re.sub(r"[x×*]$", "", plain)
    top, slash, bottom = re.sub("÷", "/", rest).partition("/")
    value = number(top, comma)
    if slash:
        value = _divided(value, number(bottom, comma), text)
    if sign and sign[2]:
        value = _divided(1, value, text)
    if not value:
        raise CellError(f"expected a factor that is not 0, such as 0.1, 1/10, ÷10, got {text!r}")
    return Factor(value, explicit=bool(sign or slash))


def whole(text: str, low: int, high: int) -> int:
    """Return a whole number within bounds."""
    plain = compact(text).removesuffix(".0")
    if plain.isdecimal() and low <= int(plain) <= high:
        return int(plain)
    raise CellError(f"expected a whole number {low} to {high}, got {text!r}")


def bits(text: str) -> tuple[int, int | None]:
    """Return a bit, or the lowest bit and the number of bits: 3, bit3, 0-3, bit0~bit3."""
    found = _BIT.fullmatch(compact(text).removesuffix(".0"))
    if found is None or int(found[1]) > _MOST_BIT or int(found[2] or 0) > _MOST_BIT:
        raise CellError(f"expected a bit 0 to 15, or bits such as 0-3, got {text!r}")
    first = int(found[1])
    if found[2] is None:
        return first, None
    low, high = sorted((first, int(found[2])))
    return low, high - low + 1


def bounds(text: str, comma: Comma) -> tuple[float, float]:
    """Return both ends of a range: 0~100, -40..125, [0, 3000], 0-100%."""
    plain = re.sub(r"^[\[(]|[\])]$", "", folded(text)).strip()
    found = re.fullmatch(
        rf"({_PLAIN}|[-+]?\d+,\d+)\s*(?:~|\.\.\.?|…|—|–|-|至|到|to|,|;|/)\s*({_PLAIN}|[-+]?\d+,\d+)"
        r"\s*(\D*)",
        plain,
    )
    if found is None:
        raise CellError(f"expected a range such as 0~100, got {text!r}")
    low, high = number(found[1], comma), number(found[2], comma)
    if high < low:
        raise CellError(f"the range ends before it begins, got {text!r}")
    return low, high


def sentinels(text: str) -> list[int | float | str]:
    """Return the raw numbers that mean "not available"; ``nan`` as text."""
    cleaned = re.sub(
        r"表示|代表|为?无效值?|为?无数据|错误值?|not available|unavailable|invalid|n/a|no data|"
        r"means|error|=|:|为",
        " ",
        folded(text),
    )
    parts = [part for part in re.split(r"[\s,;/、|]+|或|or|和|and", cleaned) if part]
    if not parts:
        raise CellError(f"expected raw numbers such as 0x7FFF, 65535, -32768, NaN, got {text!r}")
    found = [_sentinel(part, text) for part in parts]
    if any(isinstance(raw, int) and abs(raw) >> _MOST_BITS for raw in found):
        raise CellError(f"more than {_MOST_BITS} bits, got {text!r}")
    return found


def unit_and_factor(text: str, comma: Comma) -> tuple[str, Factor | None, bool]:
    """Return unit, factor (0.01Hz, kWh*0.1, ℃/10) and whether the unit is a known one."""
    unit, known = unit_in(text)
    if known:
        return unit, None, True
    plain = re.sub(r"\s*/\s*(?:bit|lsb|digit|count|位|字)$", "", folded(text))
    unit, known = unit_in(plain)
    if known:
        return unit, None, True
    for pattern, upside in (
        (rf"[x×*]?\s*({_PLAIN}|\d+,\d+)\s*[x×*]?\s*(\D.*)", False),
        (rf"(\D.*?)\s*[x×*]\s*({_PLAIN}|\d+,\d+)", False),
        (rf"(\D.*?)\s*[÷/]\s*({_PLAIN}|\d+,\d+)", True),
        (r"1\s*/\s*(\d+)\s*(\D.*)", True),
    ):
        found = re.fullmatch(pattern, plain)
        if found is None:
            continue
        first, second = found.groups()
        digits, word = (first, second) if re.match(r"[-+.\d]", first or "x") else (second, first)
        unit, known = unit_in(word)
        if not known and not (word.isalpha() and len(word) <= 8):  # noqa: PLR2004
            continue
        value = number(digits, comma)
        value = _divided(1, value, text) if upside else value
        if value > 1 and not re.match(r"[-+.\d]", plain):
            raise CellError(f"multiplied or divided by {value:g}? write 0.1{unit}, got {text!r}")
        return unit, Factor(value, explicit=True), known
    if not _PLAUSIBLE.fullmatch(plain):
        raise CellError(f"expected a unit such as °C, kPa or 0.01Hz, got {text!r}")
    return text.strip(), None, False


def _sentinel(part: str, text: str) -> int | float | str:
    if part in {"nan", "inf", "-inf"}:
        return part
    if found := _HEX.fullmatch(part):
        return int(found[1] or found[2] or found[3], 16)
    if re.fullmatch(r"-?\d+", part):
        return int(part)
    if re.fullmatch(r"-?\d+\.\d+", part):
        return float(part)
    raise CellError(f"expected raw numbers such as 0x7FFF, 65535, -32768, NaN, got {text!r}")


def _without_comma(plain: str, text: str, comma: Comma) -> str:
    if _GROUPS.fullmatch(plain):
        if not comma.decimal:
            return plain.replace(",", "")
        if plain.count(",") == 1 and "." not in plain and comma.seen:
            return plain.replace(",", ".")
        raise CellError(f"the comma may be a decimal comma or thousands; write it plain: {text!r}")
    if not _COMMA.fullmatch(plain):
        raise CellError(f"expected a number such as 0.1, 10, -40, got {text!r}")
    if not comma.decimal:
        raise CellError(f"a decimal comma in this table; write 0.1 instead of 0,1; got {text!r}")
    return plain.replace(",", ".")


def _divided(top: float, bottom: float, text: str) -> float:
    if not bottom:
        raise CellError(f"divides by 0, got {text!r}")
    # 1/1000 of 0.1 steps: the shortest number that is meant.
    return float(f"{top / bottom:.12g}")

"""What remarks, titles and names say beside the columns: states, factors, orders (pure)."""

import re
from typing import Final, NamedTuple

from config.points import Order
from edge_agent.commissioning.point_table import numbers, states
from edge_agent.commissioning.point_table.numbers import Comma
from edge_agent.commissioning.point_table.text import CellError, folded

_RAW: Final = r"(0x[0-9a-f]+|[0-9a-f]{4}h|-?\d+(?:\.\d+)?|nan)"
_NONE: Final = (
    r"(?:无效值?|无数据|断线|开路|短路|传感器故障|无传感器|未接|"
    r"sensor fault|no sensor|open circuit|not connected|not available|unavailable|"
    r"invalid|n/a|no data|缺省无效)"
)
_SENTINEL: Final = re.compile(
    rf"{_RAW}\s*(?:=|:|->|→|\s|表示|代表|为|时|means|is|when)*\s*{_NONE}|"
    rf"{_NONE}\s*(?:数据|value)?\s*(?:=|:|\s|为|时|是|if|when)*\s*{_RAW}"
)
_SIGNED: Final = re.compile(
    r"(?:[÷×]|(?<![a-z0-9./])[*/x]\s*(?=[\d]))\s*=?\s*\d[\d.,]*|除以\s*\d[\d.]*(?![\d.]*\s*的)|"
    r"乘以\s*\d[\d.]*|"
    r"(?:放大|扩大|缩小)\s*了?\s*\d+\s*倍?|(?<![\d/.])1\s*/\s*\d+(?![\d/])|10\^-?\d|10的-?\d+次方|"
    r"(?<!\d)[0-6]\s*(?:位小数|decimals?\b|decimal places?)|小数点?后?[0-6]位|"
    r"(?<![a-z])divided? by\s*\d+|"
    r"multipl(?:y|ied) by\s*[\d.]+|"
    r"(?:精度|分辨率|系数|倍率|比例|factor|scale|resolution)\s*(?:factor)?\s*[:=为]?\s*\d[\d.]*"
)
_STEP: Final = re.compile(
    r"(?:(?:单位|步长|lsb|unit|resolution|分辨率|精度)\s*(?:=|:|为|对应|代表|表示|是)?|"
    r"(?<![\w.])1\s*(?:bit|lsb|digit)?\s*(?:=|:|为|对应|代表|表示|是))"
    r"\s*(?<![\d.])(0?\.\d+)(?![\d.])"
)
_UNCLEAR: Final = re.compile(
    r"tenths?|hundredths?|十分之一|百分之一|千分之一|scaled|(?<![a-z])deci(?![a-z])|定标|(?:放大|扩大|缩小)"
)
_FACTOR_WORDS: Final = re.compile(
    r"放大|扩大|缩小|除以|乘以|[÷×]\s*\d|divided? by|multipl(?:y|ied) by|(?<![a-z])scaled|位小数|"
    r"(?<![a-z])(?:tenths?|hundredths?)(?![a-z])"
)
_ORDER: Final = re.compile(r"(?<![a-z])(abcd|cdab|badc|dcba)(?![a-z])")
_ORDER_WORDS: Final = re.compile(
    r"大端|小端|高字在前|低字在前|高字节在前|低字节在前|高位在前|低位在前|字交换|big.?endian|little.?endian|"
    r"word.?swap|byte.?swap|(?:high|low|most|least)[ -](?:significant )?(?:word|byte)[ -]first|"
    r"m?l?sw first"
)
_UNIT_NUMBER: Final = re.compile(
    r"(?:从站地址?|从站号|站号|站地址|从机地址|设备地址|slave(?: (?:address|id|no\.?))?|"
    r"station(?: (?:address|no\.?))?|unit id|modbus id)\s*[:=#]?\s*(\d{1,3})(?!\d)"
)

_DIGITS: Final = {word: str(digit) for digit, word in enumerate("一二三四五六", 1)} | {"两": "2"}
_CHINESE: Final = re.compile(r"[一二两三四五六](?=位小数)|(?<=小数点后)[一二两三四五六](?=位)")
_LEAST_SENTINEL: Final = 100
"""Smaller numbers are states more often than raw numbers that no sensor sends."""


class Remark(NamedTuple):
    """What a remark says that changes a value.

    Args:
        states: Raw number to word.
        invalid: Raw numbers that mean "not available".
        scale: Factor.
        order: Order of bytes and words.
        unit: Unit, where the remark is nothing else: 0.1℃.
        unclear: What looks like one of these and is not understood; empty when nothing does.
    """

    states: dict[int, str] | None = None
    invalid: tuple[int | float | str, ...] = ()
    scale: float | None = None
    order: Order | None = None
    unit: str = ""
    unclear: str = ""


def read_remark(text: str, comma: Comma) -> Remark:
    """Return what a remark says beside the columns."""
    plain = folded(text)
    found = list(_SENTINEL.finditer(plain))
    try:
        raws = tuple(numbers.sentinels(one[1] or one[2])[0] for one in found)
    except CellError:
        return Remark(unclear=f"{text!r} looks like a raw number that means invalid")
    small = any(isinstance(raw, int) and 0 <= raw < _LEAST_SENTINEL for raw in raws)
    if small and not states.looks_like_states(text):
        return Remark(unclear=f"{text!r}: a state, or a raw number that means invalid?")
    rest = _SENTINEL.sub(" ", plain) if raws else text
    # 255=invalid beside 0=off;1=on is a state like the others.
    if states.looks_like_states(text):
        return Remark(states=states.states(text))
    if states.names_bits(plain):
        return Remark(invalid=raws)
    return _unit(text, comma) or _sentence(rest, text, raws, comma)


def _sentence(rest: str, text: str, raws: tuple[int | float | str, ...], comma: Comma) -> Remark:
    """Return factor and order that a sentence names, or what in it is unclear."""
    if states.hints_at_states(rest):
        return Remark(invalid=raws, unclear=f"{text!r} looks like states such as 0=off;1=on")
    orders = {Order(one.upper()) for one in _ORDER.findall(folded(rest))}
    scale, unclear = _scale(rest, comma)
    if len(orders) > 1:
        unclear = f"{text!r} names several orders"
    elif not orders and _ORDER_WORDS.search(folded(rest)):
        unclear = f"{text!r} looks like an order of bytes and words"
    order = next(iter(orders)) if len(orders) == 1 else None
    return Remark(None, raws, scale, order, "", unclear)


def order_in(text: str) -> str:
    """Return the words of a title or note that name an order of bytes and words; empty if none."""
    plain = folded(text)
    found = _ORDER.search(plain) or _ORDER_WORDS.search(plain)
    return found[0] if found else ""


def names_a_factor(text: str) -> bool:
    """Whether a title or note says how raw numbers are scaled: 温度值均放大10倍."""
    return bool(_FACTOR_WORDS.search(folded(text)))


def unit_number_in(text: str) -> int | None:
    """Return the unit that a section row names: 从站地址: 3."""
    found = _UNIT_NUMBER.search(folded(text))
    return int(found[1]) if found else None


def _unit(text: str, comma: Comma) -> Remark | None:
    """Return the unit and factor of a remark that is nothing else: 0.1℃, 单位:0.01MPa."""
    plain = re.sub(r"^(?:单位|unit|分辨率|resolution)\s*[:=为]?\s*", "", folded(text))
    try:
        unit, factor, known = numbers.unit_and_factor(plain, comma)
    except CellError:
        return None
    # A single letter is a remark as often as a unit.
    if not known or (factor is None and len(unit) < 2):  # noqa: PLR2004
        return None
    return Remark(scale=None if factor is None else factor.value, unit=unit)


def _scale(text: str, comma: Comma) -> tuple[float | None, str]:
    """Return the factor of a remark, and why it is unclear."""
    plain = _CHINESE.sub(lambda one: _DIGITS[one[0]], folded(text))
    found = _SIGNED.findall(plain)
    values = {float(one) for one in _STEP.findall(_SIGNED.sub(" ", plain))}
    if not found and not values:
        return None, f"{text!r} looks like a factor" if _UNCLEAR.search(plain) else ""
    for one in found:
        try:
            cleaned = re.sub(r"10的(-?\d+)次方", r"10^\1", one)
            cleaned = re.sub(
                r"^divided? by|^除以", "÷", re.sub(r"^multipl(?:y|ied) by|^乘以", "×", cleaned)
            )
            cleaned = re.sub(
                r"(?:factor|scale|resolution|比例|系数|倍率|精度|分辨率|为|:|=|\s)", "", cleaned
            )
            values.add(numbers.factor(cleaned, comma).value)
        except CellError:
            return None, f"{text!r} looks like a factor"
    if max(values) > 1:
        # raw = value x 10 or value = raw x 10?
        return None, f"{text!r} looks like a factor, multiplied or divided"
    if len(values) == 1:
        return values.pop(), ""
    return None, f"{text!r} names several factors"

"""What remarks and names claim about a value, compared with what the columns came to (pure).

A remark is free text, and most of it is only kept. Where it speaks of the sign, the code, the
width, the table, a factor or an offset, its row must agree with it.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from config.points import DataType, Point
from edge_agent.commissioning.point_table import states, words
from edge_agent.commissioning.point_table.formula import factor_and_offset
from edge_agent.commissioning.point_table.numbers import POINT
from edge_agent.commissioning.point_table.outcome import Content
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.text import CellError, folded

_COUNTS: Final = {"一": 1, "单": 1, "两": 2, "二": 2, "双": 2, "三": 3, "四": 4} | {
    str(one): one for one in range(1, 10)
}
_FACTORS: Final = (Role.SCALE_FROM, Role.DECIMALS_FROM, Role.RATIO_FROM)
_REL: Final = 1e-9


class _Row(NamedTuple):
    """What a row came to, and the name that it has."""

    content: Content
    name: str

    @property
    def kind(self) -> str:
        return str(self.content.get("type", ""))

    @property
    def scale(self) -> float:
        return _number(self.content.get("scale", 1.0))

    @property
    def offset(self) -> float:
        return _number(self.content.get("offset", 0.0))

    @property
    def scaled_by_points(self) -> bool:
        return any(self.content.get(key) for key in _FACTORS)

    @property
    def words(self) -> int:
        length = self.content.get("length")
        if self.kind == DataType.DATETIME:
            return 0
        kind = DataType(self.kind)
        return Point.model_construct(type=kind, length=length).words  # type: ignore[arg-type]


class _Claim(NamedTuple):
    """Words, what they say, and whether a row agrees with it."""

    pattern: re.Pattern[str]
    says: str
    agrees: Callable[[_Row, "re.Match[str]"], bool]


def disagreements(text: str, name: str, content: Content) -> Iterator[str]:
    """Yield what a text claims and the columns do not say.

    Args:
        text: A remark, or a bracket of a name.
        name: Name of the point.
        content: What the columns of its row came to.
    """
    plain = folded(text)
    if not content.get("type") or states.names_bits(plain) or states.looks_like_states(text):
        return
    row = _Row(content, folded(name))
    for claim in _CLAIMS:
        found = next(
            (one for one in claim.pattern.finditer(plain) if not claim.agrees(row, one)), None
        )
        if found is not None:
            yield f"{found[0].strip()!r} speaks of {claim.says}, and the columns do not"
            return


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= _REL * max(abs(one), abs(other), 1e-12)


def _is_signed(row: _Row, _: "re.Match[str]") -> bool:
    return not row.kind.startswith(("uint", "bcd")) or "sign" in row.content


def _is_unsigned(row: _Row, _: "re.Match[str]") -> bool:
    return not row.kind.startswith("int")


def _width(row: _Row, found: "re.Match[str]") -> bool:
    bits = int(found[1])
    if row.kind in {DataType.STRING, DataType.DATETIME, DataType.BITFIELD}:
        return True
    if row.kind in {DataType.BOOL, DataType.BIT}:
        return False
    named = re.search(r"\d+", row.kind)
    return bits == (int(named[0]) if named else 16 * row.words)


def _count(row: _Row, found: "re.Match[str]") -> bool:
    return row.words in {0, _COUNTS[found[1]]}


def _table(row: _Row, found: "re.Match[str]") -> bool:
    stated = words.table_in(found[0])
    return stated is None or stated.value == row.content.get("table")


def _kind(*starts: str) -> Callable[[_Row, "re.Match[str]"], bool]:
    return lambda row, _: row.kind.startswith(starts)


def _has(*keys: str) -> Callable[[_Row, "re.Match[str]"], bool]:
    return lambda row, _: any(row.content.get(key) for key in keys)


def _is_scaled(row: _Row, _: "re.Match[str]") -> bool:
    return row.scale != 1 or row.scaled_by_points


def _by_points(row: _Row, _: "re.Match[str]") -> bool:
    # The register of the ratio itself speaks of it as well.
    return row.scaled_by_points or bool(_RATIO_NAME.search(row.name))


def _example(row: _Row, found: "re.Match[str]") -> bool:
    """Whether ``1000 = 100.0`` is what the row makes of 1000."""
    if row.scaled_by_points:
        return True
    raw, value = float(found[1]), float(found[2])
    return _same(raw * row.scale + row.offset, value)


def _formula(row: _Row, found: "re.Match[str]") -> bool:
    try:
        scale, offset = factor_and_offset(found[0].strip(), POINT)
    except CellError:
        return False
    return _same(scale, row.scale) and _same(offset, row.offset)


def _half(row: _Row, _: "re.Match[str]") -> bool:
    return "byte" in row.content or row.kind in {DataType.STRING, DataType.DATETIME}


def _factor(row: _Row, found: "re.Match[str]") -> bool:
    value = float(found[1])
    return (
        value == 1
        or row.scaled_by_points
        or (_same(row.scale, value) or _same(row.scale * value, 1))
    )


_RATIO_NAME: Final = re.compile(r"变比|(?<![a-z])[cpv]t(?![a-z])|ratio|互感器|倍率|transformer")
_RAW: Final = (
    r"(?:value|raw|reading|读数|数值|实际值|测量值|采集值|值|寄存器|(?<![a-z])[xnyrt](?![a-z]))"
)
_NUMBER: Final = r"\d+(?:\.\d+)?"


def _claim(pattern: str, says: str, agrees: Callable[[_Row, "re.Match[str]"], bool]) -> _Claim:
    return _Claim(re.compile(pattern), says, agrees)


_CLAIMS: Final = (
    _claim(
        r"(?<![\w.~-])(?:0x)?(?:7fff|ffff)h?(?![\w])|(?<![\d.~至到-])(?:65535|32767|32768|9999)(?![\d.])",
        "a raw number that often means 'not available'",
        _has("invalid"),
    ),
    _claim(r"符号位|sign[ -]bit|sign[ -](?:and[ -])?magnitude|原码|反码", "a sign", _has("sign")),
    _claim(r"有符号|带符号|补码|(?<![a-z])signed|two'?s complement", "a sign", _is_signed),
    _claim(r"无符号|不带符号|(?<![a-z])unsigned", "no sign", _is_unsigned),
    _claim(r"bcd", "BCD", _kind("bcd", "datetime")),
    _claim(
        r"浮点|(?<![a-z])float(?= ?(?:32|64|ing point|values?|numbers?|format|$|[,;.)]))|"
        r"ieee ?-?754",
        "a float",
        _kind("float"),
    ),
    _claim(
        r"(?<![a-z])(?:ascii|gbk|gb ?2312|gb ?18030|utf-?8|^string$|character string)(?![a-z])|"
        r"字符串",
        "text",
        _kind("string"),
    ),
    _claim(
        r"(?<![a-z])unix|时间戳|timestamp|seconds since|epoch|年月日|(?<![a-z])yy+[ /.-]?mm",
        "a date and time",
        _kind("datetime"),
    ),
    _claim(
        r"(?<![\d.])(8|16|24|32|48|64)[ -]?(?:bits?(?![a-z\d])|位(?!小数|地址))", "a width", _width
    ),
    _claim(
        r"(?:占用?|共|takes|occupies|uses)?\s*([一二两三四双单1-9])\s*个?\s*(?:寄存器|registers(?![a-z]))",
        "a number of registers",
        _count,
    ),
    _claim(
        r"(?:高|低)(?:字节|[8八]位)(?!在?[前先])|"
        r"(?<![a-z])(?:high|low|upper|lower|hi|lo)[ -]?byte(?! first)",
        "half a register",
        _half,
    ),
    _claim(
        r"(?:fc|功能码|function(?: code)?)\s*[:=]?\s*(?:0x)?0?[1-4](?!\d)|0?[1-4]\s*功能码|"
        r"线圈(?![电温绕])|(?:保持|输入)寄存器|离散输入|"
        r"(?<![a-z])(?:coil(?! (?:temp|volt|curr|res))|(?:holding|input) register|discrete input)",
        "another table",
        _table,
    ),
    _claim(
        r"取反|反逻辑|负逻辑|低(?:电平)?有效|active[ -]low|(?<![a-z])inverted|negative logic|"
        r"(?<!\d)0\s*(?:=|:|为|表示)?\s*有效",
        "inverted bits",
        _has("inverted"),
    ),
    _claim(
        r"(?:[*×x乘]\s*以?\s*(?:[cpv]t(?![a-z])|[^\d\s;,。]{0,6}变比))|(?<![a-z])[cpv]t\s*[*×]|变比|"
        r"二次侧?(?:值|电压|电流|功率)|"
        r"(?<![a-z])[cpv]t ratio|secondary (?:value|side)|transformer ratio",
        "a ratio of transformers",
        _by_points,
    ),
    _claim(
        r"(?:指数|小数位数?|小数点|scale|exponent|factor|系数|倍率|decimals?|(?<![a-z])sf|比例)[^;,。\d]*"
        r"(?:寄存器|register|reg|地址|addr\w*|见|由|see)[^;,。\d]*\d+|10\s*(?:\^|\*\*|的)\s*\(?[a-z]|"
        r"(?<![a-z])sunssf(?![a-z])|^sf$",
        "a factor in another register",
        lambda row, _: row.scaled_by_points,
    ),
    _claim(
        rf"{_NUMBER}\s*[-~]\s*{_NUMBER}\s*\w{{0,4}}\s*(?:对应|=|↔|corresponds? to)\s*-?{_NUMBER}",
        "two scales",
        _has("raw_span"),
    ),
    _claim(
        rf"(?:{_RAW}\s*=\s*)?\(?{_RAW}\)?\s*[*×/÷]\s*{_NUMBER}(?![\d.]*\s*\^)\)?(?:\s*[-+]\s*{_NUMBER})?"
        rf"|{_RAW}\s*=\s*{_NUMBER}\s*[*×]?\s*{_RAW}(?:\s*[-+]\s*{_NUMBER})?"
        rf"|{_RAW}\s*[-+]\s*{_NUMBER}",
        "a formula",
        _formula,
    ),
    _claim(
        r"偏移量?\s*(?:为|:|=)?\s*[-+]?[1-9]|(?<![a-z])offset\s*(?:of|:|=)?\s*[-+]?[1-9]|减去?\s*\d|"
        r"(?<![a-z])minus\s*\d",
        "an offset",
        _has("offset"),
    ),
    _claim(
        r"(?<![\d.\w])(\d+)\s*(?:=|即|代表|表示|对应|->|→|means|equals|is)\s*(-?\d+\.\d+)",
        "a factor",
        _example,
    ),
    _claim(
        r"^\s*(0\.\d+)(?:\s*units?)?\s*$|精确到\s*(?=0)(0\.\d+)",
        "a factor",
        lambda row, found: row.scaled_by_points or _same(row.scale, float(found[1] or found[2])),
    ),
    _claim(r"(?:^|[\s(])[x×*÷/]\s*(\d+(?:\.\d+)?)\s*$", "a factor", _factor),
    _claim(
        r"(?<![大小\d.])\d+\s*倍|10\s*的\s*-?\d+\s*次方|(?<![a-z\d])e-\d(?!\d)|[a-z%℃°]\s*[*×]\s*\d|"
        r"(?<![a-z])scaled|定点",
        "a factor",
        _is_scaled,
    ),
)

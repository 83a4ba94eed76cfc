"""Data types in any wording, put together from their parts: sign, width, kind, order (pure).

``无符号16位整型``, ``U_WORD``, ``INT16U``, ``uint16be`` and ``Float CD AB`` hold the same few parts
in another sequence. A text is a type when nothing of it is left over and its parts agree.
"""

import re
from typing import Final, NamedTuple

from config.coding import ROWS
from config.points import DataType, Order
from edge_agent.commissioning.point_table.text import CellError, folded

_SIGNED, _UNSIGNED = "signed", "unsigned"


class TypeWords(NamedTuple):
    """What the words of a type say; None where they say nothing.

    Args:
        kind: int, float, bcd, string, bool, bit, enum.
        bits: Width.
        sign: signed or unsigned.
        order: Order of bytes and words.
        size: Number behind a string: string(20).
    """

    kind: str | None = None
    bits: int | None = None
    sign: str | None = None
    order: Order | None = None
    size: int | None = None


_PARTS: Final[dict[str, TypeWords]] = {}


def _add(words: str, part: TypeWords) -> None:
    for word in words.split():
        _PARTS[word] = part


_add("vorzeichenlos ohnevorzeichen unsigned uns 无符号 不带符号 u us", TypeWords(sign=_UNSIGNED))
_add("vorzeichenbehaftet mitvorzeichen signed 有符号 带符号 s", TypeWords(sign=_SIGNED))
_add("8 8bits 8bit 8位 八位 1byte 1字节", TypeWords(bits=8))
_add("16bits 16bit 16位 十六位 16 2byte 2bytes 2字节 双字节", TypeWords(bits=16))
_add("24bits 24bit 24位 二十四位 24 3byte 3bytes 3字节 三字节", TypeWords(bits=24))
_add("48bits 48bit 48位 四十八位 48 6byte 6bytes 6字节 六字节", TypeWords(bits=48))
_add("32bits 32bit 32位 三十二位 32 4byte 4bytes 4字节 四字节", TypeWords(bits=32))
_add("64bits 64bit 64位 六十四位 64 8byte 8bytes 8字节 八字节", TypeWords(bits=64))
_add("ganzzahl int integer 整型 整形 整数 整数型", TypeWords("int"))
_add("i", TypeWords("int", sign=_SIGNED))
_add("uint ui uinteger", TypeWords("int", sign=_UNSIGNED))
_add("sint", TypeWords("short_int", sign=_SIGNED))
_add("usint", TypeWords("short_int", sign=_UNSIGNED))
_add("short 短整型 短整形 短整数", TypeWords("int", 16))
_add("ushort", TypeWords("int", 16, _UNSIGNED))
_add("long longint 长整型 长整形 长整数 双整型 双整数", TypeWords("int", 32))
_add("ulong", TypeWords("int", 32, _UNSIGNED))
_add("longlong", TypeWords("int", 64))
_add("word 字", TypeWords("word", 16))
_add("dword doubleword 双字", TypeWords("word", 32))
_add("lword qword 四字", TypeWords("word", 64))
_add("dint", TypeWords("int", 32, _SIGNED))
_add("udint", TypeWords("int", 32, _UNSIGNED))
_add("lint", TypeWords("int", 64, _SIGNED))
_add("ulint", TypeWords("int", 64, _UNSIGNED))
_add(
    "gleitkomma gleitkommazahl fliesskomma fliesskommazahl "
    "float real 浮点 浮点数 浮点型 实数 实型 ieee754 ieee fp f flt 浮点数型",
    TypeWords("float"),
)
_add("half 半精度 半精度型", TypeWords("float", 16))
_add("single 单精度 单精度型", TypeWords("float", 32))
_add("double lreal 双精度 双精度型", TypeWords("float", 64))
_add("bcd bcd码", TypeWords("bcd"))
_add("string ascii text str 字符串 字符 文本 ascii码 字符型", TypeWords("string"))
_add("bool boolean 布尔 布尔型 布尔量 布尔值 开关量 开关 coil 线圈", TypeWords("bool"))
_add("di do 开入 开出", TypeWords("bool"))
_add("bit 位 按位", TypeWords("bit"))
_add("byte 字节型", TypeWords("word", 8))
_add("datetime 日期时间", TypeWords("datetime"))
_add("bitfield 位域", TypeWords("bitfield"))
_add("enum 枚举 枚举型 enumeration", TypeWords("enum"))
_add("abcd bigendian big be 大端 大端模式 msbfirst 1234", TypeWords(order=Order.ABCD))
_add("cdab wordswap wordswapped 字交换 3412", TypeWords(order=Order.CDAB))
_add("badc byteswap byteswapped 字节交换 2143", TypeWords(order=Order.BADC))
_add("dcba littleendian little le 小端 小端模式 lsbfirst 4321", TypeWords(order=Order.DCBA))
_add("ab", TypeWords(order=Order.ABCD))
_add("ba", TypeWords(order=Order.BADC))
_add("型 类型 数 格式 型数据 数据 type value 值 standard", TypeWords())

_LONGEST: Final = max(map(len, _PARTS))
_SIZED: Final = re.compile(r"^(string|ascii|char|str|字符串)[\[(]?(\d+)[\])]?$")
_STRONGER: Final = ("int", "bcd", "enum")
_WIDTH_OF: Final = {"int": 16, "word": 16, "float": 32, "enum": 16, "bcd": 16}
IMPORTED: Final = tuple(one for one in DataType if one not in ROWS)
"""Types that a point table can name; a row of codes is written into the device file."""
_NAMES: Final = {one.value: one for one in IMPORTED}
_NAME: Final = re.compile(r"(uint|int|float|bcd)(\d+)")
_WHOLE: Final = {
    "string": DataType.STRING,
    "bool": DataType.BOOL,
    "bit": DataType.BIT,
    "bitfield": DataType.BITFIELD,
    "datetime": DataType.DATETIME,
}
_ALLOWED: Final = (
    f"expected one of {', '.join(IMPORTED)}, in words such as U_WORD, unsigned short, "
    "无符号16位整型, 浮点, 开关量, with an order such as CDAB behind it where there is one"
)


def read_type(text: str) -> TypeWords:
    """Return what the words of a type say.

    Raises:
        CellError: A part is unknown, or two parts contradict each other.
    """
    plain = re.sub(r"[\s_\-,./;:+、]+", "", folded(text))
    if sized := _SIZED.match(plain):
        return TypeWords("string", size=int(sized[2]))
    plain = re.sub(r"[()\[\]]+", "", plain)
    plain = re.sub(r"(?<=\d)t$", "", plain)  # uint16_t
    if plain in _NAMES:
        return _exact(plain)
    parts = _cut(plain, {})
    if not parts:
        raise CellError(f"{_ALLOWED}; got {text!r}")
    merged = [_merge(one) for one in parts]
    sensible = {one for one in merged if one is not None and one != TypeWords()}
    if len(sensible) != 1:
        raise CellError(f"contradicts itself or has two meanings; {_ALLOWED}; got {text!r}")
    return sensible.pop()


def data_type(words: TypeWords, registers: int | None) -> DataType:
    """Return the data type.

    Args:
        words: What the type, sign and width columns say.
        registers: Registers of the value where the row says so.

    Raises:
        CellError: Something is missing, or there is no such type.
    """
    kind, bits = words.kind, words.bits
    if kind in _WHOLE and bits is None:
        return _WHOLE[kind]
    if kind in _WHOLE:
        raise CellError(f"a {kind} has no width of {bits} bits; {_ALLOWED}")
    if kind is None and words.sign is None:
        raise CellError(f"does not say what it is (signed, unsigned, float); {_ALLOWED}")
    if kind == "short_int" and bits is None and registers is None:
        raise CellError("SINT has 8 bits in IEC 61131, 16 elsewhere; write INT8 or INT16")
    if kind is None or kind == "short_int":
        kind = "int"
    bits = bits or _bits_of(kind, registers)
    name = f"{kind}{bits}"
    if kind in {"int", "word"}:
        sign = words.sign or (_UNSIGNED if kind == "word" else _SIGNED)
        name = f"{'u' if sign == _UNSIGNED else ''}int{bits}"
    elif words.sign is not None:
        raise CellError(f"a {kind} is neither signed nor unsigned; {_ALLOWED}")
    if kind == "enum":
        name = "enum" if bits == _WIDTH_OF["enum"] else ""
    if name not in _NAMES:
        raise CellError(f"no type of {bits} bits for {kind}; {_ALLOWED}")
    return _NAMES[name]


def _bits_of(kind: str, registers: int | None) -> int:
    if registers is None or kind == "enum":
        return _WIDTH_OF[kind]
    if kind == "float" and registers == 1:
        # Rare, and a slip in the column of lengths much more often.
        raise CellError(f"a float in one register is a float16; say so if it is; {_ALLOWED}")
    return 16 * registers


def _exact(name: str) -> TypeWords:
    found = _NAME.fullmatch(name)
    if found is None:
        return TypeWords(name, _WIDTH_OF.get(name))
    kind, bits = found[1], int(found[2])
    if kind == "uint":
        return TypeWords("int", bits, _UNSIGNED)
    return TypeWords(kind, bits, _SIGNED if kind == "int" else None)


def join(first: TypeWords, second: TypeWords) -> TypeWords | None:
    """Return both together; None when they contradict each other."""
    return _merge([first, second])


def _cut(text: str, seen: dict[str, list[list[TypeWords]]]) -> list[list[TypeWords]]:
    """Return all ways to cut a text into known parts, longest parts first, only the shortest."""
    if not text:
        return [[]]
    if text not in seen:
        ways: list[list[TypeWords]] = []
        for size in range(min(_LONGEST, len(text)), 0, -1):
            part = _PARTS.get(text[:size])
            if part is not None:
                ways += [[part, *rest] for rest in _cut(text[size:], seen)]
        fewest = min(map(len, ways), default=0)
        seen[text] = [one for one in ways if len(one) == fewest]
    return seen[text]


def _merge(parts: list[TypeWords]) -> TypeWords | None:
    merged = TypeWords()
    for part in parts:
        values: list[object] = []
        for have, add in zip(merged, part, strict=True):
            if have is not None and add is not None and have != add:
                # A signed word is an integer, a BCD word BCD; "bool float" is nothing.
                kind = next((one for one in _STRONGER if {have, add} <= {one, "int", "word"}), None)
                if kind is None:
                    return None
                values.append(kind)
            else:
                values.append(add if have is None else have)
        merged = TypeWords(*values)  # type: ignore[arg-type]
    return merged

"""Cells that hold one of a few words: order, table and function, access, kind of signal (pure)."""

import re
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple, TypeVar

from config.coding import MixedOrder
from config.points import Order, Table
from edge_agent.commissioning.point_table.qualifiers import Qualifier
from edge_agent.commissioning.point_table.text import CellError, folded

Meaning = TypeVar("Meaning")


def _by_word(words: Mapping[Meaning, str]) -> dict[str, Meaning]:
    return {word: meaning for meaning, text in words.items() for word in text.split()}


_ORDERS: Final = _by_word(
    {
        Order.ABCD: "abcd 1234 4321h ab big bigendian be 大端 大端模式 大端序 高位在前 正序 "
        "msbfirst "
        "msb motorola network abcdefgh abcdef 0123 高位先 normal standard noswap",
        Order.CDAB: "littleendianbyteswap littleendianbyteswapped cdab 3412 wordswap wordswapped "
        "字交换 bigendianwordswap 2301 efcdab "
        "bigendianwordswapped ghefcdab midlittleendian swappedwords 大端字交换 cdab交换",
        Order.BADC: "littleendianwordswap littleendianwordswapped badc 2143 ba byteswap "
        "byteswapped 字节交换 bigendianbyteswap 1032 "
        "bigendianbyteswapped badcfehg badcfe midbigendian",
        Order.DCBA: "dcba 4321 little littleendian le 小端 小端模式 小端序 反序 lsbfirst lsb intel "
        "hgfedcba fedcba 3210",
    }
)
_MIXED: Final = {one.value.casefold(): one for one in MixedOrder}
_WORD_HIGH: Final = frozenset(
    "高字在前 高字先 高字前 高16位在前 highwordfirst hwf mswfirst msw high 高低 高字低字 hilo "
    "highlow 高在前 msrf highregisterfirst 高寄存器在前".split()
)
_WORD_LOW: Final = frozenset(
    "低字在前 低字先 低字前 低16位在前 lowwordfirst lwf lswfirst lsw low 低高 低字高字 lohi "
    "lowhigh 低在前 lsrf lowregisterfirst 低寄存器在前 swap swapped 交换".split()
)
_BYTE_HIGH: Final = frozenset(
    "高字节在前 高字节先 highbytefirst msbfirst msb high 高低 hilo 高在前 ab".split()
)
_BYTE_LOW: Final = frozenset(
    "低字节在前 低字节先 lowbytefirst lsbfirst lsb low 低高 lohi 低在前 ba swap swapped "
    "交换".split()
)
_BIG: Final = frozenset(
    "big bigendian be 大端 大端模式 大端序 msbfirst abcd ab 1234 normal standard".split()
)
_LITTLE: Final = frozenset("little littleendian le 小端 小端模式 小端序 lsbfirst ba".split())
_SIGNED: Final = frozenset("signed s 有符号 带符号 有".split())
_UNSIGNED: Final = frozenset("unsigned u 无符号 不带符号 无".split())
_UNCLEAR: Final = frozenset("低位在前 低位先 lowfirst".split())

_TABLES: Final = _by_word(
    {
        Table.COIL: "coil coils 0x 0xxxx 0xxxxx 线圈 线圈状态 线圈寄存器 输出线圈 继电器 do "
        "开关输出 coilstatus digitaloutput 数字量输出 co 读线圈 readcoils readcoil",
        Table.DISCRETE: "discrete discreteinput discreteinputs di 1x 1xxxx 1xxxxx 离散 "
        "离散输入 离散量 离散量输入 输入状态 inputstatus digitalinput 数字量输入 开关输入 "
        "离散寄存器 离散输入寄存器 触点 读离散输入 readdiscreteinputs contact",
        Table.HOLDING: "halteregister holding holdingregister holdingregisters hr hreg 4x "
        "4xxxx 4xxxxx 保持 保持寄存器 保存寄存器 ao analogoutput 模拟量输出 outputregister "
        "输出寄存器 读保持寄存器 readholdingregisters readholdingregister holdingreg",
        Table.INPUT: "eingangsregister inputregister inputregisters input ir ireg 3x 3xxxx "
        "3xxxxx 输入 输入寄存器 ai analoginput 模拟量输入 读输入寄存器 readinputregisters "
        "readinputregister inputreg",
    }
)
_READ: Final = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
_WRITE: Final = {
    5: Table.COIL,
    15: Table.COIL,
    6: Table.HOLDING,
    16: Table.HOLDING,
    22: Table.HOLDING,
}
_ZONES: Final = {"0": Table.COIL, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}
_ALLOWED: Final = (
    "coil, discrete, holding, input, function 01 to 06, 15, 16, or 0x, 1x, 3x, 4x, 4区"
)

_READ_ONLY: Final = frozenset(
    "lesen nurlesen lesend l "
    "r ro read readonly 只读 读 可读 遥测 遥信 r- 只读取 仅读 rd 读取".split()
)
_WRITABLE: Final = frozenset(
    "lesenschreiben schreiben ls "
    "rw w wo write readwrite writeonly 读写 可读写 可写 只写 写 遥控 遥调 r w 可读可写 读写均可 "
    "可读可写入 wr writable rww 读及写 read/write".split()
)
_HALF_HIGH: Final = frozenset("高字节 高八位 高8位 高位 高 high highbyte hi h msb upper".split())
_HALF_LOW: Final = frozenset("低字节 低八位 低8位 低位 低 low lowbyte lo l lsb lower".split())
_DIGITAL: Final = frozenset(
    "di do 开关量 数字量 digital 遥信 遥控 binary 开入 开出 bi bo bv".split()
)
_ANALOGUE: Final = frozenset(
    "ai ao 模拟量 analog analogue 遥测 遥调 模入 模出 av 电度 遥脉 pi".split()
)


class TableWord(NamedTuple):
    """What a table or function cell says.

    Args:
        table: Where the register is.
        writes: Whether a function that writes is named.
        reads: Whether a function that reads is named, or no function at all.
    """

    table: Table
    writes: bool
    reads: bool


def order(text: str) -> tuple[Order | MixedOrder, bool]:
    """Return the order of a cell, and whether it says only which of two words comes first.

    Raises:
        CellError: It means nothing, or has two meanings for a value of several registers.
    """
    plain = _bare(text)
    plain = re.sub(r"^(?:order|字节序|顺序)", "", plain) or plain
    if plain in _ORDERS:
        return _ORDERS[plain], False
    if plain in _MIXED:
        return _MIXED[plain], False
    if plain in _WORD_HIGH and plain not in _BYTE_HIGH:
        return Order.ABCD, True
    if plain in _WORD_LOW and plain not in _BYTE_LOW:
        return Order.CDAB, True
    # "低字在前,高字节在前" says both.
    parts = [_bare(part) for part in re.split(r"[,;、/\s]+", folded(text)) if _bare(part)]
    if len(parts) == 2:  # noqa: PLR2004
        for one, other in (parts, parts[::-1]):
            word, byte = _first(one, _WORD_HIGH, _WORD_LOW), _first(other, _BYTE_HIGH, _BYTE_LOW)
            if (
                word is not None
                and byte is not None
                and not {one, other} & (_BYTE_HIGH & _WORD_HIGH)
            ):
                return together(byte_high=byte, word_high=word), False
    allowed = "expected ABCD, CDAB, BADC, DCBA, 大端, 小端, 高字在前 or 低字在前"
    if plain in _UNCLEAR or plain in _BYTE_LOW or plain in _BYTE_HIGH:
        raise CellError(f"{text!r} may be DCBA or only the bytes or the words of it; {allowed}")
    raise CellError(f"{allowed}, got {text!r}")


def high_byte_first(text: str, *, swap: bool = False) -> bool:
    """Return what a byte order column says.

    Args:
        text: The cell.
        swap: Whether the heading asks if the bytes are swapped.
    """
    if swap and (yes := _yes(text)) is not None:
        return not yes
    return _two(text, _BYTE_HIGH | _BIG, _BYTE_LOW | _LITTLE, "高字节在前, 低字节在前")


def high_word_first(text: str, *, swap: bool = False) -> bool:
    """Return what a word order column says.

    Args:
        text: The cell.
        swap: Whether the heading asks if the words are swapped.
    """
    if swap and (yes := _yes(text)) is not None:
        return not yes
    return _two(text, _WORD_HIGH | _BIG, _WORD_LOW | _LITTLE, "高字在前, 低字在前")


def together(*, byte_high: bool, word_high: bool) -> Order:
    """Return the order of bytes and words that two columns say."""
    if word_high:
        return Order.ABCD if byte_high else Order.BADC
    return Order.CDAB if byte_high else Order.DCBA


def table(text: str, qualifiers: Collection[Qualifier] = ()) -> TableWord:
    """Return the table of a function code, a name or a zone; 03/06 is holding, and written.

    Args:
        text: The cell.
        qualifiers: Whether the heading speaks of functions or of zones; a bare 3 or 4 needs it.
    """
    plain = _bare(text)
    if plain in _TABLES:
        return TableWord(_TABLES[plain], writes=False, reads=True)
    parts = re.split(r"[/,、;|&+和或()\[\]]+|(?<=[\dh])\s+(?=\d)", folded(text))
    found = [_table_part(part, text, qualifiers) for part in parts if part.strip()]
    tables = {one.table for one in found}
    if len(tables) != 1:
        raise CellError(f"expected one of {_ALLOWED}, got {text!r}")
    return TableWord(
        tables.pop(), any(one.writes for one in found), any(one.reads for one in found)
    )


def writable(text: str) -> bool:
    """Return whether the point may be written."""
    plain = re.sub(r"[\s/、,和&+|_\-()]+", "", folded(text))
    if plain in _READ_ONLY:
        return False
    if plain in _WRITABLE:
        return True
    if plain in {"yes", "true", "是", "no", "false", "否"}:
        return plain in {"yes", "true", "是"}
    raise CellError(f"expected R, RW, 只读 or 读写, got {text!r}")


def high_half(text: str) -> bool:
    """Return whether a value is the high byte of its register."""
    return _two(text, _HALF_HIGH, _HALF_LOW, "高字节, 低字节, high, low")


def digital(text: str) -> bool:
    """Return whether a signal is digital (DI, DO, 遥信), not analogue (AI, AO, 遥测)."""
    return _two(text, _DIGITAL, _ANALOGUE, "DI, DO, AI, AO")


def table_in(text: str) -> Table | None:
    """Return the table that a section row names: 4区 保持寄存器, Input registers (FC 04)."""
    plain = folded(text)
    found = {_TABLES[word] for word in _TABLES if len(word) > 3 and word in _bare(plain)}  # noqa: PLR2004
    found |= {_TABLES[word] for word in re.split(r"[^\w]+", plain) if word in _SECTION_WORDS}
    found |= {_ZONES[zone] for zone in re.findall(r"(?<!\d)([0134])\s*(?:x\s*)?区", plain)}
    for code in re.findall(
        r"(?:fc|功能码|function(?:\s*code)?|func)\s*[:=]?\s*(0x\d+|\d+h?)", plain
    ):
        number = _function(code)
        if number in _READ:
            found.add(_READ[number])
    if Table.INPUT in found and len(found) > 1 and re.search("离散|discrete|状态|status", plain):
        found.discard(Table.INPUT)
    return found.pop() if len(found) == 1 else None


_SECTION_WORDS: Final = frozenset(
    "线圈 coil coils 4x 3x 1x 0x 4xxxx 3xxxx 1xxxx 0xxxx 离散量".split()
)


def signed(text: str) -> bool:
    """Return what a column headed signed or 有符号 says: yes, no, 是, 否, signed, 无符号."""
    yes = _yes(text)
    return _two(text, _SIGNED, _UNSIGNED, "signed, unsigned, 是, 否") if yes is None else yes


def is_yes(text: str) -> bool:
    """Return what a column says that asks yes or no."""
    yes = _yes(text)
    if yes is None:
        raise CellError(f"expected yes, no, 是, 否, 1, 0, got {text!r}")
    return yes


def _yes(text: str) -> bool | None:
    plain = folded(text)
    if plain in {"yes", "y", "是", "true", "√", "✓", "有", "1"}:
        return True
    return False if plain in {"no", "n", "否", "false", "×", "x", "无", "0"} else None


def _first(word: str, high: Collection[str], low: Collection[str]) -> bool | None:
    if word in high:
        return True
    return False if word in low else None


def _two(text: str, first: Collection[str], second: Collection[str], allowed: str) -> bool:
    plain = _bare(text)
    if plain in first:
        return True
    if plain in second:
        return False
    raise CellError(f"expected one of {allowed}, got {text!r}")


def _bare(text: str) -> str:
    return re.sub(r"[\s_\-.:()/,、;+]+", "", folded(text))


def _table_part(part: str, text: str, qualifiers: Collection[Qualifier]) -> TableWord:
    word = _bare(part)
    if word in _TABLES:
        return TableWord(_TABLES[word], writes=False, reads=True)
    if zone := re.fullmatch(r"([0134])(?:x*区)", word):
        return TableWord(_ZONES[zone[1]], writes=False, reads=True)
    named = re.match(r"fc|功能码|function|func|0x(?=\d)", word)
    plain = re.sub(r"^(?:fc|功能码|function|func)", "", word)
    zones, functions = Qualifier.ZONE in qualifiers, Qualifier.FUNCTION in qualifiers
    if re.fullmatch(r"[0134]", plain) and not named and zones and not functions:
        return TableWord(_ZONES[plain], writes=False, reads=True)
    if re.fullmatch(r"[01-6]", plain) and not named and not functions:
        raise CellError(
            f"may be a function code or a zone; write 03 or 3x, got {text!r}; expected {_ALLOWED}"
        )
    number = _function(plain, hexadecimal=Qualifier.HEX in qualifiers)
    if number in _READ:
        return TableWord(_READ[number], writes=False, reads=True)
    if number in _WRITE:
        return TableWord(_WRITE[number], writes=True, reads=False)
    raise CellError(f"expected one of {_ALLOWED}, got {text!r}")


def _function(word: str, *, hexadecimal: bool = False) -> int | None:
    """Return a function code; 0F and 10 can only be hexadecimal, as no function 10 exists."""
    if found := re.fullmatch(r"0x([0-9a-f]{1,2})|([0-9a-f]{1,2})h", word):
        return int(found[1] or found[2], 16)
    if word in {"0f", "10"}:
        return int(word, 16)
    if word.isdecimal() and len(word) <= 3:  # noqa: PLR2004
        return int(word, 16 if hexadecimal else 10)
    return None

"""Words beside a heading that change how its column is read: (hex), 1-based, 字节 (data)."""

from enum import StrEnum
from typing import Final

from edge_agent.commissioning.point_table.roles import Role


class Qualifier(StrEnum):
    """How the cells of a column are meant."""

    HEX = "hexadecimal"
    DECIMAL = "decimal"
    OCTAL = "octal"
    ZERO_BASED = "0-based"
    ONE_BASED = "1-based"
    MODICON = "modicon"
    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"
    REGISTERS = "registers"
    BYTES = "bytes"
    BITS = "bits"
    DIVIDE = "divide"
    MULTIPLY = "multiply"
    EXPONENT = "power of ten"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    MINUTES = "minutes"
    ZONE = "zone number"
    FUNCTION = "function code"
    SWAP = "swapped"


_WORDS: Final = {
    Qualifier.HEX: "hex, hexadecimal, 十六进制, 16进制, h, 0x",
    Qualifier.DECIMAL: "dec, decimal, 十进制, 10进制, d",
    Qualifier.OCTAL: "octal, oct, 八进制, 8进制",
    Qualifier.ZERO_BASED: "0 based, zero based, 从0开始, 0起始, 起始0, 以0起始, 0开始, base 0, "
    "starts at 0, starting at 0, starting from 0, from 0, 0基, pdu, 协议地址, 以0开始, 0起, "
    "0为起始, 零起始, 从零开始, 0 base, 0起始地址, zero base, offset 0, index 0, 0 indexed, wire",
    Qualifier.ONE_BASED: "1 based, one based, 从1开始, 1起始, 起始1, 以1起始, 1开始, base 1, "
    "starts at 1, starting at 1, starting from 1, from 1, 1基, 以1开始, 1起, 1为起始, 从一开始, "
    "1 base, 1起始地址, one base, offset 1, index 1, 1 indexed",
    Qualifier.MODICON: "modicon, plc, plc地址, 4x, 3x, 5 digit, 6 digit, 5位, 6位, 40001, 30001, "
    "400001, 300001, 4xxxx, 3xxxx, plc address",
    Qualifier.COIL: "coil, coils, 线圈, 0区",
    Qualifier.DISCRETE: "discrete, discrete input, discrete inputs, 离散输入, 离散量输入, 1区",
    Qualifier.HOLDING: "holding, holding register, holding registers, 保持寄存器, 4区",
    Qualifier.INPUT: "input register, input registers, 输入寄存器, 3区",
    Qualifier.REGISTERS: "registers, words, word, register, 寄存器, 寄存器数, 字, 个寄存器, "
    "16 bit registers, 16 bit words, 寄存器数量, 寄存器个数, 字数, word count, register count, "
    "number of registers, no of registers, number of words, register quantity",
    Qualifier.BYTES: "bytes, byte, 字节, 字节数, characters, chars, char, 字符, 字符数, 个字节, "
    "字节长度, byte count, number of bytes, byte length",
    Qualifier.BITS: "bits, bit, 比特, 二进制位",
    Qualifier.DIVIDE: "divide, divide by, divided by, 除, 除以, divisor, 除数, raw divided by, "
    "放大",
    Qualifier.MULTIPLY: "multiply, multiply by, multiplied by, 乘, 乘以, 乘数, multiplier, times",
    Qualifier.EXPONENT: "power of ten, power of 10, exponent, 10 的幂, 指数, sf, 10n, pow 10, "
    "exp, 10 的n次方, 10 的指数",
    Qualifier.SWAP: "word swap, words swapped, word swapped, 字交换, swap words, byte swap, "
    "bytes swapped, byte swapped, 字节交换, swap bytes, 高低字交换, 高低字节交换",
    Qualifier.SECONDS: "s, sec, seconds, second, 秒",
    Qualifier.MILLISECONDS: "ms, milliseconds, 毫秒",
    Qualifier.MINUTES: "min, minutes, 分钟",
}
_SIGNS: Final = {
    "÷": Qualifier.DIVIDE,
    "/": Qualifier.DIVIDE,
    "×": Qualifier.MULTIPLY,
    "x": Qualifier.MULTIPLY,
    "*": Qualifier.MULTIPLY,
    "0x": Qualifier.HEX,
}

BASES: Final = frozenset({Qualifier.HEX, Qualifier.DECIMAL})
NUMBERINGS: Final = frozenset({Qualifier.ZERO_BASED, Qualifier.ONE_BASED, Qualifier.MODICON})
TABLES: Final = frozenset({Qualifier.COIL, Qualifier.DISCRETE, Qualifier.HOLDING, Qualifier.INPUT})
COUNTS: Final = frozenset({Qualifier.REGISTERS, Qualifier.BYTES, Qualifier.BITS})
DIRECTIONS: Final = frozenset({Qualifier.DIVIDE, Qualifier.MULTIPLY, Qualifier.EXPONENT})
TIMES: Final = frozenset({Qualifier.SECONDS, Qualifier.MILLISECONDS, Qualifier.MINUTES})

USED_BY: Final = {
    Role.ADDRESS: BASES | NUMBERINGS | TABLES,
    Role.LAST: BASES,
    Role.BIT: frozenset({Qualifier.ONE_BASED, Qualifier.ZERO_BASED}),
    Role.BYTE_ORDER: frozenset({Qualifier.SWAP}),
    Role.WORD_ORDER: frozenset({Qualifier.SWAP}),
    Role.LENGTH: COUNTS,
    Role.BITS: frozenset({Qualifier.BITS}),
    Role.SCALE: DIRECTIONS,
    Role.DIVISOR: frozenset({Qualifier.DIVIDE}),
    Role.PERIOD: TIMES,
    Role.TABLE: BASES | {Qualifier.ZONE, Qualifier.FUNCTION},
    Role.WRITE_FUNCTION: BASES,
    Role.UNIT_NUMBER: BASES,
}
"""Which qualifiers a role makes use of; any other is told."""


def qualifier_words() -> dict[str, Qualifier]:
    """Return each word, without spaces, with the qualifier that it is."""
    return {
        word.replace(" ", ""): qualifier
        for qualifier, words in _WORDS.items()
        for word in words.split(",")
    }


def sign(text: str) -> Qualifier | None:
    """Return what a bracket with nothing but a sign means: (÷)."""
    return _SIGNS.get(text.strip())

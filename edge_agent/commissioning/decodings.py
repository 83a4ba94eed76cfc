"""What registers may mean: every type in every order, and which order looks right (pure)."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final

from edge_agent.commissioning.table import table
from protocols.errors import FrameError
from protocols.modbus.words import decode

ORDERS: Final = ("ABCD", "CDAB", "BADC", "DCBA")
WIDE_TYPES: Final = {
    "float32": 2,
    "int32": 2,
    "uint32": 2,
    "bcd32": 2,
    "float64": 4,
    "int64": 4,
    "uint64": 4,
    "int24": 2,
    "uint24": 2,
    "int48": 3,
    "uint48": 3,
    "bcd48": 3,
    "bcd64": 4,
    "float16": 1,
}
"""Types that may be shown, and the registers that each takes."""
DEFAULT_TYPES: Final = tuple(WIDE_TYPES)[:7]
_INTEGERS: Final = frozenset({"int32", "uint32"})
_NO_VALUE: Final = "-"
_PRINTABLE: Final = range(32, 127)
_SMALLEST, _LARGEST = 1e-3, 1e7
_CONVINCING: Final = 2


def register_rows(registers: Mapping[int, int]) -> list[tuple[str, ...]]:
    """Return address, hex, numbers, numbers of swapped bytes, BCD, bits and text of each."""
    rows: list[tuple[str, ...]] = []
    for address, raw in sorted(registers.items()):
        bits = f"{raw:016b}"
        rows.append(
            (
                str(address),
                f"0x{raw:04X}",
                str(raw),
                str(decode([raw], kind="int16")),
                str(decode([raw], kind="uint16", order="BADC")),
                str(decode([raw], kind="int16", order="BADC")),
                _cell([raw], "bcd16", "ABCD"),
                " ".join(bits[at : at + 4] for at in range(0, 16, 4)),
                "".join(chr(byte) if byte in _PRINTABLE else "." for byte in raw.to_bytes(2)),
            )
        )
    return rows


def wide_rows(registers: Mapping[int, int], kind: str) -> list[tuple[str, ...]]:
    """Return the place and the value in each order, wherever registers follow on and say something.

    All zeros are zero in every type and order, so those are left out, and what is no value in any.
    """
    size = WIDE_TYPES[kind]
    rows: list[tuple[str, ...]] = []
    for address in sorted(registers):
        words = [registers[at] for at in range(address, address + size) if at in registers]
        if len(words) == size and any(words):
            cells = [_cell(words, kind, order) for order in ORDERS]
            if set(cells) == {_NO_VALUE}:
                continue
            last = "" if size == 1 else f"..{address + size - 1}"
            rows.append((f"{address}{last}", *cells))
    return rows


def likely_order(registers: Mapping[int, int]) -> tuple[str, int, int] | None:
    """Return the order in which most pairs are everyday float32 numbers, how many, and of how many.

    None when no order stands out. Pairs of zeros say nothing and are not counted.
    """
    pairs = _pairs(registers)
    return _winner(
        {order: sum(_everyday(pair, order) for pair in pairs) for order in ORDERS}, pairs
    )


def likely_whole_order(registers: Mapping[int, int]) -> tuple[str, int, int] | None:
    """Return the order that makes the smallest whole numbers of most pairs, likewise.

    Counters and setpoints are small for their 32 bits; in a wrong order they are not.
    """
    pairs = _pairs(registers)
    votes: dict[str, int] = dict.fromkeys(ORDERS, 0)
    for pair in pairs:
        sizes = [abs(int(decode(pair, kind="int32", order=order))) for order in ORDERS]
        least = min(sizes)
        smallest = [order for order, size in zip(ORDERS, sizes, strict=True) if size == least]
        if len(smallest) == 1 and least <= _LARGEST:
            votes[smallest[0]] += 1
    return _winner(votes, pairs)


def page(registers: Mapping[int, int], types: Sequence[str]) -> list[str]:
    """Return all tables as lines."""
    numbers = ("address", "hex", "uint16", "int16", "uint16 BA", "int16 BA", "bcd16")
    heads = (*numbers, "bits 15..0", "text")
    lines = table(heads, register_rows(registers), right=set(numbers))
    for kind in types:
        rows = wide_rows(registers, kind)
        if rows:
            lines += ["", *table((kind, *ORDERS), rows, right=ORDERS)]
    found = likely_order(registers)
    if found is not None and "float32" in types:
        order, fitting, pairs = found
        lines += [
            "",
            f"float32: order {order} makes everyday numbers of {fitting} of {pairs} pairs",
        ]
    # What are sensible floats are whole numbers of no sense.
    whole = None if found else likely_whole_order(registers)
    if whole is not None and _INTEGERS & set(types):
        order, fitting, pairs = whole
        lines += [
            "",
            f"int32, uint32: order {order} makes the smallest number of {fitting} of {pairs} pairs",
        ]
    return lines


def _pairs(registers: Mapping[int, int]) -> list[tuple[int, int]]:
    first = min(registers, default=0)
    return [
        (registers[at], registers[at + 1])
        for at in sorted(registers)
        if (at - first) % 2 == 0 and at + 1 in registers and (registers[at] or registers[at + 1])
    ]


def _winner(
    score: Mapping[str, int], pairs: Sequence[tuple[int, int]]
) -> tuple[str, int, int] | None:
    best, second = sorted(score, key=lambda order: score[order], reverse=True)[:2]
    if score[best] < _CONVINCING or score[best] == score[second]:
        return None
    return best, score[best], len(pairs)


def _everyday(pair: Sequence[int], order: str) -> bool:
    value = decode(pair, kind="float32", order=order)
    return isinstance(value, float) and isfinite(value) and _SMALLEST <= abs(value) <= _LARGEST


def _cell(words: Sequence[int], kind: str, order: str) -> str:
    try:
        value = decode(words, kind=kind, order=order)
    except FrameError:
        return _NO_VALUE
    if isinstance(value, float):
        return f"{value:.7g}"
    return str(value)

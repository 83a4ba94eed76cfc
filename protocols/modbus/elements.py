"""Registers that are a row of small codes: how many of them are among those looked for, and which.

A row has one code in each register, in the same bits, or is packed: four codes of four bits in a
register, or two of eight.
"""

import struct
from collections.abc import Callable, Collection, Iterator
from typing import Final

COUNT: Final = "count_of"
"""How many codes of the row are among those looked for."""
FIRST: Final = "first_of"
"""The place of the first of them in the row, from 1; 0 if there is none."""
KINDS: Final = frozenset({COUNT, FIRST})
PACKED_WIDTHS: Final = (1, 2, 4, 8, 16)

_REGISTER_BITS: Final = 16


def row_problem(bit: int | None, width: int | None, among: Collection[int]) -> str:
    """Return why there is no such row; empty when there is.

    Args:
        bit: Lowest bit of the one code in each register; None: packed.
        width: Bits of a code.
        among: The codes that are looked for.
    """
    if width is None or not among:
        return "needs width, the bits of a code, and among: [codes that are looked for]"
    if bit is None and width not in PACKED_WIDTHS:
        return f"width {width} does not fill a register; expected 1, 2, 4, 8 or 16, or give bit"
    if bit is not None and not 0 <= bit <= _REGISTER_BITS - width:
        return f"bit {bit} and width {width} are no bits of one register"
    beyond = next((code for code in among if not 0 <= code < 1 << width), None)
    if beyond is not None:
        return f"among: {beyond} has no place in {width} bits; allowed: 0..{(1 << width) - 1}"
    return ""


def row_reader(
    kind: str, *, bit: int | None, width: int, among: Collection[int], top_first: bool
) -> Callable[[bytes], int]:
    """Return what makes the number of the registers' bytes, high byte first.

    Args:
        kind: COUNT or FIRST.
        bit: Lowest bit of the one code in each register; None: packed.
        width: Bits of a code.
        among: The codes that are looked for.
        top_first: Whether the highest bits of a packed register are its first code.
    """
    shifts = tuple(range(0, _REGISTER_BITS, width)) if bit is None else (bit,)
    if top_first:
        shifts = shifts[::-1]
    mask, wanted = (1 << width) - 1, frozenset(among)

    def places(data: bytes) -> Iterator[int]:
        words = struct.unpack(f">{len(data) // 2}H", data)
        codes = ((word >> shift) & mask for word in words for shift in shifts)
        return (place for place, code in enumerate(codes, 1) if code in wanted)

    if kind == FIRST:
        return lambda data: next(places(data), 0)
    return lambda data: sum(1 for _ in places(data))

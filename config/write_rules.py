"""What cannot be commanded, or not in the way that a point says (pure)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from config.coding import ROWS, DataType, Sign, Table

if TYPE_CHECKING:
    from config.points import Point
    from config.writable import Writable

_ADDRESSES: Final = 65536


def wrong_writable(point: "Point") -> str:
    """Return what cannot be commanded, or not so; empty when all can be."""
    if point.writable is None:
        return ""
    return next(_refusals(point), "")


def _refusals(point: "Point") -> Iterator[str]:
    if point.type is DataType.DATETIME or point.type in ROWS:
        yield f"writable: a {point.type} cannot be commanded"
    if point.factors:
        yield "writable: a point that others scale cannot be commanded"
    if point.writable is not None:
        yield from _wrong_form(point, point.writable)
        yield from _wrong_codes(point, point.writable)
    words = list((point.enum or {}).values())
    if point.writable is not None and point.writable.codes:
        return
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice is not None:
        yield f"writable: {twice!r} stands for several raw numbers; which one is not known"
    if point.sign is Sign.OFFSET_BINARY and point.type is DataType.ENUM:
        yield "writable: an enum with sign offset_binary cannot be commanded"


def _wrong_form(point: "Point", allowed: "Writable") -> Iterator[str]:
    """What is written elsewhere, or otherwise, than it is read."""
    table, address, size = point.written_at
    one_value = allowed.registers == ("value",)
    if table in {Table.DISCRETE, Table.INPUT}:
        yield f"writable: the table {table} cannot be written; use coil or holding"
    if allowed.table is not None and allowed.address is None:
        yield "writable: table needs address, where it is written"
    if "value" not in allowed.registers:
        yield "writable: registers needs value, which stands for what is commanded"
    if allowed.address is None and allowed.registers[0] != "value":
        yield "writable: registers that do not begin with value need address"
    if table is Table.COIL and (allowed.codes or not one_value):
        yield "writable: a coil is written true or false, without codes and further registers"
    if address + size > _ADDRESSES:
        yield f"writable: address {address} + {size} registers is beyond {_ADDRESSES - 1}"
    bits = point.type in {DataType.BOOL, DataType.BIT}
    if allowed.address is not None and table is Table.COIL and not bits:
        yield f"writable: a coil is written true or false; the point is of type {point.type}"
    if point.is_part and table is not Table.COIL and not allowed.codes and not allowed.is_plain:
        # Its neighbours in the registers are not known there.
        yield "writable: a part of its registers is written where it is read, alone, or by codes"


def _wrong_codes(point: "Point", allowed: "Writable") -> Iterator[str]:
    if not allowed.codes:
        return
    if point.enum is None:
        yield "writable: codes are written for words; the point has no enum"
        return
    words = list(dict.fromkeys(point.enum.values()))
    for word in allowed.codes:
        if word not in words:
            known = ", ".join(words)
            yield f"writable: codes: {word!r} is no word of this point; it has: {known}"

"""Numbers of a point that its registers can never show (pure)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from config.invalid import raw_bounds
from protocols.modbus import field as wire

if TYPE_CHECKING:
    from config.points import Point


def out_of_reach(point: "Point") -> str:
    """Return which number no register of this type can show; empty when all can be."""
    kind = point.type.value
    if kind not in {*wire.INTEGERS, *wire.BCD_DIGITS, "bitfield"} or point.enum:
        return ""
    return next(_beyond(point), "")


def _beyond(point: "Point") -> Iterator[str]:
    low, high = raw_bounds(point.field())
    for raw in point.raw_span or ():
        if not low <= raw <= high:
            yield f"raw_span: {raw:g} is no raw number of {point.type}; allowed: {low}..{high}"
    if point.factors:
        return
    ends = sorted(raw * point.factor + point.shift for raw in (low, high))
    least, most = point.plausible or (None, None)
    shows = f"{point.type} shows {ends[0]:g}..{ends[1]:g} {point.unit}".rstrip()
    if (least is not None and least > ends[1]) or (most is not None and most < ends[0]):
        yield f"plausible: no value is; {shows}"
    if point.writable is None:
        return
    if point.writable.minimum > ends[1] or point.writable.maximum < ends[0]:
        yield f"writable: no value of its range can be written; {shows}"

"""The value that crosses every boundary: one reading of one point."""

from enum import IntEnum
from typing import NamedTuple, TypeAlias

Value: TypeAlias = float | int | bool | str | None


class Quality(IntEnum):
    """Quality of a value; numbered as Sparkplug's property Quality."""

    BAD = 0
    GOOD = 192
    STALE = 500


class Reading(NamedTuple):
    """One value of one point at the instant of the reply that carried it.

    Attributes:
        point: Name of the point within its device, for example ``outlet_pressure``.
        value: None only where the quality is not good.
        quality: A bad or stale quality is itself a reading; an error is never a zero.
        taken_at: UTC milliseconds since 1970 of the reply; never restamped.
        reason: Why the quality is not good, a fixed word such as ``timeout``; empty when good.
    """

    point: str
    value: Value
    quality: Quality
    taken_at: int
    reason: str = ""

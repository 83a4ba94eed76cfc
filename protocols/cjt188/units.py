"""Unit codes of CJ/T 188, and the one unit that each quantity has here.

2CH, 35H, 17H, 05H and 08H were seen in frames; the others are the table of the standard from
memory, to be confirmed with a meter.
"""

from fractions import Fraction
from typing import Final, NamedTuple

KWH: Final = "kWh"
KW: Final = "kW"
CUBIC_METRES: Final = "m3"
CUBIC_METRES_PER_HOUR: Final = "m3/h"
CELSIUS: Final = "degC"
HOURS: Final = "h"

_MJ: Final = Fraction(10, 36)  # kWh


class Unit(NamedTuple):
    """What a unit code means.

    Attributes:
        name: As the standard prints it.
        unit: The unit that values have here.
        factor: Of the one in the other.
    """

    name: str
    unit: str
    factor: Fraction


UNITS: Final = {
    0x01: Unit("J", KWH, _MJ / 10**6),
    0x02: Unit("Wh", KWH, Fraction(1, 1000)),
    0x05: Unit("kWh", KWH, Fraction(1)),
    0x08: Unit("MWh", KWH, Fraction(1000)),
    0x0A: Unit("100 MWh", KWH, Fraction(100_000)),
    0x0B: Unit("kJ", KWH, _MJ / 1000),
    0x0E: Unit("MJ", KWH, _MJ),
    0x11: Unit("GJ", KWH, _MJ * 1000),
    0x13: Unit("100 GJ", KWH, _MJ * 100_000),
    0x14: Unit("W", KW, Fraction(1, 1000)),
    0x17: Unit("kW", KW, Fraction(1)),
    0x1A: Unit("MW", KW, Fraction(1000)),
    0x29: Unit("L", CUBIC_METRES, Fraction(1, 1000)),
    0x2C: Unit("m3", CUBIC_METRES, Fraction(1)),
    0x32: Unit("L/h", CUBIC_METRES_PER_HOUR, Fraction(1, 1000)),
    0x35: Unit("m3/h", CUBIC_METRES_PER_HOUR, Fraction(1)),
}
"""By code."""

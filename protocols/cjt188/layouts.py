"""What lies where in the answers of CJ/T 188 meters, as data.

The identifier, the family, the number of bytes and, where makers disagree, the maker's code pick
the layout; a setting of the device may name it instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocols.cjt188 import identifiers
from protocols.cjt188.addresses import Family
from protocols.cjt188.units import CELSIUS, HOURS

TIME_BYTES: Final = 7
STATUS_BYTES: Final = 2


class Kind(StrEnum):
    """How a field is coded."""

    WITH_UNIT = "with_unit"
    """BCD, lowest byte first, then a unit code."""
    NUMBER = "number"
    """BCD, lowest byte first; the unit is the field's own."""
    TIME = "time"
    """Seven bytes of BCD: ss mm hh DD MM YY CC, or the other way round (see ``Dialect``)."""
    STATUS = "status"
    """Two bytes: ST1, ST2."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value in an answer.

    Attributes:
        name: What points name it by.
        kind: How it is coded.
        digits_bytes: Bytes of its number, a unit code not counted.
        decimals: Digits behind the point.
        unit: Of a number without a unit code.
    """

    name: str
    kind: Kind
    digits_bytes: int = 0
    decimals: int = 0
    unit: str = ""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        match self.kind:
            case Kind.WITH_UNIT:
                return self.digits_bytes + 1
            case Kind.NUMBER:
                return self.digits_bytes
            case Kind.TIME:
                return TIME_BYTES
            case Kind.STATUS:
                return STATUS_BYTES


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of one answer, behind identifier and serial number.

    Attributes:
        name: What a setting names it by.
        identifiers: What it answers.
        families: Which meters give it; empty: all.
        fields: In their sequence.
        makers: Codes of the makers whose meters give it where the length leaves it open; empty: all
            others.
        doubt: What is not certain of it, and its source.
        chosen_only: Only a setting picks it.
    """

    name: str
    identifiers: range
    families: frozenset[Family]
    fields: tuple[Field, ...]
    doubt: str
    makers: frozenset[str] = frozenset()
    chosen_only: bool = False

    @property
    def size(self) -> int:
        """Bytes of all its fields."""
        return sum(field.size for field in self.fields)


def _with_unit(name: str, digits_bytes: int = 4, decimals: int = 2) -> Field:
    return Field(name, Kind.WITH_UNIT, digits_bytes, decimals)


def _number(name: str, digits_bytes: int, decimals: int = 0, unit: str = "") -> Field:
    return Field(name, Kind.NUMBER, digits_bytes, decimals, unit)


def _only(identifier: int) -> range:
    return range(identifier, identifier + 1)


_FLOWING: Final = frozenset({Family.WATER, Family.GAS})
_HEAT: Final = frozenset({Family.HEAT})
_ANY: Final = frozenset[Family]()
_TIME: Final = Field("time", Kind.TIME)
_STATUS: Final = Field("status", Kind.STATUS)
_NG_GATEWAY: Final = "ng-gateway's tables of the edition of 2018; not seen in a frame"
_FROZEN: Final = (
    Field("freeze_time", Kind.TIME),
    _with_unit("volume"),
    _with_unit("flow", 4, 4),
    _number("temperature", 3, 2, CELSIUS),
    _number("pressure", 3, 2),
)

LAYOUTS: Final[Sequence[Layout]] = (
    Layout(
        "volume",
        _only(identifiers.READING),
        _FLOWING,
        (_with_unit("volume"), _with_unit("settlement_volume"), _TIME, _STATUS),
        "two frames of two makers; one calls the second volume that of this month",
    ),
    Layout(
        "heat",
        _only(identifiers.READING),
        _HEAT,
        (
            _with_unit("settlement_heat"),
            _with_unit("heat"),
            _with_unit("power"),
            _with_unit("flow", 4, 4),
            _with_unit("volume"),
            _number("supply_temperature", 3, 2, CELSIUS),
            _number("return_temperature", 3, 2, CELSIUS),
            _number("working_hours", 3, 0, HOURS),
            _TIME,
            _STATUS,
        ),
        "46 bytes as meters send them",
    ),
    Layout(
        "heat_current_first",
        _only(identifiers.READING),
        _HEAT,
        (
            _with_unit("heat"),
            _with_unit("settlement_heat"),
            _with_unit("power"),
            _with_unit("flow", 4, 4),
            _with_unit("volume"),
            _number("supply_temperature", 3, 2, CELSIUS),
            _number("return_temperature", 3, 2, CELSIUS),
            _number("working_hours", 3, 0, HOURS),
            _TIME,
            _STATUS,
        ),
        "for meters whose first heat grows and whose second stands still; not seen in a frame",
        chosen_only=True,
    ),
    Layout(
        "heat_short",
        _only(identifiers.READING),
        _HEAT,
        (
            _with_unit("settlement_heat"),
            _with_unit("heat"),
            _with_unit("power", 3, 2),
            _with_unit("flow", 3, 3),
            _with_unit("volume"),
            _number("supply_temperature", 2, 2, CELSIUS),
            _number("return_temperature", 2, 2, CELSIUS),
            _number("working_hours", 4, 0, HOURS),
            _TIME,
            _STATUS,
        ),
        "43 bytes: ng-gateway's table, against the 46 bytes of meters; not seen in a frame",
    ),
    Layout(
        "heat_and_cooling",
        _only(identifiers.READING_2),
        _HEAT,
        (
            _with_unit("settlement_heat"),
            _with_unit("settlement_cooling"),
            _with_unit("heat"),
            _with_unit("cooling"),
            _with_unit("power", 3, 2),
            _with_unit("flow", 3, 4),
            _with_unit("volume"),
            _number("supply_temperature", 2, 2, CELSIUS),
            _number("return_temperature", 2, 2, CELSIUS),
            _number("supply_pressure", 2, 2),
            _number("return_pressure", 2, 2),
            _number("working_hours", 4, 0, HOURS),
            _TIME,
            _STATUS,
        ),
        _NG_GATEWAY,
    ),
    Layout("volume_history", identifiers.HISTORY, _FLOWING, (_with_unit("volume"),), _NG_GATEWAY),
    Layout("heat_history", identifiers.HISTORY, _HEAT, (_with_unit("heat"),), _NG_GATEWAY),
    Layout(
        "volume_history_2", identifiers.HISTORY_2, _FLOWING, (_with_unit("volume"),), _NG_GATEWAY
    ),
    Layout(
        "heat_history_2",
        identifiers.HISTORY_2,
        _HEAT,
        (_with_unit("heat"), _with_unit("cooling"), _with_unit("volume")),
        _NG_GATEWAY,
    ),
    Layout("timed_freeze", identifiers.TIMED_FREEZE, _FLOWING, _FROZEN, _NG_GATEWAY),
    Layout("instant_freeze", identifiers.INSTANT_FREEZE, _FLOWING, _FROZEN, _NG_GATEWAY),
    Layout("clock", _only(identifiers.CLOCK), _ANY, (_TIME,), _NG_GATEWAY),
    Layout(
        "prices",
        _only(identifiers.PRICES),
        _ANY,
        (
            _number("price_1", 3, 2),
            _number("volume_1", 3),
            _number("price_2", 3, 2),
            _number("volume_2", 3),
            _number("price_3", 3, 2),
        ),
        _NG_GATEWAY,
    ),
    Layout(
        "settlement_day",
        _only(identifiers.SETTLEMENT_DAY),
        _ANY,
        (_number("settlement_day", 1),),
        _NG_GATEWAY,
    ),
    Layout(
        "reading_day",
        _only(identifiers.READING_DAY),
        _ANY,
        (_number("reading_day", 1),),
        _NG_GATEWAY,
    ),
    Layout(
        "purchase",
        _only(identifiers.PURCHASE),
        _ANY,
        (
            _number("purchase_number", 1),
            _number("purchase", 4, 2),
            _number("purchases", 4, 2),
            _number("credit", 4, 2),
            _STATUS,
        ),
        _NG_GATEWAY,
    ),
    Layout(
        "valve",
        _only(identifiers.VALVE),
        _ANY,
        (_STATUS,),
        "one answer of one maker (topic.alibabacloud.com, CJ/T 188 water meter, 2)",
    ),
)
"""In the order in which they are tried."""

BY_NAME: Final[Mapping[str, Layout]] = {layout.name: layout for layout in LAYOUTS}


def layouts_for(identifier: int, family: Family | None, maker: str = "") -> list[Layout]:
    """Return the layouts that may answer, those of the maker first; none is chosen only."""
    fits = [
        layout
        for layout in LAYOUTS
        if identifier in layout.identifiers
        and (not layout.families or family in layout.families)
        and not layout.chosen_only
        and (not layout.makers or maker in layout.makers)
    ]
    return sorted(fits, key=lambda layout: not layout.makers)


def layout_of(identifier: int, family: Family | None, size: int, maker: str = "") -> Layout | None:
    """Return the layout of an answer with so many bytes of fields; None: none is known."""
    fits = (layout for layout in layouts_for(identifier, family, maker) if layout.size == size)
    return next(fits, None)

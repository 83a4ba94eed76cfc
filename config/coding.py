"""How registers carry a value: the words of device files for it."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from config.base import Settings
from protocols.errors import ValueRangeError
from protocols.modbus.date_time import Layout, layout_of


class Table(StrEnum):
    """The four Modbus tables."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


class DataType(StrEnum):
    """How registers carry a value. ``bool`` is one coil, discrete input or whole register != 0.

    ``int8``, ``uint8`` and ``bcd8`` are half a register; 24 bits are the lower three bytes of two
    registers. ``count_of`` and ``first_of`` look for codes in a row of them: how many there are,
    and the place of the first, from 1 (0: none).
    """

    BOOL = "bool"
    BIT = "bit"
    BITFIELD = "bitfield"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    UINT16 = "uint16"
    INT24 = "int24"
    UINT24 = "uint24"
    INT32 = "int32"
    UINT32 = "uint32"
    INT48 = "int48"
    UINT48 = "uint48"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT16 = "float16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD8 = "bcd8"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    BCD48 = "bcd48"
    BCD64 = "bcd64"
    ENUM = "enum"
    STRING = "string"
    DATETIME = "datetime"
    COUNT_OF = "count_of"
    FIRST_OF = "first_of"


STATES: Final = frozenset(
    {DataType.BOOL, DataType.BIT, DataType.ENUM, DataType.STRING, DataType.DATETIME}
)
"""Types that are a state or a text, not a number on a scale."""
ROWS: Final = frozenset({DataType.COUNT_OF, DataType.FIRST_OF})
"""Types that are a row of codes."""


class Order(StrEnum):
    """Sequence of the bytes of a 32-bit value 0xAABBCCDD on the wire; 48 and 64 bits likewise."""

    ABCD = "ABCD"
    """High word first, high byte first: the standard."""
    CDAB = "CDAB"
    """Low word first, high byte first."""
    BADC = "BADC"
    """High word first, low byte first."""
    DCBA = "DCBA"
    """Low word first, low byte first."""


class MixedOrder(StrEnum):
    """Sequences of 48 and 64 bits that are neither high nor low word first throughout."""

    CDABEF = "CDABEF"
    ABEFCD = "ABEFCD"
    DCBAFE = "DCBAFE"
    BAFEDC = "BAFEDC"
    CDABGHEF = "CDABGHEF"
    """Two halves of 32 bits, the high one first, each low word first."""
    EFGHABCD = "EFGHABCD"
    """Two halves of 32 bits, the low one first, each high word first."""
    DCBAHGFE = "DCBAHGFE"
    """As CDABGHEF, the bytes of each word swapped."""
    FEHGBADC = "FEHGBADC"
    """As EFGHABCD, the bytes of each word swapped."""


class Sign(StrEnum):
    """How a negative number is coded."""

    TWOS_COMPLEMENT = "twos_complement"
    """The standard of signed numbers."""
    ONES_COMPLEMENT = "ones_complement"
    MAGNITUDE = "magnitude"
    """The highest bit is the sign, the others the amount; of BCD as well."""
    OFFSET_BINARY = "offset_binary"
    """0 is the lowest number, the middle of the range is zero."""
    FIRST_DIGIT = "first_digit"
    """BCD: the highest digit is the sign: 0, A, C, E plus; 1, 8, B, D, F minus."""
    LAST_DIGIT = "last_digit"
    """BCD: the lowest digit is the sign: B, D minus; 0, A, C, E, F plus."""
    TENS_COMPLEMENT = "tens_complement"
    """BCD: 9999 is -1."""


class Numbering(StrEnum):
    """From where the bits of a value are counted."""

    LSB0 = "lsb0"
    """The lowest is 0."""
    LSB1 = "lsb1"
    """The lowest is 1."""
    MSB0 = "msb0"
    """The highest is 0."""
    MSB1 = "msb1"
    """The highest is 1."""


class Encoding(StrEnum):
    """How text is coded; utf-16 has a register for each character."""

    ASCII = "ascii"
    GBK = "gbk"
    GB18030 = "gb18030"
    UTF_8 = "utf-8"
    LATIN_1 = "latin-1"
    UTF_16_BE = "utf-16-be"
    UTF_16_LE = "utf-16-le"


_PER_SECOND: Final = {"seconds": 1, "milliseconds": 1000}


class Time(Settings):
    """How a date and time lies in its registers: parts in their sequence, or a number that counts.

    The value is text: ``2026-11-28T06:40:05Z``, or ``2026-11-28`` or ``06:40:05`` where the
    registers carry no more. An impossible date or time is a bad reading.
    """

    layout: str | None = Field(
        default=None,
        min_length=1,
        max_length=80,
        description="Parts in their sequence, as 'YY MM DD hh mm ss': YYYY, YY (of 2000), MM, DD, "
        "hh, mm, ss, ms, and -- for what is not looked at.",
    )
    parts: Literal["bytes", "registers"] = Field(
        default="bytes",
        description="What each part takes; YYYY and ms take two bytes.",
    )
    coding: Literal["binary", "bcd"] = Field(default="binary", description="Code of each part.")
    counts: Literal["seconds", "milliseconds"] | None = Field(
        default=None, description="Instead of a layout: what the registers count."
    )
    counter: Literal["uint32", "int32", "uint48", "uint64", "int64"] = Field(
        default="uint32", description="Type of the number that counts."
    )
    epoch: str = Field(
        default="1970-01-01",
        pattern=r"^\d{4}-\d\d-\d\d$",
        description="Day on which the count starts, as 2000-01-01.",
    )
    zone: str | None = Field(
        default=None,
        min_length=1,
        description="Whose clock it shows: UTC, +08:00 or a name such as Asia/Shanghai. Required "
        "with a date and time of day; default of a count: UTC.",
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if (self.layout is None) is (self.counts is None):
            raise ValueError("needs layout: 'YY MM DD hh mm ss', or counts: seconds; one of them")
        given = self.model_fields_set
        useless = {"parts", "coding"} if self.layout is None else {"counter", "epoch"}
        if useless & given:
            key = min(useless & given)
            raise ValueError(f"{key} means nothing {'here' if self.layout else 'to a count'}")
        self._check_zone(self.compiled)
        return self

    def _check_zone(self, layout: Layout) -> None:
        whole = layout.has_date and layout.has_time
        if whole and layout.zone is None:
            raise ValueError("a date and time needs zone: UTC, +08:00 or a name, Asia/Shanghai")
        if not whole and self.zone is not None:
            raise ValueError("zone means nothing to a date or a time of day alone")

    @property
    def compiled(self) -> Layout:
        """The layout that it means."""
        if self.counts is not None:
            try:
                epoch = datetime.fromisoformat(self.epoch)
            except ValueError:
                raise ValueError(f"epoch: there is no day {self.epoch}") from None
            return Layout(
                counter=self.counter,
                per_second=_PER_SECOND[self.counts],
                epoch=epoch,
                zone=_zone(self.zone or "UTC"),
            )
        try:
            found = layout_of(self.layout or "")
        except ValueRangeError as error:
            raise ValueError(f"layout: {error}") from None
        return Layout(
            parts=found.parts,
            in_words=self.parts == "registers",
            bcd=self.coding == "bcd",
            zone=None if self.zone is None else _zone(self.zone),
        )


def _zone(text: str) -> tzinfo:
    if text == "UTC":
        return UTC
    if text[0] in "+-":
        try:
            offset = datetime.strptime(text, "%z").utcoffset()
        except ValueError:
            offset = None
        if offset is None or abs(offset) > timedelta(hours=15):
            raise ValueError(f"zone: {text!r} is no offset; expected +08:00")
        return timezone(offset)
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"zone: no zone {text!r}; expected UTC, +08:00 or Asia/Shanghai") from None

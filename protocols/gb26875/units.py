"""Application data units of GB/T 26875.3-2011, 7 and 8: type, number of objects, objects (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from protocols.errors import FrameError, ValueRangeError
from protocols.gb26875.frame import MAX_UNIT_BYTES
from protocols.gb26875.tables import UnitType
from protocols.gb26875.times import TIME_BYTES, DeviceTime

DESCRIPTION_BYTES: Final = 31
USER_TYPES: Final = range(128, 255)
"""Types that makers define; what they mean is in no table."""

FieldValue: TypeAlias = int | bytes | DeviceTime


class Part(Enum):
    """How a field lies in an object: size in bytes, how it is read."""

    BYTE = (1, "unsigned")
    WORD = (2, "unsigned")
    SIGNED = (2, "signed")
    TEXT = (DESCRIPTION_BYTES, "text")
    LONG_TEXT = (0, "counted text")
    """One byte with the length before it."""
    TIME = (TIME_BYTES, "time")

    @property
    def size(self) -> int:
        """Bytes of the field, 0 when its first byte says it."""
        return self.value[0]


class Layout(NamedTuple):
    """What the objects of a type consist of.

    Attributes:
        most: The largest number of objects in a unit.
        timed: Whether a time label follows each object.
    """

    fields: Mapping[str, Part]
    most: int = 1
    timed: bool = False

    @property
    def size(self) -> int:
        """Bytes of an object without its time label; 0 when that varies."""
        sizes = [part.size for part in self.fields.values()]
        return sum(sizes) if all(sizes) else 0


_SYSTEM: Final = {"system": Part.BYTE, "address": Part.BYTE}
_PLACE: Final = {"zone": Part.WORD, "point": Part.WORD}
_COMPONENT: Final = {**_SYSTEM, "component_type": Part.BYTE, **_PLACE}
_VERSION: Final = {"major": Part.BYTE, "minor": Part.BYTE}
_OPERATION: Final = {"flags": Part.BYTE, "operator": Part.BYTE}
_RECORDS: Final = {"records": Part.BYTE, "since": Part.TIME}
_RESERVED: Final = Layout({"reserved": Part.BYTE})

LAYOUTS: Final[Mapping[UnitType, Layout]] = {
    UnitType.SYSTEM_STATUS: Layout({**_SYSTEM, "status": Part.WORD}, 102, timed=True),
    UnitType.COMPONENT_STATUS: Layout(
        {**_COMPONENT, "status": Part.WORD, "description": Part.TEXT}, 22, timed=True
    ),
    UnitType.COMPONENT_ANALOG: Layout(
        {**_COMPONENT, "analog_type": Part.BYTE, "number": Part.SIGNED}, 63, timed=True
    ),
    UnitType.OPERATION: Layout({**_SYSTEM, **_OPERATION}, 102, timed=True),
    UnitType.SOFTWARE_VERSION: Layout({**_SYSTEM, **_VERSION}),
    UnitType.SYSTEM_CONFIG: Layout({**_SYSTEM, "description": Part.LONG_TEXT}, 3),
    UnitType.COMPONENT_CONFIG: Layout({**_COMPONENT, "description": Part.TEXT}, 26),
    UnitType.SYSTEM_TIME: Layout({**_SYSTEM, "clock": Part.TIME}),
    UnitType.TRANSMITTER_STATUS: Layout({"status": Part.BYTE}, timed=True),
    UnitType.TRANSMITTER_OPERATION: Layout(_OPERATION, 127, timed=True),
    UnitType.TRANSMITTER_VERSION: Layout(_VERSION),
    UnitType.TRANSMITTER_CONFIG: Layout({"description": Part.LONG_TEXT}),
    UnitType.TRANSMITTER_TIME: Layout({"clock": Part.TIME}),
    UnitType.READ_SYSTEM_STATUS: Layout(_SYSTEM, 102),
    UnitType.READ_COMPONENT_STATUS: Layout({**_SYSTEM, **_PLACE}, 22),
    UnitType.READ_COMPONENT_ANALOG: Layout({**_SYSTEM, **_PLACE}, 63),
    UnitType.READ_OPERATIONS: Layout({**_SYSTEM, **_RECORDS}),
    UnitType.READ_SOFTWARE_VERSION: Layout(_SYSTEM),
    UnitType.READ_SYSTEM_CONFIG: Layout(_SYSTEM, 3),
    UnitType.READ_COMPONENT_CONFIG: Layout({**_SYSTEM, **_PLACE}, 26),
    UnitType.READ_SYSTEM_TIME: Layout(_SYSTEM),
    UnitType.READ_TRANSMITTER_STATUS: _RESERVED,
    UnitType.READ_TRANSMITTER_OPERATIONS: Layout(_RECORDS),
    UnitType.READ_TRANSMITTER_VERSION: _RESERVED,
    UnitType.READ_TRANSMITTER_CONFIG: _RESERVED,
    UnitType.READ_TRANSMITTER_TIME: _RESERVED,
    UnitType.INITIALISE: _RESERVED,
    UnitType.SET_CLOCK: Layout({"clock": Part.TIME}),
    UnitType.INSPECT_SENTRY: Layout({"minutes": Part.BYTE}),
}


@dataclass(frozen=True, slots=True)
class InfoObject:
    """One information object.

    Attributes:
        fields: Values by the names of its layout; texts as bytes in GB18030.
        time: When it happened; None where the type has no time label or the device leaves it out.
    """

    fields: Mapping[str, FieldValue]
    time: DeviceTime | None = None

    def number(self, name: str) -> int:
        """Return a number; 0 when the type has no such field."""
        value = self.fields.get(name, 0)
        return value if isinstance(value, int) else 0

    @property
    def description(self) -> str:
        """The text without what fills it up; bytes that are no GB18030 become U+FFFD."""
        value = self.fields.get("description", b"")
        return decode_text(value) if isinstance(value, bytes) else ""

    @property
    def clock(self) -> DeviceTime | None:
        """The time that is the value, not the label; None when the type has none."""
        value = self.fields.get("clock")
        return value if isinstance(value, DeviceTime) else None


@dataclass(frozen=True, slots=True)
class Unit:
    """An application data unit.

    Attributes:
        type: A value of ``UnitType``, or a maker's from 128.
        objects: Information objects; none for a maker's type.
        data: What follows the number of objects of a maker's type.
        count: Number of objects as a maker's type says it.
    """

    type: int
    objects: Sequence[InfoObject] = ()
    data: bytes = b""
    count: int = 0


def decode_unit(data: bytes) -> Unit:
    """Return the application data unit of a frame.

    A time label may be left out at all objects of a unit: some devices do.

    Raises:
        FrameError: Its type is reserved, it has too many objects, or a length that does not fit.
    """
    if len(data) < 2:  # noqa: PLR2004 (type and number of objects)
        raise FrameError(f"application data of {len(data)} bytes: no type and number of objects")
    number, count = data[0], data[1]
    if number in USER_TYPES:
        return Unit(number, data=data[2:], count=count)
    layout = _layout_of(number)
    if not 1 <= count <= layout.most:
        raise FrameError(f"type {number}: {count} objects; allowed: 1 to {layout.most}")
    body = data[2:]
    timed = _is_timed(layout, count, len(body), number)
    objects: list[InfoObject] = []
    at = 0
    for _ in range(count):
        found, at = _object(layout, body, at, timed=timed)
        objects.append(found)
    if at != len(body):
        raise FrameError(f"type {number}: {len(body) - at} bytes after its {count} objects")
    return Unit(number, objects)


def encode_unit(unit: Unit) -> bytes:
    """Return the unit as bytes.

    Raises:
        ValueRangeError: A value does not fit its field, or the objects do not fit the unit.
    """
    if unit.type in USER_TYPES:
        return bytes((unit.type, unit.count)) + unit.data
    try:
        layout = _layout_of(unit.type)
        head = bytes((unit.type, len(unit.objects)))
        body = b"".join(_encoded(layout, one) for one in unit.objects)
    except (FrameError, KeyError, OverflowError, ValueError, TypeError) as error:
        raise ValueRangeError(f"type {unit.type}: {error}") from None
    if not 1 <= len(unit.objects) <= layout.most or len(head + body) > MAX_UNIT_BYTES:
        raise ValueRangeError(
            f"type {unit.type}: {len(unit.objects)} objects of {len(body)} bytes; "
            f"allowed: 1 to {layout.most}, {MAX_UNIT_BYTES} bytes"
        )
    return head + body


def decode_text(data: bytes) -> str:
    """Return text in GB18030 without the blanks and zeros that fill it up."""
    text = data.partition(b"\0")[0].decode("gb18030", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def encode_text(text: str, size: int = DESCRIPTION_BYTES) -> bytes:
    """Return text in GB18030, filled up with zeros; what does not fit is cut between letters."""
    data = b""
    for letter in text:
        encoded = letter.encode("gb18030", "replace")
        if len(data) + len(encoded) > size:
            break
        data += encoded
    return data.ljust(size, b"\0")


def _layout_of(number: int) -> Layout:
    try:
        return LAYOUTS[UnitType(number)]
    except ValueError:
        raise FrameError(f"type {number} is reserved") from None


def _is_timed(layout: Layout, count: int, size: int, number: int) -> bool:
    """Whether time labels are there; FrameError when neither length fits."""
    if not layout.timed:
        return False
    plain = layout.size * count
    if size not in {plain, plain + TIME_BYTES * count}:
        needed = plain + TIME_BYTES * count
        raise FrameError(f"type {number}: {count} objects need {needed} bytes, {size} are there")
    return size != plain


def _object(layout: Layout, body: bytes, at: int, *, timed: bool) -> tuple[InfoObject, int]:
    fields: dict[str, FieldValue] = {}
    for name, part in layout.fields.items():
        size = part.size
        if part is Part.LONG_TEXT:
            size = int.from_bytes(_bytes(body, at, 1))
            at += 1
        fields[name] = _value(part, _bytes(body, at, size))
        at += size
    if not timed:
        return InfoObject(fields), at
    return InfoObject(fields, DeviceTime.decode(body[at : at + TIME_BYTES])), at + TIME_BYTES


def _bytes(body: bytes, at: int, size: int) -> bytes:
    if at + size > len(body):
        raise FrameError(f"an object ends after {len(body) - at} of {size} bytes")
    return body[at : at + size]


def _value(part: Part, raw: bytes) -> FieldValue:
    match part:
        case Part.TEXT | Part.LONG_TEXT:
            return raw
        case Part.TIME:
            return DeviceTime.decode(raw)
        case _:
            return int.from_bytes(raw, "little", signed=part is Part.SIGNED)


def _encoded(layout: Layout, one: InfoObject) -> bytes:
    body = b"".join(_part(part, one.fields[name]) for name, part in layout.fields.items())
    return body + one.time.encode() if layout.timed and one.time is not None else body


def _part(part: Part, value: FieldValue) -> bytes:
    if isinstance(value, DeviceTime):
        return value.encode()
    if isinstance(value, int):
        return value.to_bytes(part.size, "little", signed=part is Part.SIGNED)
    if part is Part.LONG_TEXT:
        return bytes((len(value),)) + value
    if len(value) != part.size:
        raise ValueRangeError(f"a text of {len(value)} bytes, not {part.size}")
    return value

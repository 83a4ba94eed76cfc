"""Answers of CJ/T 188 meters to named values, and back (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from fractions import Fraction
from typing import Final

from protocols.cjt188.addresses import family_of, maker_of
from protocols.cjt188.dialect import STANDARD, Dialect, StatusBits, TimeOrder
from protocols.cjt188.frames import Frame
from protocols.cjt188.identifiers import IDENTIFIER_BYTES, ByteOrder, decode_identifier
from protocols.cjt188.layouts import BY_NAME, TIME_BYTES, Field, Kind, Layout, layout_of
from protocols.cjt188.units import UNITS
from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Value

HEAD_BYTES: Final = IDENTIFIER_BYTES + 1
"""Identifier and serial number, before the fields."""
ERROR_BYTES: Final = 3
"""Serial number and status of an error reply."""


class Valve(StrEnum):
    """State of the valve."""

    OPEN = "open"
    CLOSED = "closed"
    ABNORMAL = "abnormal"
    UNKNOWN = "unknown"
    """The two bits say 10, which has no meaning."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One value of an answer.

    Attributes:
        name: Of the field.
        value: In ``unit``; text for a time (ISO 8601, the meter's own clock); None: not available.
        unit: Empty where there is none.
        raw: Its bytes.
        problem: Why it is not available.
    """

    name: str
    value: Value
    unit: str = ""
    raw: bytes = b""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MeterReading:
    """What one answer says.

    Attributes:
        meter_type: T.
        address: 14 digits.
        identifier: What was asked for.
        byte_order: In which the meter sent it.
        serial: Serial number of the exchange.
        layout: Name of the layout; empty: the answer has no fields.
        values: In their sequence; a status is followed by ``valve`` and ``battery_low``.
    """

    meter_type: int
    address: str
    identifier: int
    byte_order: ByteOrder
    serial: int
    layout: str
    values: tuple[Measured, ...]

    def value(self, name: str) -> Measured:
        """Return one value.

        Raises:
            FrameError: The answer has none of this name.
        """
        for value in self.values:
            if value.name == name:
                return value
        known = ", ".join(value.name for value in self.values)
        raise FrameError(f"no value {name!r} in this answer; there are {known}")


def decode_reading(
    frame: Frame, *, expected: int | None = None, dialect: Dialect = STANDARD
) -> MeterReading:
    """Return the values of an answer.

    Args:
        frame: An answer to a read, a write or the question for the address.
        expected: The identifier that was asked for.
        dialect: What the maker does differently.

    Raises:
        FrameError: It is no answer, refuses the request, or has no known layout.
    """
    if not frame.is_answer:
        raise FrameError(f"control code {frame.control:02X}H is a request")
    if frame.is_error:
        raise FrameError(f"error reply {frame.control:02X}H {frame.data.hex(' ').upper()}")
    if len(frame.data) < HEAD_BYTES:
        raise FrameError(f"{len(frame.data)} bytes of data; an answer has {HEAD_BYTES} at least")
    identifier, order = decode_identifier(frame.data[:IDENTIFIER_BYTES], expected=expected)
    body = frame.data[HEAD_BYTES:]
    layout = _layout(frame, identifier, len(body), dialect) if body else None
    return MeterReading(
        meter_type=frame.meter_type,
        address=frame.address,
        identifier=identifier,
        byte_order=order,
        serial=frame.data[IDENTIFIER_BYTES],
        layout=layout.name if layout else "",
        values=tuple(_values(layout, body, dialect)) if layout else (),
    )


def _layout(frame: Frame, identifier: int, size: int, dialect: Dialect) -> Layout:
    named = BY_NAME.get(dialect.layout)
    if named is not None and identifier in named.identifiers:
        if named.size != size:
            raise FrameError(
                f"layout {named.name!r} has {named.size} bytes, the answer to {identifier:04X}H "
                f"from {frame.address} has {size}"
            )
        return named
    family = family_of(frame.meter_type)
    found = layout_of(identifier, family, size, maker_of(frame.address))
    if found is None:
        raise FrameError(
            f"no layout for {size} bytes of {identifier:04X}H from a meter of type "
            f"{frame.meter_type:02X}H: {frame.data.hex(' ').upper()}"
        )
    return found


def _values(layout: Layout, body: bytes, dialect: Dialect) -> Iterable[Measured]:
    at = 0
    for field in layout.fields:
        raw = body[at : at + field.size]
        at += field.size
        yield _measured(field, raw, dialect)
        if field.kind is Kind.STATUS:
            yield from _status(raw[0], dialect.status_bits)


def _measured(field: Field, raw: bytes, dialect: Dialect) -> Measured:
    match field.kind:
        case Kind.STATUS:
            return Measured(field.name, int.from_bytes(raw, "little"), "", raw)
        case Kind.TIME:
            text = _time(raw if dialect.time_order is TimeOrder.SECOND_FIRST else raw[::-1])
            return Measured(field.name, text or None, "", raw, "" if text else "no date")
        case Kind.NUMBER:
            unit, factor = field.unit, Fraction(1)
        case Kind.WITH_UNIT:
            known = UNITS.get(raw[-1])
            if known is None:
                return Measured(field.name, None, "", raw, f"unit code {raw[-1]:02X}H")
            unit, factor = known.unit, known.factor
    digits = raw[: field.digits_bytes][::-1].hex()
    if not digits.isdecimal():
        return Measured(field.name, None, unit, raw, f"no BCD: {digits.upper()}")
    return Measured(field.name, float(int(digits) * factor / 10**field.decimals), unit, raw)


def _time(second_first: bytes) -> str:
    """Return ISO 8601 of ss mm hh DD MM YY CC; empty: no date, as of a clock never set."""
    digits = second_first[::-1].hex()
    if not digits.isdecimal():
        return ""
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
        clock = time(int(digits[8:10]), int(digits[10:12]), int(digits[12:]))
    except ValueError:
        return ""
    return f"{day.isoformat()}T{clock.isoformat()}"


_VALVES: Final = (Valve.OPEN, Valve.CLOSED, Valve.UNKNOWN, Valve.ABNORMAL)


def _status(first: int, bits: StatusBits) -> Iterable[Measured]:
    valve_bit, battery_bit = (0, 2) if bits is StatusBits.LOW else (6, 5)
    valve = _VALVES[first >> valve_bit & 0b11]
    problem = "bits 10" if valve is Valve.UNKNOWN else ""
    yield Measured("valve", None if problem else valve.value, problem=problem)
    yield Measured("battery_low", bool(first >> battery_bit & 1))


def error_status(frame: Frame) -> int | None:
    """Return ST1 and ST2 of an error reply as one number; None: it carries none.

    Its body is serial number and status; by the standard from memory, not seen in a frame.
    """
    return int.from_bytes(frame.data[1:], "little") if len(frame.data) == ERROR_BYTES else None


def encode_number(field: Field, value: float, unit_code: int = 0) -> bytes:
    """Return the bytes of a number in a field, for a simulated meter.

    Args:
        field: ``with_unit`` or ``number``.
        value: In the unit of the quantity.
        unit_code: What the meter shows it in.

    Raises:
        ValueRangeError: The field has too few digits, or the code is no unit.
    """
    factor = Fraction(1)
    if field.kind is Kind.WITH_UNIT:
        if unit_code not in UNITS:
            raise ValueRangeError(f"unit code {unit_code:02X}H; known: {sorted(UNITS)}")
        factor = UNITS[unit_code].factor
    raw = round(Fraction(value) / factor * 10**field.decimals)
    digits = 2 * field.digits_bytes
    if not 0 <= raw < 10**digits:
        raise ValueRangeError(f"{value:g} does not fit the {digits} digits of {field.name}")
    number = bytes.fromhex(f"{raw:0{digits}}")[::-1]
    return number + bytes((unit_code,)) if field.kind is Kind.WITH_UNIT else number


def encode_time(iso: str, dialect: Dialect = STANDARD) -> bytes:
    """Return the seven bytes of a time ``YYYY-MM-DDThh:mm:ss``."""
    digits = "".join(letter for letter in iso if letter in "0123456789")
    if len(digits) != 2 * TIME_BYTES:
        raise ValueRangeError(f"{iso!r} is no YYYY-MM-DDThh:mm:ss")
    year_first = bytes.fromhex(digits)
    return year_first[::-1] if dialect.time_order is TimeOrder.SECOND_FIRST else year_first


def encode_reading(reading: MeterReading, *, dialect: Dialect = STANDARD) -> bytes:
    """Return the data of the answer that reads as this.

    A number is coded anew from its value, in the unit that the last byte of ``raw`` names; what is
    not available is sent as its ``raw``.

    Raises:
        ValueRangeError: A value does not fit.
    """
    identifier = reading.identifier.to_bytes(
        IDENTIFIER_BYTES, "big" if reading.byte_order is ByteOrder.HIGH_FIRST else "little"
    )
    parts = [identifier, bytes((reading.serial,))]
    fields = BY_NAME[reading.layout].fields if reading.layout else ()
    parts += (_encoded(field, reading.value(field.name), dialect) for field in fields)
    return b"".join(parts)


def _encoded(field: Field, measured: Measured, dialect: Dialect) -> bytes:
    value = measured.value
    if isinstance(value, str):
        return encode_time(value, dialect)
    if value is None:
        return measured.raw
    if field.kind is Kind.STATUS:
        return int(value).to_bytes(field.size, "little")
    return encode_number(field, float(value), measured.raw[-1] if measured.raw else 0)

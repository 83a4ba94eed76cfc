"""Simulated CJ/T 188 meters: a request gives a reply.

A unit is the number of its type and address; a PDU is C and DATA.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from protocols.cjt188 import identifiers
from protocols.cjt188.addresses import Family, family_of, maker_of
from protocols.cjt188.frames import ANSWER, ERROR
from protocols.cjt188.identifiers import IDENTIFIER_BYTES, decode_identifier
from protocols.cjt188.layouts import BY_NAME, Field, Kind, Layout, layouts_for
from protocols.cjt188.readings import (
    HEAD_BYTES,
    STANDARD,
    Dialect,
    StatusBits,
    encode_number,
    encode_time,
)
from protocols.cjt188.requests import READ, READ_ADDRESS, WRITE
from protocols.errors import ValueRangeError
from protocols.reading import Value
from simulators.dlt645.values import local_time
from simulators.equipment.base import Equipment
from simulators.line import SILENT, Reply
from simulators.model_unit import ModelUnit

UNIT_CODES: Final[Mapping[str, int]] = {
    "volume": 0x2C,
    "settlement_volume": 0x2C,
    "heat": 0x05,
    "settlement_heat": 0x05,
    "cooling": 0x05,
    "settlement_cooling": 0x05,
    "power": 0x17,
    "flow": 0x35,
}
_VALVE_CODES: Final = {"open": 0b00, "closed": 0b01, "abnormal": 0b11}
_DAY: Final = 1
_REFUSED: Final = b"\x00\x00"


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """How a simulated meter is set up.

    Attributes:
        meter_type: 10H..49H.
        address: 14 digits.
        dialect: What its maker does differently; its byte order is that of its answers.
        unit_codes: What it shows its values in, by field.
    """

    meter_type: int
    address: str
    dialect: Dialect = STANDARD
    unit_codes: Mapping[str, int] | None = None


class SimulatedMeter(ModelUnit):
    """Answers with the values of its model."""

    def __init__(
        self, name: str, *, equipment: Equipment, settings: MeterSettings, started_s: float
    ) -> None:
        points = equipment.values(started_s).keys()
        super().__init__(name, equipment=equipment, points=points)
        self._settings = settings
        self._codes = {**UNIT_CODES, **(settings.unit_codes or {})}

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request; a request that is cut is no request."""
        if len(pdu) < 1 + HEAD_BYTES:
            return SILENT
        control, data = pdu[0], pdu[1:]
        identifier, _ = decode_identifier(data[:IDENTIFIER_BYTES])
        serial = data[IDENTIFIER_BYTES : IDENTIFIER_BYTES + 1]
        if not self._settings.dialect.echoes_serial:
            serial = b"\0"
        body = self._answer(control, identifier, data[HEAD_BYTES:], now_s)
        if body is None:
            return Reply(refusal(control, int.from_bytes(_REFUSED, "little"), serial))
        order = data[:IDENTIFIER_BYTES]
        return Reply(bytes((control | ANSWER,)) + order + serial + body)

    def _answer(self, control: int, identifier: int, payload: bytes, now_s: float) -> bytes | None:
        """Return the fields of the answer; None: the request is refused."""
        if control == READ_ADDRESS:
            return b""
        if control == WRITE and identifier == identifiers.VALVE:
            return self._set_valve(payload, now_s)
        if control != READ:
            return None
        layout = self._layout(identifier)
        if layout is None:
            return None
        values = self._values(now_s)
        try:
            return b"".join(self._field(field, values, now_s) for field in layout.fields)
        except ValueRangeError:
            # Held by hand at what its digits cannot show.
            return None

    def _layout(self, identifier: int) -> Layout | None:
        named = BY_NAME.get(self._settings.dialect.layout)
        if named is not None and identifier in named.identifiers:
            return named
        family: Family | None = family_of(self._settings.meter_type)
        found = layouts_for(identifier, family, maker_of(self._settings.address))
        return found[0] if found else None

    def _set_valve(self, payload: bytes, now_s: float) -> bytes | None:
        dialect = self._settings.dialect
        words = {dialect.valve_open: "open", dialect.valve_close: "closed"}
        word = words.get(payload[0]) if payload else None
        if word is None or not self.equipment.command("valve", word, now_s):
            return None
        return self._status(self._values(now_s))

    def _field(self, field: Field, values: Mapping[str, Value], now_s: float) -> bytes:
        match field.kind:
            case Kind.STATUS:
                return self._status(values)
            case Kind.TIME:
                text = local_time(now_s).isoformat(timespec="seconds")
                return encode_time(text, self._settings.dialect)
            case Kind.NUMBER | Kind.WITH_UNIT:
                value = values.get(field.name, _DAY)
                if value is None:
                    return b"\xff" * field.size
                return encode_number(field, float(value), self._codes.get(field.name, 0x2C))

    def _status(self, values: Mapping[str, Value]) -> bytes:
        low = self._settings.dialect.status_bits is StatusBits.LOW
        valve_bit, battery_bit = (0, 2) if low else (6, 5)
        valve = _VALVE_CODES.get(str(values["valve"]), 0b11)
        first = valve << valve_bit | bool(values["battery_low"]) << battery_bit
        return bytes((first, 0))


def refusal(control: int, status: int, serial: bytes = b"\0") -> bytes:
    """Return the reply PDU that refuses a request with a status."""
    return bytes((control | ANSWER | ERROR,)) + serial + (status & 0xFFFF).to_bytes(2, "little")


def meter_unit(meter_type: int, address: str) -> int:
    """Return the number under which a meter is on its line."""
    return int(f"{meter_type:02X}{address}", 16)

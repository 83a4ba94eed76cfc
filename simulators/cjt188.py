"""Simulated CJ/T 188 meters: a request gives a reply.

A unit is the number of its type and address; a PDU is C and DATA.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from protocols.cjt188 import identifiers
from protocols.cjt188.addresses import family_of, maker_of
from protocols.cjt188.dialect import STANDARD, Dialect, StatusBits
from protocols.cjt188.frames import ANSWER, ERROR
from protocols.cjt188.identifiers import IDENTIFIER_BYTES, decode_identifier
from protocols.cjt188.layouts import BY_NAME, STATUS_BYTES, Kind, layouts_for
from protocols.cjt188.readings import HEAD_BYTES, Measured, MeterReading, encode_reading
from protocols.cjt188.requests import CLOSE_VALVE, OPEN_VALVE, READ, READ_ADDRESS, WRITE
from protocols.errors import ValueRangeError
from protocols.reading import Value
from simulators.dlt645.values import local_time
from simulators.equipment.base import Equipment
from simulators.line import SILENT, Reply
from simulators.model_unit import ModelUnit

_CUBIC_METRES: Final = 0x2C
_UNIT_CODES: Final[Mapping[str, int]] = {
    "heat": 0x05,
    "settlement_heat": 0x05,
    "cooling": 0x05,
    "settlement_cooling": 0x05,
    "power": 0x17,
    "flow": 0x35,
}
_VALVE_CODES: Final = {"open": 0b00, "closed": 0b01, "abnormal": 0b11}
_VALVE_WORDS: Final = ("closed", "open")
_ANY_NUMBER: Final = 1.0
"""Of what the model does not have: days of the month, prices."""


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """How a simulated meter is set up.

    Attributes:
        meter_type: 10H..49H.
        address: 14 digits.
        dialect: What its maker does differently; it answers in the byte order of the request.
        valve_codes: What closes its valve, and what opens it.
    """

    meter_type: int
    address: str
    dialect: Dialect = STANDARD
    valve_codes: tuple[bytes, bytes] = (CLOSE_VALVE, OPEN_VALVE)


class SimulatedMeter(ModelUnit):
    """Answers with the values of its model."""

    def __init__(
        self, name: str, *, equipment: Equipment, settings: MeterSettings, started_s: float
    ) -> None:
        points = equipment.values(started_s).keys()
        super().__init__(name, equipment=equipment, points=points)
        self._settings = settings

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request; a request that is cut is no request."""
        if len(pdu) < 1 + HEAD_BYTES:
            return SILENT
        control, data = pdu[0], pdu[1:]
        identifier, order = decode_identifier(data[:IDENTIFIER_BYTES])
        serial = data[IDENTIFIER_BYTES] if self._settings.dialect.echoes_serial else 0
        layout = self._carry_out(control, identifier, data[HEAD_BYTES:], now_s)
        if layout is None:
            return Reply(refusal(control, 0, serial))
        reading = MeterReading(
            meter_type=self._settings.meter_type,
            address=self._settings.address,
            identifier=identifier,
            byte_order=order,
            serial=serial,
            layout=layout,
            values=tuple(self._measured(layout, now_s)),
        )
        try:
            answer = encode_reading(reading, dialect=self._settings.dialect)
        except ValueRangeError:
            # Held by hand at what its digits cannot show.
            return Reply(refusal(control, 0, serial))
        return Reply(bytes((control | ANSWER,)) + answer)

    def _carry_out(self, control: int, identifier: int, payload: bytes, now_s: float) -> str | None:
        """Return the layout of the answer, empty for none; None: the request is refused."""
        if control == READ_ADDRESS:
            return ""
        if control == WRITE and identifier == identifiers.VALVE:
            return self._layout(identifier) if self._set_valve(payload, now_s) else None
        return self._layout(identifier) if control == READ else None

    def _layout(self, identifier: int) -> str | None:
        named = BY_NAME.get(self._settings.dialect.layout)
        if named is not None and identifier in named.identifiers:
            return named.name
        family = family_of(self._settings.meter_type)
        found = layouts_for(identifier, family, maker_of(self._settings.address))
        return found[0].name if found else None

    def _set_valve(self, payload: bytes, now_s: float) -> bool:
        if payload not in self._settings.valve_codes:
            return False
        word = _VALVE_WORDS[self._settings.valve_codes.index(payload)]
        return self.equipment.command("valve", word, now_s)

    def _measured(self, layout: str, now_s: float) -> Iterator[Measured]:
        values = self._values(now_s)
        for field in BY_NAME[layout].fields if layout else ():
            match field.kind:
                case Kind.STATUS:
                    yield Measured(field.name, self._status(values))
                case Kind.TIME:
                    yield Measured(field.name, local_time(now_s).isoformat(timespec="seconds"))
                case Kind.NUMBER | Kind.WITH_UNIT:
                    value = values.get(field.name, _ANY_NUMBER)
                    code = bytes((_UNIT_CODES.get(field.name, _CUBIC_METRES),))
                    raw = b"\xff" * field.size if value is None else code
                    yield Measured(field.name, value, raw=raw)

    def _status(self, values: Mapping[str, Value]) -> int:
        low = self._settings.dialect.status_bits is StatusBits.LOW
        valve_bit, battery_bit = (0, 2) if low else (6, 5)
        valve = _VALVE_CODES.get(str(values["valve"]), _VALVE_CODES["abnormal"])
        return valve << valve_bit | bool(values["battery_low"]) << battery_bit


def refusal(control: int, status: int, serial: int = 0) -> bytes:
    """Return the reply PDU that refuses a request with a status."""
    head = bytes((control | ANSWER | ERROR, serial))
    return head + (status & 0xFFFF).to_bytes(STATUS_BYTES, "little")


def meter_unit(meter_type: int, address: str) -> int:
    """Return the number under which a meter is on its line."""
    return int(f"{meter_type:02X}{address}", 16)

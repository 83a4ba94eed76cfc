"""Requests of CJ/T 188: their frames, what answers them, and how long the answer is (pure)."""

from dataclasses import dataclass, replace
from typing import Final

from protocols.cjt188 import identifiers
from protocols.cjt188.addresses import ANY_TYPE, METER_TYPES, WILDCARD, family_of, maker_of
from protocols.cjt188.dialect import STANDARD, Dialect
from protocols.cjt188.frames import ANSWER, ERROR, OVERHEAD_BYTES, Frame
from protocols.cjt188.identifiers import IDENTIFIER_BYTES, decode_identifier, encode_identifier
from protocols.cjt188.layouts import BY_NAME, layouts_for
from protocols.cjt188.readings import ERROR_BYTES, HEAD_BYTES

READ: Final = 0x01
READ_ADDRESS: Final = 0x03
WRITE: Final = 0x04
CONTROLS: Final = {
    READ: "read",
    READ_ADDRESS: "read address",
    WRITE: "write",
    0x09: "read key version",  # in one firmware (sdqr_energy_node, cj188.h)
    0x15: "write address",
    0x16: "synchronize motor",
}
"""Names of the requests, for messages."""
OPEN_VALVE: Final = b"\x55"
CLOSE_VALVE: Final = b"\x99"
"""What moves the valve in one maker's frames."""
_SERIALS: Final = 256


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of one meter.

    Attributes:
        meter_type: T; AAH: any type.
        address: 14 digits; AA...: any meter.
        control: 01, 03, 04, 09, 15 or 16 H.
        identifier: What it is about.
        payload: What is written.
        serial: 0..255.
        dialect: What the maker does differently.
    """

    meter_type: int
    address: str
    control: int
    identifier: int
    payload: bytes = b""
    serial: int = 0
    dialect: Dialect = STANDARD

    def __str__(self) -> str:
        name = identifiers.NAMES.get(self.identifier, "")
        what = f"{self.identifier:04X}H{name and ' '}{name}"
        control = CONTROLS.get(self.control, f"{self.control:02X}H")
        kind = METER_TYPES.get(self.meter_type, "any type")
        return f"meter {self.address} ({kind}): {control} {what}"

    def numbered(self, serial: int) -> "Request":
        """Return the same request with another serial number."""
        return replace(self, serial=serial % _SERIALS)

    @property
    def frame(self) -> Frame:
        """What is sent."""
        identifier = encode_identifier(self.identifier, self.dialect.byte_order)
        data = identifier + bytes((self.serial,)) + self.payload
        return Frame(self.meter_type, self.address, self.control, data)

    def encode(self) -> bytes:
        """Return its bytes with the wake-up bytes before them."""
        return self.frame.encode(wake_up=self.dialect.wake_up)

    def comes_from(self, frame: Frame) -> bool:
        """Whether a frame is an answer of the meter that is asked, to a request of this kind."""
        return (
            frame.control & ~ERROR == self.control | ANSWER
            and self.address in {WILDCARD, frame.address}
            and self.meter_type in {ANY_TYPE, frame.meter_type}
        )

    def answered_by(self, frame: Frame) -> bool:
        """Whether a frame is the answer: meter, control code, identifier and serial number."""
        if not self.comes_from(frame) or frame.is_error or len(frame.data) < HEAD_BYTES:
            return False
        identifier, _ = decode_identifier(frame.data[:IDENTIFIER_BYTES], expected=self.identifier)
        serial = frame.data[IDENTIFIER_BYTES]
        return identifier == self.identifier and self._serial_fits(serial)

    def refused_by(self, frame: Frame, *, exactly: bool = False) -> bool:
        """Whether a frame is an error reply to a request like this; it names no identifier.

        Args:
            frame: What came.
            exactly: It has to carry the serial number of this one. That error replies carry one is
                the standard from memory.
        """
        if not self.comes_from(frame) or not frame.is_error:
            return False
        return not exactly or (len(frame.data) == ERROR_BYTES and self._serial_fits(frame.data[0]))

    def _serial_fits(self, serial: int) -> bool:
        return serial == self.serial or not self.dialect.echoes_serial

    @property
    def answer_bytes(self) -> int:
        """Predicted length of the answer on the wire, the longest where several are possible."""
        overhead = OVERHEAD_BYTES + self.dialect.wake_up_answer
        if self.control not in {READ, WRITE}:
            return overhead + HEAD_BYTES
        return overhead + HEAD_BYTES + self._answer_fields

    @property
    def _answer_fields(self) -> int:
        named = BY_NAME.get(self.dialect.layout)
        if named is not None and self.identifier in named.identifiers:
            return named.size
        known = layouts_for(self.identifier, family_of(self.meter_type), maker_of(self.address))
        return max((layout.size for layout in known), default=0)


def read(meter_type: int, address: str, identifier: int, *, dialect: Dialect = STANDARD) -> Request:
    """Return the request for one identifier."""
    return Request(meter_type, address, READ, identifier, dialect=dialect)


def read_address(meter_type: int = ANY_TYPE, *, dialect: Dialect = STANDARD) -> Request:
    """Return the question for the address of the only meter on a line."""
    return Request(meter_type, WILDCARD, READ_ADDRESS, identifiers.ADDRESS, dialect=dialect)


def write(
    meter_type: int, address: str, identifier: int, payload: bytes, *, dialect: Dialect = STANDARD
) -> Request:
    """Return the request that writes; its answer repeats the identifier."""
    return Request(meter_type, address, WRITE, identifier, payload, dialect=dialect)


def set_valve(
    meter_type: int, address: str, code: bytes, *, dialect: Dialect = STANDARD
) -> Request:
    """Return the command that moves the valve; its answer carries the status."""
    return write(meter_type, address, identifiers.VALVE, code, dialect=dialect)

"""How requests and replies are marked on a line, and which units a request is for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, Protocol

from protocols.dlt645.frames import BROADCAST, Frame, FrameStream, address_fits
from simulators.framing import AsciiStream, Request, RtuStream, ascii_frame, rtu_frame

LineFraming = Literal["rtu", "ascii", "dlt645"]

_MODBUS_BROADCAST = 0
_WAKE_UP_BYTES = 4


class LineProtocol(Protocol):
    """What a line needs to know of the protocol of its units."""

    def feed(self, data: bytes) -> Sequence[Request]:
        """Return the requests completed by ``data``."""
        ...

    def silence(self) -> Sequence[Request]:
        """Return the request that a silence has ended, if it is one; forget what began."""
        ...

    def frame(self, unit: int, pdu: bytes) -> bytes:
        """Return the bytes of a reply."""
        ...

    def listeners(self, unit: int, units: Collection[int]) -> Sequence[int]:
        """Return the units that a request to this address is for."""
        ...

    def is_answered(self, unit: int) -> bool:
        """Return whether those units answer."""
        ...


class _Modbus:
    def __init__(
        self, stream: RtuStream | AsciiStream, frame: Callable[[int, bytes], bytes]
    ) -> None:
        self._stream = stream
        self._frame = frame

    def feed(self, data: bytes) -> Sequence[Request]:
        """Return the requests completed by ``data``."""
        return self._stream.feed(data)

    def silence(self) -> Sequence[Request]:
        """Return the request that a silence has ended."""
        return self._stream.silence()

    def frame(self, unit: int, pdu: bytes) -> bytes:
        """Return the bytes of a reply."""
        return self._frame(unit, pdu)

    def listeners(self, unit: int, units: Collection[int]) -> Sequence[int]:
        """All hear a broadcast."""
        return [one for one in units if unit in {one, _MODBUS_BROADCAST}]

    def is_answered(self, unit: int) -> bool:
        """None answers a broadcast."""
        return unit != _MODBUS_BROADCAST


class _Dlt645:
    """Meters: a unit is the 12 digits of its address read as hexadecimal; a PDU is C and DATA."""

    def __init__(self) -> None:
        self._stream = FrameStream()

    def feed(self, data: bytes) -> Sequence[Request]:
        """Frames of other meters are no requests."""
        frames = (frame for frame in self._stream.feed(data) if not frame.from_meter)
        return [
            Request(0, meter_unit(frame.address), bytes((frame.control,)) + frame.data)
            for frame in frames
        ]

    def silence(self) -> Sequence[Request]:
        """No frame ends with silence."""
        self._stream.clear()
        return []

    def frame(self, unit: int, pdu: bytes) -> bytes:
        """A meter sends wake-up bytes as well."""
        frame = Frame(_address(unit), pdu[0], pdu[1:])
        return frame.encoded(wake_up=_WAKE_UP_BYTES)

    def listeners(self, unit: int, units: Collection[int]) -> Sequence[int]:
        """All hear a broadcast and the wildcard."""
        asked = _address(unit)
        return [one for one in units if asked == BROADCAST or address_fits(asked, _address(one))]

    def is_answered(self, unit: int) -> bool:
        """None answers a broadcast."""
        return _address(unit) != BROADCAST


def meter_unit(address: str) -> int:
    """Return the number under which a meter is on its line."""
    return int(address, 16)


def _address(unit: int) -> str:
    return f"{unit:012X}"


LINE_PROTOCOLS: Mapping[LineFraming, Callable[[], LineProtocol]] = {
    "rtu": lambda: _Modbus(RtuStream(), rtu_frame),
    "ascii": lambda: _Modbus(AsciiStream(), ascii_frame),
    "dlt645": _Dlt645,
}

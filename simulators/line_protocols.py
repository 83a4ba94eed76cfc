"""How requests and replies are marked on a line, and which units a request is for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, Protocol

from protocols.cjt188 import frames as cjt188_frames
from protocols.cjt188.addresses import ANY_TYPE
from protocols.dlt645.frames import BROADCAST, Frame, address_fits, frame_stream
from protocols.mbus import addresses as mbus_addresses
from protocols.mbus import frames as mbus_frames
from simulators.framing import AsciiStream, Request, RtuStream, ascii_frame, rtu_frame

LineFraming = Literal["rtu", "ascii", "dlt645", "cjt188", "mbus"]

_MODBUS_BROADCAST = 0
_WAKE_UP_BYTES = 4
_CJT188_UNIT_BYTES = 8
_FROM_MASTER = 0x40


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
        self._stream = frame_stream()

    def feed(self, data: bytes) -> Sequence[Request]:
        """Frames of other meters are no requests."""
        frames = (frame for frame in self._stream.feed(data) if not frame.from_meter)
        return [
            Request(0, meter_unit(frame.address), bytes((frame.control,)) + frame.data)
            for frame in frames
        ]

    def silence(self) -> Sequence[Request]:
        """No frame ends with silence."""
        self._stream.reset()
        return []

    def frame(self, unit: int, pdu: bytes) -> bytes:
        """A meter sends wake-up bytes as well."""
        frame = Frame(_address(unit), pdu[0], pdu[1:])
        return frame.encode(wake_up=_WAKE_UP_BYTES)

    def listeners(self, unit: int, units: Collection[int]) -> Sequence[int]:
        """All hear a broadcast and the wildcard."""
        asked = _address(unit)
        return [one for one in units if asked == BROADCAST or address_fits(asked, _address(one))]

    def is_answered(self, unit: int) -> bool:
        """None answers a broadcast."""
        return _address(unit) != BROADCAST


class _Cjt188:
    """Meters: a unit is the number of type and address; a PDU is C and DATA."""

    def __init__(self) -> None:
        self._stream = cjt188_frames.frame_stream()

    def feed(self, data: bytes) -> Sequence[Request]:
        """Frames of other meters are no requests."""
        frames = (frame for frame in self._stream.feed(data) if not frame.is_answer)
        return [
            Request(
                0,
                int(f"{frame.meter_type:02X}{frame.address}", 16),
                bytes((frame.control,)) + frame.data,
            )
            for frame in frames
        ]

    def silence(self) -> Sequence[Request]:
        """No frame ends with silence."""
        self._stream.reset()
        return []

    def frame(self, unit: int, pdu: bytes) -> bytes:
        """A meter sends wake-up bytes as well."""
        digits = f"{unit:016X}"
        frame = cjt188_frames.Frame(int(digits[:2], 16), digits[2:], pdu[0], pdu[1:])
        return frame.encode(wake_up=_WAKE_UP_BYTES)

    def listeners(self, unit: int, units: Collection[int]) -> Sequence[int]:
        """A type or an address of AA is for all."""
        asked = unit.to_bytes(_CJT188_UNIT_BYTES, "big")
        any_type, anybody = asked[0] == ANY_TYPE, set(asked[1:]) == {ANY_TYPE}
        found: list[int] = []
        for one in units:
            own = one.to_bytes(_CJT188_UNIT_BYTES, "big")
            if (any_type or own[0] == asked[0]) and (anybody or own[1:] == asked[1:]):
                found.append(one)
        return found

    def is_answered(self, unit: int) -> bool:
        """Meters answer the wildcard too."""
        del unit
        return True


class _Mbus:
    """Slaves: the lowest byte of a unit is its primary address.

    A PDU is C, the address that was asked, CI and the data; an answer is C, CI and data, or E5.
    """

    def __init__(self) -> None:
        self._stream = mbus_frames.frame_stream()

    def feed(self, data: bytes) -> Sequence[Request]:
        """Requests are what a master sends."""
        requests: list[Request] = []
        for frame in self._stream.feed(data):
            if isinstance(frame, mbus_frames.Acknowledgement) or not frame.control & _FROM_MASTER:
                continue
            pdu = bytes((frame.control, frame.address))
            if isinstance(frame, mbus_frames.LongFrame):
                pdu += bytes((frame.information,)) + frame.data
            requests.append(Request(0, frame.address, pdu))
        return requests

    def silence(self) -> Sequence[Request]:
        """No frame ends with silence."""
        self._stream.reset()
        return []

    def frame(self, unit: int, pdu: bytes) -> bytes:
        """A telegram carries the primary address."""
        if len(pdu) == 1:
            return pdu
        return mbus_frames.LongFrame(pdu[0], unit & 0xFF, pdu[1], pdu[2:]).encode()

    def listeners(self, unit: int, units: Collection[int]) -> Sequence[int]:
        """Selections, the test address and a broadcast are for all."""
        shared = unit in {mbus_addresses.SELECTED, mbus_addresses.ANY, mbus_addresses.BROADCAST}
        return [one for one in units if shared or one & 0xFF == unit]

    def is_answered(self, unit: int) -> bool:
        """None answers a broadcast."""
        return unit != mbus_addresses.BROADCAST


def meter_unit(address: str) -> int:
    """Return the number under which a meter is on its line."""
    return int(address, 16)


def _address(unit: int) -> str:
    return f"{unit:012X}"


LINE_PROTOCOLS: Mapping[LineFraming, Callable[[], LineProtocol]] = {
    "rtu": lambda: _Modbus(RtuStream(), rtu_frame),
    "ascii": lambda: _Modbus(AsciiStream(), ascii_frame),
    "dlt645": _Dlt645,
    "cjt188": _Cjt188,
    "mbus": _Mbus,
}

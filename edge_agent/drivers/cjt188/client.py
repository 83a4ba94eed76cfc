"""Meters that speak CJ/T 188 on one line: read, read the address, valve and other writes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import NamedTuple, Unpack

from edge_agent.drivers.frame_client import FrameClient, Wiring
from edge_agent.drivers.frame_line import MAY_PASS, NOT_DONE, Answered, FrameLine, Refusal
from edge_agent.errors import DeviceGarbageError
from protocols.cjt188 import requests
from protocols.cjt188.addresses import ANY_TYPE
from protocols.cjt188.dialect import STANDARD, Dialect
from protocols.cjt188.frames import Frame, frame_stream
from protocols.cjt188.identifiers import IDENTIFIER_BYTES
from protocols.cjt188.readings import MeterReading, decode_reading, error_status
from protocols.cjt188.requests import READ, READ_ADDRESS, Request
from protocols.errors import FrameError
from protocols.frame_stream import FrameStream


class MeterAnswer(NamedTuple):
    """What a meter answered.

    Attributes:
        reading: Its values.
        at_ms: UTC milliseconds at which its last byte arrived.
        took_s: From the first byte sent to the last byte received, seconds.
    """

    reading: MeterReading
    at_ms: int
    took_s: float


@dataclass(frozen=True, slots=True)
class _Asked:
    request: Request

    def __str__(self) -> str:
        return str(self.request)

    @property
    def unit(self) -> str:
        return self.request.address

    @property
    def writes(self) -> bool:
        return self.request.control not in {READ, READ_ADDRESS}

    def encode(self) -> bytes:
        return self.request.encode()

    def answered_by(self, frame: Frame, /) -> bool:
        """An error reply that carries another serial number may be that of another request."""
        request = self.request
        return request.answered_by(frame) or request.refused_by(frame, exactly=True)

    def refusal(self, frame: Frame, /) -> Refusal | None:
        if not self.request.refused_by(frame):
            return None
        status = error_status(frame)
        said = frame.data.hex(" ").upper() or "nothing"
        why = f"it says {said}" if status is None else f"status {status:04X}H"
        return Refusal(why, NOT_DONE if self.writes else MAY_PASS)

    def instead(self, frame: Frame, /) -> str:
        asked = self.request
        if frame.address != asked.address and not _is_wild(asked):
            return f"meter {frame.address} answered instead"
        if asked.meter_type not in {frame.meter_type, ANY_TYPE}:
            return f"a meter of type {frame.meter_type:02X}H answered instead"
        if replace(asked, dialect=replace(asked.dialect, echoes_serial=False)).answered_by(frame):
            got = frame.data[IDENTIFIER_BYTES]
            return f"serial number {got} instead of {asked.serial}; see echoes_serial"
        return f"{frame.control:02X}H {frame.data.hex(' ').upper()} instead of its answer"

    def mistakes_for(self, other: "_Asked", /) -> bool:
        """An answer names meter and identifier, and where the meter repeats it a serial number.

        So only writes of one identifier are mixed up.
        """
        mine, its = self.request, other.request
        same_meter = mine.address == its.address or _is_wild(mine) or _is_wild(its)
        if not self.writes or not same_meter or mine.control != its.control:
            return False
        if mine.dialect.echoes_serial:
            return mine.serial == its.serial
        return mine.identifier == its.identifier


def _is_wild(request: Request) -> bool:
    return request.address.startswith("AA")


class Cjt188Client(FrameClient[Frame, FrameLine]):
    """A line of meters.

    Args:
        line: How it is spoken on.
        serials: Serial numbers, handed on from one client of a line to the next, so that no late
            answer to the one is taken for that to the other.
        wiring: What it is connected to.
    """

    def __init__(
        self,
        *,
        line: FrameLine,
        serials: Iterator[int] | None = None,
        **wiring: Unpack[Wiring[Frame]],
    ) -> None:
        super().__init__(line=line, **wiring)
        self._serials = count(1) if serials is None else serials

    @staticmethod
    def new_stream() -> FrameStream[Frame]:
        """Return what cuts the bytes of a line into frames."""
        return frame_stream()

    async def read(
        self,
        meter_type: int,
        address: str,
        identifier: int,
        *,
        timeout_s: float,
        dialect: Dialect = STANDARD,
    ) -> MeterAnswer:
        """Read one identifier of one meter.

        Raises:
            ValueRangeError: The address is no address.
        """
        asked = requests.read(meter_type, address, identifier, dialect=dialect)
        return await self._transact(asked, timeout_s)

    async def read_address(
        self, *, timeout_s: float, meter_type: int = ANY_TYPE, dialect: Dialect = STANDARD
    ) -> MeterAnswer:
        """Ask the only meter of a line for its address and type; several answers collide."""
        return await self._transact(requests.read_address(meter_type, dialect=dialect), timeout_s)

    async def set_valve(
        self,
        meter_type: int,
        address: str,
        code: bytes,
        *,
        timeout_s: float,
        dialect: Dialect = STANDARD,
    ) -> MeterAnswer:
        """Move the valve; the answer says how it stands, maybe still as before.

        It is never sent twice. A valve takes half a minute: read the status afterwards.
        """
        asked = requests.set_valve(meter_type, address, code, dialect=dialect)
        return await self._transact(asked, timeout_s)

    async def write(
        self,
        meter_type: int,
        address: str,
        identifier: int,
        payload: bytes,
        *,
        timeout_s: float,
        dialect: Dialect = STANDARD,
    ) -> Answered[Frame]:
        """Write one identifier; it is never sent twice."""
        asked = requests.write(meter_type, address, identifier, payload, dialect=dialect)
        return await self.ask(asked, timeout_s=timeout_s)

    def clear_at(self, request: Request) -> float:
        """When this may be asked without a late answer being taken for its own."""
        return self._exchange.clear_at(_Asked(request))

    def fresh_at(self, request: Request) -> float:
        """When this may be asked so that its answer is no older one's; monotonic seconds."""
        return self._exchange.fresh_at(_Asked(request))

    async def ask(self, request: Request, *, timeout_s: float) -> Answered[Frame]:
        """Send any request and return its answer."""
        if request.dialect.echoes_serial and request.control != READ_ADDRESS:
            request = request.numbered(next(self._serials))
        return await self._exchange.ask(_Asked(request), timeout_s=timeout_s)

    async def _transact(self, request: Request, timeout_s: float) -> MeterAnswer:
        answer = await self.ask(request, timeout_s=timeout_s)
        try:
            reading = decode_reading(
                answer.frame, expected=request.identifier, dialect=request.dialect
            )
        except FrameError as error:
            raise DeviceGarbageError(f"{request}: {error}") from error
        return MeterAnswer(reading, answer.at_ms, answer.took_s)

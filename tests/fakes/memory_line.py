"""Units on a line in memory, in the time of the running loop, and the driver's end of it."""

import asyncio
import random
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from config.ports import Port
from edge_agent.drivers.link import ignore
from edge_agent.drivers.modbus_client import ModbusClient
from edge_agent.drivers.wires import wire_of
from edge_agent.errors import PortDownError
from simulators.framing import MbapStream, Request, mbap_frame
from simulators.line import SILENT, LineOfUnits, LineTiming, Reply, Responder
from simulators.slave import ILLEGAL_ADDRESS, exception_reply
from tests.fakes.virtual_loop import LoopClock

if TYPE_CHECKING:
    from simulators.line_protocols import LineFraming

UNAVAILABLE = range(900, 1000)
"""Addresses that every unit refuses."""


def value_of(unit: int, address: int) -> int:
    """What a register of a unit holds: no two of a line are alike."""
    return 1000 * unit + address


class LateUnit:
    """Answers in the order in which it was asked, each time as late as ``delay_s`` says.

    Args:
        half_duplex: It receives nothing while it works on an answer; else it queues its requests.
    """

    def __init__(
        self, number: int, delay_s: Callable[[], float], *, half_duplex: bool = False
    ) -> None:
        self.number = number
        self.written: list[bytes] = []
        self.asked = 0
        self._delay_s = delay_s
        self._half_duplex = half_duplex
        self._free_s = 0.0

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request PDU, after what is still to be answered."""
        self.asked += 1
        if self._half_duplex and now_s < self._free_s:
            return SILENT
        self._free_s = max(now_s, self._free_s) + self._delay_s()
        return Reply(self._answer(pdu), self._free_s - now_s)

    def _answer(self, pdu: bytes) -> bytes:
        code, address, count = struct.unpack_from(">BHH", pdu)
        if address in UNAVAILABLE:
            return exception_reply(code, ILLEGAL_ADDRESS)
        if code in {5, 6, 15, 16}:
            self.written.append(pdu)
            return pdu[:5]
        values = [value_of(self.number, at) for at in range(address, address + count)]
        return struct.pack(f">BB{count}H", code, 2 * count, *values)


class MemoryLink:
    """The driver's end.

    Attributes:
        sent: The frames that went out.
        shortest_gap_s: Shortest time from a byte that came in to a frame that went out.
    """

    def __init__(self, make: Callable[[Callable[[bytes], None]], Any]) -> None:
        self.received = bytearray()
        self.lost = ""
        self.on_change: Callable[[], None] = ignore
        self.sent: list[bytes] = []
        self.shortest_gap_s = float("inf")
        self._heard_s = float("-inf")
        self._far = make(self.hear)

    def hear(self, data: bytes) -> None:
        """Let bytes arrive."""
        if not self.lost:
            self._heard_s = asyncio.get_running_loop().time()
            self.received += data
            self.on_change()

    def send(self, data: bytes) -> None:
        """Hand bytes to the units."""
        if self.lost:
            raise PortDownError(self.lost)
        gap_s = asyncio.get_running_loop().time() - self._heard_s
        self.shortest_gap_s = min(self.shortest_gap_s, gap_s)
        self.sent.append(data)
        self._far.receive(data)

    def close(self, why: str = "closed") -> None:
        """Give it back."""
        self.lost = self.lost or why

    async def closed(self) -> None:
        """Nothing to wait for."""


class Silent:
    """A far end that says nothing by itself."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        del write

    def receive(self, data: bytes) -> None:
        """Take no notice."""


class _Gateway:
    """Modbus TCP to the same units.

    Args:
        newest: It knows the number of the newest request only, and answers under that.
    """

    def __init__(
        self, units: Mapping[int, Responder], write: Callable[[bytes], None], *, newest: bool
    ) -> None:
        self._newest = newest
        self._number = 0
        self._units = units
        self._write = write
        self._stream = MbapStream()

    def receive(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        for request in self._stream.feed(data):
            reply = self._units[request.unit].respond(request.pdu, loop.time())
            self._number = request.transaction
            if reply.pdu is not None:
                loop.call_later(reply.delay_s, self._answer, request, reply.pdu)

    def _answer(self, request: Request, pdu: bytes) -> None:
        number = self._number if self._newest else request.transaction
        self._write(mbap_frame(number, request.unit, pdu))


def line_of(
    units: Mapping[int, Responder], framing: str, timing: LineTiming | None = None
) -> Callable[[Callable[[bytes], None]], Any]:
    """Return what makes the far end of a link: framing mbap, newest, rtu, ascii, dlt645,
    cjt188 or mbus.

    newest: Modbus TCP through a gateway that answers under the number of the newest request.
    """

    def make(write: Callable[[bytes], None]) -> LineOfUnits | _Gateway:
        if framing in {"mbap", "newest"}:
            return _Gateway(units, write, newest=framing == "newest")
        kinds: dict[str, LineFraming] = {
            "ascii": "ascii",
            "dlt645": "dlt645",
            "cjt188": "cjt188",
            "mbus": "mbus",
        }
        return LineOfUnits(
            units,
            write=write,
            clock=LoopClock(),
            rng=random.Random(1),  # noqa: S311 (repeatable)
            timing=timing,
            framing=kinds.get(framing, "rtu"),
        )

    return make


def client_on(link: MemoryLink, port: Port, **options: Any) -> ModbusClient:
    """Return a client whose wire is this link."""

    async def open_link() -> MemoryLink:
        return link

    return ModbusClient(
        open_link=open_link, wire=wire_of(port), port=port, clock=LoopClock(), **options
    )

"""What a reading costs from the reply to its bytes, in calls: the same on every machine."""

import asyncio
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

from edge_agent.drivers.link import ignore
from edge_agent.drivers.modbus_client import ModbusClient
from edge_agent.drivers.wires import wire_of
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from edge_agent.uplink.encoder import DeviceEncoder
from protocols.reading import Reading
from tests.fakes.devices import device, point
from tests.fakes.port_bench import SETTINGS
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_loop import LoopClock, run_virtually

FEW, MANY = 10, 20
CYCLES = 50
OURS = ("/edge_agent/", "/config/", "/protocols/")
MOST_CALLS_OF_A_REQUEST = 150
MOST_CALLS_OF_A_NUMBER = 2.0
"""Its fragment of the message, and the reading itself."""


class AtOnce:
    """A device that answers each request with so many float32."""

    def __init__(self, numbers: int) -> None:
        self.numbers = numbers
        self.received = bytearray()
        self.lost = ""
        self.on_change: Callable[[], None] = ignore

    def send(self, data: bytes) -> None:
        count = self.numbers
        body = struct.pack(f">BBB{count}f", data[6], data[7], 4 * count, *range(count))
        head = data[:4] + struct.pack(">H", len(body))
        asyncio.get_running_loop().call_soon(self._hear, head + body)

    def _hear(self, data: bytes) -> None:
        self.received += data
        self.on_change()

    def close(self, why: str = "closed") -> None:
        self.lost = why

    async def closed(self) -> None:
        pass


class Published(ListSink):
    """Encodes what it is given, as the uplink does."""

    def __init__(self, encoder: DeviceEncoder) -> None:
        super().__init__()
        self.count = 0
        self._encoder = encoder

    def publish(self, device: str, readings: Sequence[Reading]) -> None:
        del device
        assert self._encoder.fragment(readings)
        self.count += len(readings)


def calls_per_cycle(numbers: int) -> float:
    points = {f"v{n}": point(2 * n, type="float32", report_all=True) for n in range(numbers)}
    meter = device("m", points)
    aliases: dict[tuple[str, str], int] = {}
    encoder = DeviceEncoder(meter, lambda *key: aliases.setdefault(key[:2], len(aliases)))
    sink, clock, calls = Published(encoder), LoopClock(), 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call" and any(one in frame.f_code.co_filename for one in OURS)

    async def open_link() -> AtOnce:
        return AtOnce(numbers)

    async def poll() -> None:
        port = PortOwner(
            "bus",
            settings=SETTINGS,
            devices={"m": meter},
            open_driver=lambda late: ModbusClient(
                open_link=open_link,
                wire=wire_of(SETTINGS),
                port=SETTINGS,
                clock=clock,
                on_late_response=late,
            ),
            sink=sink,
            health=Health(),
            availability=MemoryAvailability(),
            clock=clock,
        )
        task = asyncio.create_task(port.run())
        await asyncio.sleep(10)
        sink.count = 0
        sys.setprofile(count)
        try:
            await asyncio.sleep(CYCLES)
        finally:
            sys.setprofile(None)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    run_virtually(poll())
    assert sink.count == CYCLES * numbers
    return calls / CYCLES


def test_a_plain_number_costs_no_more_than_it_did() -> None:
    few, many = calls_per_cycle(FEW), calls_per_cycle(MANY)

    of_a_number = (many - few) / (MANY - FEW)
    assert of_a_number <= MOST_CALLS_OF_A_NUMBER, of_a_number
    of_a_request = few - FEW * of_a_number
    assert of_a_request <= MOST_CALLS_OF_A_REQUEST, of_a_request

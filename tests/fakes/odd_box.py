"""A box on TCP that does with its connections what cheap ones do, in memory."""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

from config.points import Table
from config.ports import ModbusRtuOverTcpPort, ModbusTcpPort, Port
from edge_agent.drivers.modbus_client import ModbusClient
from edge_agent.drivers.wires import wire_of
from edge_agent.errors import PortDownError
from tests.fakes.memory_line import MemoryLink
from tests.fakes.virtual_loop import LoopClock

TCP = ModbusTcpPort(kind="modbus_tcp", host="box", timeout_s=1.0)
LINE = ModbusRtuOverTcpPort(kind="modbus_rtu_over_tcp", host="box", timeout_s=1.0)
BANNER = b"Welcome to serial server\r\nlogin: "


class Far:
    """A box: answers each Modbus TCP request as ``answer`` says, and knows its own link."""

    def __init__(self, box: "Box", write: Callable[[bytes], None]) -> None:
        self.box, self.write = box, write
        self.link: MemoryLink | None = None
        self.opened_s = asyncio.get_running_loop().time()
        self.heard_s = self.opened_s
        self.asked = 0

    def receive(self, data: bytes) -> None:
        self.asked += 1
        self.box.answer(self, data)
        self.heard_s = asyncio.get_running_loop().time()

    def later(self, delay_s: float, data: bytes) -> None:
        asyncio.get_running_loop().call_later(delay_s, self.write, data)

    def drop(self, delay_s: float = 0.0) -> None:
        asyncio.get_running_loop().call_later(delay_s, self._drop)

    def _drop(self) -> None:
        assert self.link is not None
        if not self.link.lost:
            self.link.lost = "closed by the other side"
            self.link.on_change()


class Box:
    """Registers that hold their own address; ``written`` is what arrived."""

    def __init__(self, answer: Callable[[Far, bytes], None] | None = None) -> None:
        self.links: list[MemoryLink] = []
        self.written: list[bytes] = []
        self.banner = b""
        self.banner_s = 0.0
        self.refusals = 0
        self._answer = answer

    def answer(self, far: Far, data: bytes) -> None:
        if self._answer is not None:
            self._answer(far, data)
        else:
            far.later(0.01, self.reply(data))

    def reply(self, data: bytes, **header: int) -> bytes:
        """The right answer to a Modbus TCP request, with another header where that is said."""
        number, unit, pdu = struct.unpack_from(">H", data)[0], data[6], data[7:]
        code, address, count = struct.unpack_from(">BHH", pdu)
        if code in {5, 6, 15, 16}:
            self.written.append(pdu)
            body = pdu[:5]
        else:
            body = struct.pack(f">BB{count}H", code, 2 * count, *range(address, address + count))
        length = len(body) + 1 + header.pop("longer", 0)
        head = {"number": number, "protocol": 0, "length": length, "unit": unit} | header
        return struct.pack(">HHHB", *head.values()) + body

    async def open_link(self) -> MemoryLink:
        if self.refusals:
            self.refusals -= 1
            raise PortDownError("refused")
        made: list[Far] = []

        def far(write: Callable[[bytes], None]) -> Far:
            made.append(Far(self, write))
            return made[0]

        link = MemoryLink(far)
        made[0].link = link
        self.links.append(link)
        if self.banner:
            made[0].later(self.banner_s, self.banner)
        return link

    def client(self, port: Port = TCP) -> ModbusClient:
        return ModbusClient(
            open_link=self.open_link, wire=wire_of(port), port=port, clock=LoopClock()
        )


def no_answer(far: Far, data: bytes) -> None:
    del far, data


async def read(driver: ModbusClient, address: int = 7, *, unit: int = 1, count: int = 2) -> Any:
    reply = await driver.read(unit, Table.HOLDING, address, count, timeout_s=1.0)
    assert list(reply.values) == list(range(address, address + count))
    return reply


async def write(driver: ModbusClient, value: int) -> None:
    await driver.write(1, Table.HOLDING, 7, [value], timeout_s=1.0)


def port(**options: Any) -> ModbusTcpPort:
    return TCP.model_copy(update=options)

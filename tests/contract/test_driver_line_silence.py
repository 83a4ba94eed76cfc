"""Between two frames a line is silent for 3.5 characters, behind a serial server as well."""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import pytest

from config.points import Table
from config.ports import Framing, ModbusRtuOverTcpPort, ModbusRtuPort, Port
from edge_agent.drivers.timing import line_timing
from simulators.framing import ascii_frame, rtu_frame
from tests.fakes.memory_line import MemoryLink, client_on
from tests.fakes.virtual_loop import run_virtually

GARBAGE_AFTER_S = 0.003
"""After an answer, while the silence before the next request is kept."""


class Chatterer:
    """Answers each request at once, and says something more a little later."""

    def __init__(self, write: Callable[[bytes], None], framing: Framing) -> None:
        self._write = write
        self._framed = rtu_frame if framing is Framing.RTU else ascii_frame

    def receive(self, data: bytes) -> None:
        del data
        loop = asyncio.get_running_loop()
        answer = self._framed(1, struct.pack(">BBH", 3, 2, 7))
        loop.call_later(0.01, self._write, answer)
        loop.call_later(0.01 + GARBAGE_AFTER_S, self._write, b"\x00\xff\x13")


def port_of(kind: str, framing: Framing, baud: Any) -> Port:
    if kind == "tcp":
        return ModbusRtuOverTcpPort(
            kind="modbus_rtu_over_tcp", host="memory", framing=framing, line_baud=baud
        )
    return ModbusRtuPort(kind="modbus_rtu", device="memory", framing=framing, baud=baud)


async def shortest_gap_s(port: Port, framing: Framing) -> float:
    link = MemoryLink(lambda write: Chatterer(write, framing))
    async with client_on(link, port) as driver:
        for _ in range(20):
            reply = await driver.read(1, Table.HOLDING, 100, 1, timeout_s=1.0)
            assert list(reply.values) == [7]
    return link.shortest_gap_s


@pytest.mark.parametrize("kind", ["tcp", "serial"])
@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("baud", [1200, 9600, 115200])
def test_the_silence_is_kept_after_the_last_byte_that_came(
    kind: str, framing: Framing, baud: int
) -> None:
    port = port_of(kind, framing, baud)
    gap_s = run_virtually(shortest_gap_s(port, framing))
    assert line_timing(port).gap_s >= 0.00175
    assert gap_s >= line_timing(port).gap_s - 1e-9

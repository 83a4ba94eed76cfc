"""Lines of frames, whatever is spoken: somebody else, echoes, jabber, closed connections."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from edge_agent.clock import SystemClock
from edge_agent.drivers.cjt188.client import Cjt188Client
from edge_agent.drivers.connection import open_tcp
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.errors import DeviceGarbageError, DeviceTimeoutError, PortDownError
from protocols.cjt188.frames import Frame, decode_frame
from tests.fakes.memory_line import MemoryLink, Silent
from tests.fakes.virtual_loop import LoopClock, run_virtually

WATER, HEAT = "78330011223344", "11110000000002"
LINE = FrameLine(timeout_s=1.0)


def scripted(
    work: Callable[[Cjt188Client], Awaitable[None]], reply: Callable[[bytes], bytes]
) -> None:
    """Let a far end answer each request with what ``reply`` makes of it."""

    async def main() -> None:
        class Far:
            def __init__(self, write: Callable[[bytes], None]) -> None:
                self._write = write

            def receive(self, data: bytes) -> None:
                asyncio.get_running_loop().call_later(0.1, self._write, reply(data))

        link = MemoryLink(Far)

        async def open_link() -> MemoryLink:
            return link

        async with Cjt188Client(open_link=open_link, line=LINE, clock=LoopClock()) as client:
            await work(client)

    run_virtually(main())


BODY = bytes.fromhex("00776655 2C 00776655 2C") + bytes(9)


def answer_to(request: bytes, **changed: Any) -> bytes:
    asked = decode_frame(request)
    fields = {
        "address": asked.address,
        "meter_type": asked.meter_type,
        "control": 0x81,
        "data": asked.data + BODY,
    }
    return Frame(**fields | changed).encode()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"address": HEAT}, f"meter {HEAT} answered instead"),
        ({"meter_type": 0x20}, "type 20H answered instead"),
        ({"data": bytes.fromhex("901F 09") + bytes(19)}, "serial number 9 instead of 1; see ech"),
        ({"control": 0x84}, "84H 90 1F 01 00 77 .* instead of its answer"),
    ],
)
def test_who_answers_instead_is_named(changed: dict[str, Any], said: str) -> None:
    async def work(client: Cjt188Client) -> None:
        with pytest.raises(DeviceGarbageError, match=said):
            await client.read(0x10, WATER, 0x901F, timeout_s=1)

    scripted(work, lambda data: answer_to(data, **changed))


def test_the_echo_of_a_converter_is_no_answer() -> None:
    async def answered(client: Cjt188Client) -> None:
        reading = (await client.read(0x10, WATER, 0x901F, timeout_s=1)).reading
        assert reading.value("volume").value == 556677.0

    async def silent(client: Cjt188Client) -> None:
        with pytest.raises(DeviceTimeoutError):
            await client.read(0x10, WATER, 0x901F, timeout_s=1)

    scripted(answered, lambda data: data + answer_to(data))
    scripted(silent, lambda data: data)


def test_a_damaged_answer_is_heard_to_its_end_before_something_is_asked() -> None:
    async def main() -> None:
        link = MemoryLink(Silent)

        async def open_link() -> MemoryLink:
            return link

        async with Cjt188Client(open_link=open_link, line=LINE, clock=LoopClock()) as client:
            loop = asyncio.get_running_loop()
            for number in range(8):
                loop.call_later(0.25 + 0.073 * number, link.hear, bytes(16))
            with pytest.raises(DeviceGarbageError, match="128 bytes, no answer"):
                await client.read(0x10, WATER, 0x901F, timeout_s=0.3)
            ended_s = loop.time()
            with pytest.raises(DeviceTimeoutError):
                await client.read(0x10, WATER, 0x901F, timeout_s=0.3)
        assert ended_s > 0.25 + 0.073 * 7
        assert link.shortest_gap_s > 0.09

    run_virtually(main())


def test_a_line_that_is_never_silent_is_told_as_such() -> None:
    async def main() -> None:
        link = MemoryLink(Silent)

        async def open_link() -> MemoryLink:
            return link

        async def jabber() -> None:
            while True:
                link.hear(b"\x00")
                await asyncio.sleep(0.01)

        async with Cjt188Client(open_link=open_link, line=LINE, clock=LoopClock()) as client:
            talking = asyncio.create_task(jabber())
            await asyncio.sleep(0.1)
            with pytest.raises(DeviceGarbageError, match="never silent") as refusal:
                await client.read(0x10, WATER, 0x901F, timeout_s=1)
            assert not refusal.value.went_out
            talking.cancel()
            with pytest.raises(DeviceTimeoutError):
                await client.read(0x10, WATER, 0x901F, timeout_s=0.3)

    run_virtually(main())


async def test_a_serial_server_that_closes_after_each_answer_is_opened_again() -> None:
    opened: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        data = await reader.read(300)
        writer.write(answer_to(data))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        thread = OwnThread()
        async with Cjt188Client(
            open_link=lambda: open_tcp("127.0.0.1", port, timeout_s=1, thread=thread),
            line=FrameLine(renewable=True, turnaround_s=0.0),
            clock=SystemClock(),
        ) as client:
            for _ in range(3):
                answered = await client.read(0x10, WATER, 0x901F, timeout_s=1)
                assert answered.reading.value("volume").value == 556677.0
            assert not client._exchange._outstanding
    assert len(opened) == 3


async def test_a_valve_command_is_never_sent_twice() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(300)
        heard.append(data)
        if decode_frame(data).control == 0x01:
            writer.write(answer_to(data))
            await writer.drain()
            data = await reader.read(300)
            heard.append(data)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        thread = OwnThread()
        async with Cjt188Client(
            open_link=lambda: open_tcp("127.0.0.1", port, timeout_s=1, thread=thread),
            line=FrameLine(renewable=True, turnaround_s=0.0),
            clock=SystemClock(),
        ) as client:
            await client.read(0x10, WATER, 0x901F, timeout_s=1)
            with pytest.raises(PortDownError) as lost:
                await client.set_valve(0x10, WATER, b"\x99", timeout_s=1)
            assert lost.value.went_out
    assert [decode_frame(data).control for data in heard if data] == [0x01, 0x04]

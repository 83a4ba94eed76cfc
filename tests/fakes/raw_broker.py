"""A broker that only speaks when scripted: shows what really is on the wire."""

import asyncio
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

from tests.patience import PATIENCE_S

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, DISCONNECT = 12, 14


class Packet(NamedTuple):
    kind: int
    flags: int
    body: bytes


class Connect(NamedTuple):
    clean: bool
    will_qos: int
    will_retain: bool
    keepalive: int
    client_id: str
    will_topic: str
    will_payload: bytes
    username: str | None
    password: str | None


class RawBroker:
    """Accepts one connection at a time; ``packets`` are all that arrived, in order."""

    def __init__(
        self, *, connack: int = 0, suback: int = 1, tls: ssl.SSLContext | None = None
    ) -> None:
        self.packets: list[Packet] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.hung_up = asyncio.Event()
        self._connack, self._suback, self._tls = connack, suback, tls
        self._news = asyncio.Condition()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, limit=4096, ssl=self._tls
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.reading.set()
        self._server.close()
        for writer in self._writers:
            writer.close()

    def deliver(self, topic: str, payloads: Sequence[bytes]) -> None:
        """Send messages with QoS 0, all in one piece."""
        name = len(topic).to_bytes(2) + topic.encode()
        bodies = [name + payload for payload in payloads]
        self._writers[-1].write(
            b"".join(bytes([PUBLISH << 4, len(body)]) + body for body in bodies)
        )

    async def of_kind(self, kind: int, count: int = 1) -> list[Packet]:
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(
                lambda: sum(packet.kind == kind for packet in self.packets) >= count
            )
        return [packet for packet in self.packets if packet.kind == kind]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                await self.reading.wait()
                packet = await _read(reader)
                if packet.kind == CONNECT:
                    writer.write(bytes([CONNACK << 4, 2, 0, self._connack]))
                elif packet.kind == SUBSCRIBE:
                    granted = bytes([self._suback]) * _count_filters(packet.body)
                    answer = packet.body[:2] + granted
                    writer.write(bytes([SUBACK << 4, len(answer)]) + answer)
                elif packet.kind == PUBLISH and packet.flags & 6:
                    after_topic = 2 + int.from_bytes(packet.body[:2])
                    writer.write(
                        bytes([PUBACK << 4, 2]) + packet.body[after_topic : after_topic + 2]
                    )
                async with self._news:
                    self.packets.append(packet)
                    self._news.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.hung_up.set()
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Packet:
    (head,) = await reader.readexactly(1)
    length, shift = 0, 0
    while True:
        (byte,) = await reader.readexactly(1)
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return Packet(head >> 4, head & 0x0F, await reader.readexactly(length))


def _count_filters(body: bytes) -> int:
    at, count = 2, 0
    while at < len(body):
        at += 2 + int.from_bytes(body[at : at + 2]) + 1
        count += 1
    return count


def parse_connect(body: bytes) -> Connect:
    flags = body[7]
    fields: list[bytes] = []
    at = 10
    while at < len(body):
        size = int.from_bytes(body[at : at + 2])
        fields.append(body[at + 2 : at + 2 + size])
        at += 2 + size
    return Connect(
        clean=bool(flags & 2),
        will_qos=flags >> 3 & 3,
        will_retain=bool(flags & 32),
        keepalive=int.from_bytes(body[8:10]),
        client_id=fields[0].decode(),
        will_topic=fields[1].decode(),
        will_payload=fields[2],
        username=fields[3].decode() if flags & 128 else None,
        password=fields[4].decode() if flags & 64 else None,
    )

"""What the server says and understands on the wire to its broker."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from config.mqtt import MqttSettings
from plantroom.processes import free_port
from server.core.clock import SystemClock
from server.ingest.mqtt import MqttLink
from tests.fakes.raw_broker import (
    CONNECT,
    DISCONNECT,
    PUBLISH,
    SUBSCRIBE,
    Packet,
    RawBroker,
    parse_connect,
)
from tests.patience import PATIENCE_S

STATE = "spBv1.0/STATE/plantroom"
DEEP = b"[" * 100_000
"""Nested deeper than a parser that calls itself can go."""


class Heard:
    """Messages that the link handed over."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes, int]] = []
        self.news = threading.Event()

    def __call__(self, topic: str, payload: bytes, arrived_at: int) -> None:
        self.messages.append((topic, payload, arrived_at))
        self.news.set()


@asynccontextmanager
async def opened(broker: RawBroker, heard: Heard | None = None) -> AsyncGenerator[MqttLink]:
    link = MqttLink(
        MqttSettings(port=broker.port),
        host_id="plantroom",
        clock=SystemClock(),
        on_message=heard or Heard(),
    )
    link.open()
    try:
        yield link
    finally:
        await asyncio.to_thread(link.close)


def publish(topic: str, payload: bytes, *, retained: bool = False) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + payload
    size, head = len(body), bytearray([PUBLISH << 4 | retained])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    return bytes([*head, size]) + body


def published(packet: Packet) -> tuple[str, dict[str, object]]:
    size = int.from_bytes(packet.body[:2], "big")
    topic, rest = packet.body[2 : 2 + size].decode(), packet.body[2 + size :]
    if packet.flags >> 1 & 3:
        rest = rest[2:]
    return topic, json.loads(rest)


def will_of(packet: Packet) -> dict[str, object]:
    return json.loads(parse_connect(packet.body).will_payload)


async def test_the_will_and_the_birth_of_the_host_carry_the_same_timestamp() -> None:
    async with RawBroker() as broker, opened(broker):
        (connect,) = await broker.of_kind(CONNECT)
        (birth,) = await broker.of_kind(PUBLISH)
        said, will = parse_connect(connect.body), will_of(connect)
        assert (said.clean, said.will_topic, said.will_qos, said.will_retain) == (
            True,
            STATE,
            1,
            True,
        )
        assert will["online"] is False
        assert published(birth) == (STATE, {"online": True, "timestamp": will["timestamp"]})
        assert birth.flags & 0b0111 == 0b0011, "QoS 1, retained"


async def test_the_own_state_is_subscribed_before_the_birth() -> None:
    async with RawBroker() as broker, opened(broker):
        await broker.of_kind(PUBLISH)
        kinds = [packet.kind for packet in broker.packets]
        assert kinds == [CONNECT, SUBSCRIBE, PUBLISH]
        filters = broker.packets[1].body
        assert filters.index(STATE.encode()) < filters.index(b"spBv1.0/#")


def echo(packet: Packet) -> bytes:
    """Return a STATE as the broker brings it back to its sender."""
    topic, said = published(packet)
    return publish(topic, json.dumps(said).encode())


async def test_an_old_foreign_offline_is_taken_back_with_the_same_birth() -> None:
    async with RawBroker() as broker, opened(broker):
        (birth,) = await broker.of_kind(PUBLISH)
        broker._writers[0].write(echo(birth))
        offline = json.dumps({"online": False, "timestamp": 5}).encode()
        broker._writers[0].write(publish(STATE, offline))
        (_, again) = await broker.of_kind(PUBLISH, 2)
        assert published(again) == published(birth)
        assert len(broker._writers) == 1


async def test_a_newer_foreign_offline_is_surpassed_by_a_new_connect_and_its_will() -> None:
    async with RawBroker() as broker, opened(broker):
        await broker.of_kind(PUBLISH)
        later = 2**50
        offline = json.dumps({"online": False, "timestamp": later}).encode()
        broker._writers[0].write(publish(STATE, offline))
        (_, connect) = await broker.of_kind(CONNECT, 2)
        (_, birth) = await broker.of_kind(PUBLISH, 2)
        assert will_of(connect) == {"online": False, "timestamp": later + 1}
        assert published(birth) == (STATE, {"online": True, "timestamp": later + 1})
        assert not [packet for packet in broker.packets if packet.kind == DISCONNECT]


@pytest.mark.parametrize(
    "state", [b"", b"{", b"[]", b'{"online":0}', b'{"online":true,"timestamp":-1}', DEEP]
)
async def test_garbage_or_nothing_as_own_state_is_healed(state: bytes) -> None:
    heard = Heard()
    async with RawBroker() as broker, opened(broker, heard):
        (birth,) = await broker.of_kind(PUBLISH)
        broker._writers[0].write(echo(birth) + publish(STATE, state) + publish(STATE, state))
        broker._writers[0].write(publish("spBv1.0/s/NDATA/g", b"\0\1"))
        assert await asyncio.to_thread(heard.news.wait, 5)
        (_, again) = await broker.of_kind(PUBLISH, 2)
        assert published(again) == published(birth)
        assert [one[:2] for one in heard.messages] == [("spBv1.0/s/NDATA/g", b"\0\1")]
        assert len(await broker.of_kind(PUBLISH)) == 2


async def test_a_clean_end_says_offline_now_and_does_not_take_it_back() -> None:
    async with RawBroker() as broker:
        before = time.time_ns() // 1_000_000
        async with opened(broker):
            (birth,) = await broker.of_kind(PUBLISH)
            broker._writers[0].write(echo(birth))
            await asyncio.sleep(0.05)
            closing_at = time.time_ns() // 1_000_000

            async def bring_back() -> None:
                (_, farewell) = await broker.of_kind(PUBLISH, 2)
                broker._writers[0].write(echo(farewell))

            back = asyncio.create_task(bring_back())
        await back
        await broker.of_kind(DISCONNECT)
        (_, farewell) = await broker.of_kind(PUBLISH)
        topic, said = published(farewell)
        assert (topic, said["online"]) == (STATE, False)
        assert before <= closing_at <= int(str(said["timestamp"]))


async def test_what_nodes_send_before_they_hear_the_farewell_is_taken() -> None:
    heard = Heard()
    async with RawBroker() as broker:

        async def last_words() -> None:
            await broker.of_kind(PUBLISH, 2)
            broker._writers[0].write(publish("spBv1.0/s/NDATA/g", b"last"))

        async with opened(broker, heard):
            await broker.of_kind(PUBLISH)
            last = asyncio.create_task(last_words())
        await last
        assert [one[1] for one in heard.messages] == [b"last"]


@pytest.mark.long
async def test_a_second_server_with_the_same_client_id_is_told_and_makes_no_storm(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with RawBroker() as broker, opened(broker):
        for count in range(1, 4):
            await broker.of_kind(SUBSCRIBE, count)
            broker._writers[-1].close()
        await asyncio.sleep(1.5)
        assert len(await broker.of_kind(CONNECT, 3)) == 3
    out = capfd.readouterr()
    assert "mqtt_client_id_shared" in out.out + out.err


async def test_a_lost_connection_is_made_again_with_a_new_birth() -> None:
    async with RawBroker() as broker, opened(broker) as link:
        await broker.of_kind(PUBLISH)
        broker._writers[0].close()
        (first, second) = await broker.of_kind(CONNECT, 2)
        (_, birth) = await broker.of_kind(PUBLISH, 2)
        before, after = will_of(first)["timestamp"], will_of(second)["timestamp"]
        assert after > before
        assert published(birth)[1]["timestamp"] == after
        link.publish("spBv1.0/s/NCMD/g", b"ack")
        assert len(await broker.of_kind(PUBLISH, 3)) == 3


async def test_without_a_broker_nothing_blocks() -> None:
    link = MqttLink(
        MqttSettings(port=free_port()),
        host_id="plantroom",
        clock=SystemClock(),
        on_message=Heard(),
    )
    link.open()
    link.publish("spBv1.0/s/NCMD/g", b"ack")
    assert not link.connected
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.to_thread(link.close)
        await asyncio.to_thread(link.close)

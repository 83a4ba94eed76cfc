"""The connection itself, byte by byte, and what happens when a broker refuses, stalls or leaves."""

import asyncio
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from config.mqtt import MqttSettings, TlsSettings
from edge_agent.clock import SystemClock
from edge_agent.errors import UplinkError
from edge_agent.uplink.mqtt import MqttConnection, OnMessage
from tests.fakes import raw_broker
from tests.fakes.mail_server import CERTIFICATE
from tests.fakes.raw_broker import RawBroker, parse_connect
from tests.patience import PATIENCE_S


def _ignore(_topic: str, _payload: bytes, _retained: bool) -> None:  # noqa: FBT001
    pass


def connection_to(port: int, **settings: object) -> MqttConnection:
    return connection_with(_ignore, port, **settings)


def connection_with(on_message: OnMessage, port: int, **settings: object) -> MqttConnection:
    return MqttConnection(
        MqttSettings.model_validate({"port": port, **settings}),
        client_id="plantroom-site-gw",
        will_topic="spBv1.0/site/NDEATH/gw",
        will_payload=b"death",
        on_message=on_message,
    )


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await SystemClock().sleep(0.005)


async def test_the_wire_says_what_sparkplug_demands(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    async with RawBroker() as broker:
        connection = connection_to(broker.port, username="gw", password_file=password)
        await connection.open(["spBv1.0/site/NCMD/gw", "spBv1.0/site/DCMD/gw/+"])
        assert connection.publish("spBv1.0/site/NDATA/gw", b"data")
        connection.disconnect()
        await connection.close()
        await broker.of_kind(raw_broker.DISCONNECT)

    connect, subscribe, publish, goodbye = broker.packets
    assert parse_connect(connect.body) == raw_broker.Connect(
        clean=True,
        will_qos=1,
        will_retain=False,
        keepalive=30,
        client_id="plantroom-site-gw",
        will_topic="spBv1.0/site/NDEATH/gw",
        will_payload=b"death",
        username="gw",
        password="s3cret",
    )
    assert subscribe.body.endswith(b"DCMD/gw/+\x01")
    assert subscribe.body[2:].startswith(b"\x00\x14spBv1.0/site/NCMD/gw\x01")
    assert (publish.kind, publish.flags) == (raw_broker.PUBLISH, 0)
    assert goodbye.kind == raw_broker.DISCONNECT


async def test_a_message_leaves_where_it_is_published() -> None:
    async with RawBroker() as broker:
        connection = connection_to(broker.port)
        await connection.open(["a"])
        before = _segments(connection)
        for number in range(3):
            assert connection.publish("spBv1.0/site/DDATA/gw/pump", b"%d" % number)
            assert _segments(connection) == before + number + 1
        await until(lambda: len(broker.packets) == 5)
        await connection.close()


def _segments(connection: MqttConnection) -> int:
    """Segments with data that the kernel has sent: tcpi_data_segs_out of linux/tcp.h."""
    client = connection._client.socket()
    assert isinstance(client, socket.socket)
    told = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
    return int.from_bytes(told[156:160], sys.byteorder)


async def test_closing_without_goodbye_leaves_the_will_to_the_broker() -> None:
    async with RawBroker() as broker:
        connection = connection_to(broker.port)
        await connection.open(["a"])
        await connection.close()
        async with asyncio.timeout(PATIENCE_S):
            await broker.hung_up.wait()

    assert raw_broker.DISCONNECT not in {packet.kind for packet in broker.packets}


async def test_a_refused_login_says_why() -> None:
    async with RawBroker(connack=5) as broker:
        connection = connection_to(broker.port)
        with pytest.raises(UplinkError, match="Not authorized"):
            await connection.open(["a"])
        await connection.close()


async def test_a_refused_subscription_says_so() -> None:
    async with RawBroker(suback=0x80) as broker:
        connection = connection_to(broker.port)
        with pytest.raises(UplinkError, match="refuses a subscription"):
            await connection.open(["a"])
        await connection.close()


async def test_no_broker_at_all_is_an_uplink_error() -> None:
    async with RawBroker() as broker:
        port = broker.port
    connection = connection_to(port)
    with pytest.raises(UplinkError, match="ConnectionRefusedError"):
        await connection.open(["a"])
    await connection.close()


@pytest.mark.parametrize("missing", ["ca", "password"])
async def test_a_missing_file_is_an_uplink_error_and_not_the_end(
    missing: str, tmp_path: Path
) -> None:
    settings: dict[str, object] = (
        {"tls": TlsSettings(ca_file=tmp_path / "none")}
        if missing == "ca"
        else {"username": "gw", "password_file": tmp_path / "none"}
    )
    async with RawBroker() as broker:
        connection = connection_to(broker.port, **settings)
        with pytest.raises(UplinkError, match=rf"none does not exist \(mqtt.*{missing}_file: "):
            await connection.open(["a"])
        await connection.close()


async def test_a_broker_that_leaves_ends_the_connection() -> None:
    async with RawBroker() as broker:
        connection = connection_to(broker.port)
        await connection.open(["a"])
    async with asyncio.timeout(PATIENCE_S):
        assert "connection lost" in await connection.closed
    await until(lambda: not connection.publish("a", b"x"))
    await connection.close()


async def test_bytes_that_the_broker_does_not_take_are_counted_until_it_does() -> None:
    async with RawBroker() as broker:
        connection = connection_to(broker.port)
        await connection.open(["a"])
        broker.reading.clear()
        for _ in range(400):
            connection.publish("a", b"x" * 50_000)
        await until(lambda: 0 < connection.queued_bytes < 400 * 50_000)
        stuck = connection.queued_bytes

        broker.reading.set()
        await until(lambda: connection.queued_bytes == 0)
        assert stuck > 5_000_000
        await broker.of_kind(raw_broker.PUBLISH, 400)
        await connection.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_messages_that_come_in_one_piece_are_all_heard_and_may_be_answered(
    *,
    tls: bool,
) -> None:
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    heard: list[bytes] = []

    def hear(topic: str, payload: bytes, _retained: bool) -> None:  # noqa: FBT001
        heard.append(payload)
        assert connection.publish(topic, payload)

    async with RawBroker(tls=context) as broker:
        settings: dict[str, object] = (
            {"host": "localhost", "tls": TlsSettings(ca_file=CERTIFICATE)} if tls else {}
        )
        connection = connection_with(hear, broker.port, **settings)
        await connection.open(["a"])
        sent = [bytes([number]) * 50 for number in range(40)]
        broker.deliver("a", sent)
        answers = await broker.of_kind(raw_broker.PUBLISH, len(sent))
        await connection.close()

    assert heard == sent
    assert [answer.body[3:] for answer in answers] == sent


async def test_a_connection_has_no_thread_of_its_own_and_leaves_nothing_in_the_loop() -> None:
    async with RawBroker() as broker:
        connection = connection_to(broker.port)
        await connection.open(["a"])
        names = [thread.name for thread in threading.enumerate()]
        await connection.close()
        async with asyncio.timeout(PATIENCE_S):
            await broker.hung_up.wait()

    assert not [name for name in names if "paho" in name]
    assert not connection.publish("a", b"x")


async def test_a_broker_that_answers_no_ping_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.uplink.mqtt._LOOK_S", 0.01)
    async with RawBroker() as broker:
        connection = connection_to(broker.port)
        await connection.open(["a"])
        begin_s = SystemClock().monotonic_s()
        monkeypatch.setattr(
            "paho.mqtt.client.time_func",
            lambda: begin_s + 200 * (SystemClock().monotonic_s() - begin_s),
        )
        async with asyncio.timeout(PATIENCE_S):
            why = await connection.closed
        assert await broker.of_kind(raw_broker.PINGREQ)
        await connection.close()

    assert "connection lost" in why

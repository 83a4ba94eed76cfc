"""The connection itself, byte by byte, and what happens when a broker refuses, stalls or leaves."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from config.mqtt import MqttSettings, TlsSettings
from edge_agent.clock import SystemClock
from edge_agent.errors import UplinkError
from edge_agent.uplink.mqtt import MqttConnection
from tests.fakes import raw_broker
from tests.fakes.raw_broker import RawBroker, parse_connect


def connection_to(port: int, **settings: object) -> MqttConnection:
    return MqttConnection(
        MqttSettings.model_validate({"port": port, **settings}),
        client_id="plantroom-site-gw",
        will_topic="spBv1.0/site/NDEATH/gw",
        will_payload=b"death",
        on_message=lambda _topic, _payload: None,
    )


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
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


async def test_closing_without_goodbye_leaves_the_will_to_the_broker() -> None:
    async with RawBroker() as broker:
        connection = connection_to(broker.port)
        await connection.open(["a"])
        await connection.close()
        async with asyncio.timeout(8):
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
    async with asyncio.timeout(8):
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

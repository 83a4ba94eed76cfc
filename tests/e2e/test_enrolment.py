"""plantroom server ca, enrol, revoke with deploy/mosquitto.conf: who gets in, and says what."""

import asyncio
import json
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import yaml
from click.testing import CliRunner

from plantroom.processes import plantroom_command
from server.__main__ import cli
from tests.e2e.shipped_broker import PASSWORD, ShippedBroker, shipped_broker
from tests.forked import ForkedChild

SERVER = "plantroom-server"
CONNECT = bytes([0x10, 15, 0, 4]) + b"MQTT" + bytes([4, 2, 0, 60, 0, 3]) + b"any"
ACCEPTED = bytes([0x20, 2, 0, 0])
GARDEN, NORTH = "green-garden/heating-plant", "north/gw2"


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[ShippedBroker]:
    async with shipped_broker(tmp_path, users=(SERVER,)) as broker:
        yield broker


def command(broker: ShippedBroker, *words: str) -> str:
    """Run a command about gateways and let the broker read its files again."""
    folders = ("--ca", str(broker.ca.parent), "--acl", str(broker.folder / "plantroom.acl"))
    done = CliRunner().invoke(cli, [*words, *folders])
    assert done.exit_code == 0, done.output
    os.kill(broker.child.pid, signal.SIGHUP)
    return done.output


def section_of(said: str, files: Path, port: int) -> dict[str, Any]:
    """Return what enrol printed for the agent file, with its files where they are."""
    section = yaml.safe_load(said)["mqtt"]
    tls = {key: str(files / name) for key, name in section["tls"].items()}
    return section | {"port": port, "tls": tls}


class Client:
    """A client with a certificate, or on the servers' listener with a password."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.heard: list[str] = []
        self.accepted = False
        self.ended = False
        self._client = client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        if tls is None:
            client.username_pw_set(SERVER, PASSWORD)
        else:
            client.tls_set_context(tls)
        client.on_connect = lambda _c, _d, _f, code, _p: self._answered(refused=code.is_failure)
        client.on_disconnect = lambda *_: self._end()
        client.on_message = lambda _c, _d, message: self.heard.append(message.topic)
        client.connect("localhost", port)
        client.loop_start()

    def _answered(self, *, refused: bool) -> None:
        self.accepted = not refused
        self._client.subscribe([("spBv1.0/#", 1), ("plantroom/#", 1)])

    def _end(self) -> None:
        self.ended = True

    def say(self, topic: str) -> None:
        self._client.publish(topic, b"x", qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def context_of(broker: ShippedBroker, user: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=broker.ca)
    if user is not None:
        files = broker.ca.parent / "gateways" / user
        context.load_cert_chain(files / "client.crt", files / "client.key")
    return context


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a fact; the test's timeout ends what never becomes one."""
    while not condition():
        await asyncio.sleep(0.05)


async def is_refused(broker: ShippedBroker, tls: ssl.SSLContext) -> bool:
    """Whether the listener for certificates does not let this one in."""
    try:
        reader, writer = await asyncio.open_connection(
            "localhost", broker.certificate_port, ssl=tls
        )
    except ssl.SSLError:
        return True
    try:
        writer.write(CONNECT)
        return await reader.readexactly(4) != ACCEPTED
    except (OSError, asyncio.IncompleteReadError):
        return True
    finally:
        writer.close()


async def test_an_enrolled_agent_gets_in_and_speaks_for_itself_alone(
    broker: ShippedBroker, tmp_path: Path
) -> None:
    server = Client(broker.server_port)
    said = command(broker, "enrol", GARDEN)
    files = broker.ca.parent / "gateways" / GARDEN.replace("/", ".")
    site, gateway = GARDEN.split("/")
    content = {
        "site": site,
        "gateway": gateway,
        "mqtt": section_of(said, files, broker.certificate_port),
        "journal": {"path": str(tmp_path / "journal.sqlite")},
        "status": {"port": 0},
        "uplink": {"clock_grace_s": 0},
        "ports": {"lan": {"kind": "modbus_tcp", "host": "127.0.0.1", "port": 1}},
        "devices": {
            "m1": {
                "port": "lan",
                "class": "electricity_meter",
                "name": {"en": "Meter", "zh": "电表"},
                "points": {"r0": {"table": "holding", "address": 7, "type": "uint16"}},
            }
        },
    }
    file = tmp_path / "agent.yaml"
    file.write_text(json.dumps(content))
    agent = ForkedChild(
        "agent",
        plantroom_command("agent", "run", str(file)),
        log=tmp_path / "agent.log",
        ready_event="agent_ready",
    )
    async with agent:
        await until(lambda: f"spBv1.0/{site}/NBIRTH/{gateway}" in server.heard)

    command(broker, "enrol", NORTH)
    north = Client(broker.certificate_port, context_of(broker, "north.gw2"))
    await until(lambda: north.accepted)
    foreign = (
        f"spBv1.0/{site}/NDATA/{gateway}",
        "spBv1.0/STATE/plantroom",
        "spBv1.0/north/NDATA/x",
    )
    server.heard.clear()
    for topic in (*foreign, "spBv1.0/north/NDATA/gw2"):
        north.say(topic)
    await until(lambda: "spBv1.0/north/NDATA/gw2" in server.heard)
    assert not set(foreign) & set(server.heard)
    for client in (server, north):
        client.close()


async def test_no_other_certificate_gets_in_and_none_without(
    broker: ShippedBroker, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    runner = CliRunner()
    assert runner.invoke(cli, ["ca", str(elsewhere), "--host", "localhost"]).exit_code == 0
    assert runner.invoke(cli, ["enrol", GARDEN, "--ca", str(elsewhere)]).exit_code == 0
    stranger = ssl.create_default_context(cafile=broker.ca)
    files = elsewhere / "gateways" / GARDEN.replace("/", ".")
    stranger.load_cert_chain(files / "client.crt", files / "client.key")
    assert await is_refused(broker, stranger)
    assert await is_refused(broker, context_of(broker, None))
    # The broker is not believed by who has another authority.
    assert await is_refused(broker, ssl.create_default_context(cafile=elsewhere / "ca.crt"))
    command(broker, "enrol", GARDEN)
    assert not await is_refused(broker, context_of(broker, "green-garden.heating-plant"))


async def test_what_is_revoked_is_not_heard_and_not_let_in_again(broker: ShippedBroker) -> None:
    server = Client(broker.server_port)
    for gateway in (GARDEN, NORTH):
        command(broker, "enrol", gateway)
    north = Client(broker.certificate_port, context_of(broker, "north.gw2"))
    garden = Client(broker.certificate_port, context_of(broker, "green-garden.heating-plant"))
    await until(lambda: north.accepted and garden.accepted and server.accepted)
    north.say("spBv1.0/north/NDATA/gw2")
    await until(lambda: "spBv1.0/north/NDATA/gw2" in server.heard)

    command(broker, "revoke", NORTH)
    while not await is_refused(broker, context_of(broker, "north.gw2")):
        await asyncio.sleep(0.1)
    server.heard.clear()
    north.say("spBv1.0/north/NDATA/gw2")
    await asyncio.sleep(0.3)
    garden.say("spBv1.0/green-garden/NDATA/heating-plant")
    await until(lambda: "spBv1.0/green-garden/NDATA/heating-plant" in server.heard)
    assert "spBv1.0/north/NDATA/gw2" not in server.heard
    for client in (server, north, garden):
        client.close()


async def test_servers_of_one_user_are_several_clients_and_tell_each_other_values(
    broker: ShippedBroker,
) -> None:
    command(broker, "enrol", NORTH)
    north = Client(broker.certificate_port, context_of(broker, "north.gw2"))
    servers = [Client(broker.server_port) for _ in range(2)]
    await until(lambda: all(one.accepted for one in (north, *servers)))
    await asyncio.sleep(0.3)  # their subscriptions
    north.say("plantroom/live")  # nobody hears it
    for topic in ("plantroom/live", "plantroom/live/ask", "spBv1.0/STATE/plantroom-2"):
        servers[0].say(topic)
        await until(lambda topic=topic: topic in servers[1].heard)
    await until(lambda: "spBv1.0/STATE/plantroom-2" in north.heard)
    assert servers[1].heard.count("plantroom/live") == 1
    assert not [topic for topic in north.heard if topic.startswith("plantroom/")]
    assert not any(one.ended for one in servers)
    for client in (*servers, north):
        client.close()

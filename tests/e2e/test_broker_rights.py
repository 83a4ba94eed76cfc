"""deploy/mosquitto.conf beside Debian's stock file: who may connect as whom, and say what."""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import yaml

from plantroom.processes import Child, free_port
from tests.fakes.mail_server import CERTIFICATE
from tests.mosquitto import wait_for_port

ROOT = Path(__file__).parents[2]
SERVER, GATEWAY, OTHER = "plantroom-server", "green-garden.heating-plant", "north.gw2"
PASSWORD = "correct horse"
STOCK = """\
{user}
persistence true
persistence_location {folder}/
log_dest stderr
include_dir {folder}/conf.d
"""
OTHER_RIGHTS = """
user north.gw2
topic write spBv1.0/north/+/gw2/#
topic write spBv1.0/north/+/gw2
topic read  spBv1.0/north/NCMD/gw2/#
topic read  spBv1.0/STATE/#
"""


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """A broker with Debian's file, ours included by it, and three users."""
    port = free_port()
    passwords = tmp_path / "plantroom.passwd"
    passwords.touch()
    for user in (SERVER, GATEWAY, OTHER):
        command = ("mosquitto_passwd", "-b", str(passwords), user, PASSWORD)
        made = await asyncio.create_subprocess_exec(*command)
        assert await made.wait() == 0
    (tmp_path / "plantroom.acl").write_text(
        (ROOT / "deploy" / "mosquitto.acl").read_text() + OTHER_RIGHTS
    )
    (tmp_path / "conf.d").mkdir()
    ours = (ROOT / "deploy" / "mosquitto.conf").read_text()
    ours = re.sub(r"(?m)^(cafile|certfile|keyfile) .*$", rf"\1 {CERTIFICATE}", ours)
    ours = ours.replace("/etc/mosquitto/plantroom.", f"{tmp_path}/plantroom.")
    ours = ours.replace("listener 8883", f"listener {port} 127.0.0.1")
    (tmp_path / "conf.d" / "plantroom.conf").write_text(ours)
    # Started by root it would become the user mosquitto, who may not look into this folder.
    user = "user root" if os.geteuid() == 0 else ""
    (tmp_path / "mosquitto.conf").write_text(STOCK.format(user=user, folder=tmp_path))
    broker = ["/usr/sbin/mosquitto", "-c", str(tmp_path / "mosquitto.conf")]
    async with Child("mosquitto", broker, log=tmp_path / "mosquitto.log"):
        await wait_for_port(port)
        yield port


class Client:
    """A client that remembers how often it was connected, and what it heard."""

    def __init__(self, port: int, *, user: str, client_id: str, password: str = PASSWORD) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.ended = 0
        self.accepted: list[bool] = []
        self._client = client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id)
        client.username_pw_set(user, password)
        context = ssl.create_default_context(cafile=str(CERTIFICATE))
        client.tls_set_context(context)
        client.on_connect = lambda _c, _d, _f, code, _p: self.accepted.append(not code.is_failure)
        client.on_disconnect = lambda *_: self._end()
        client.on_message = lambda _c, _d, m: self.heard.append((m.topic, bytes(m.payload)))
        client.connect("localhost", port)
        client.loop_start()

    def _end(self) -> None:
        self.ended += 1

    async def subscribe(self, *filters: str) -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._client.on_subscribe = lambda *_: loop.call_soon_threadsafe(done.set)
        self._client.subscribe([(name, 1) for name in filters])
        async with asyncio.timeout(5):
            await done.wait()

    def say(self, topic: str) -> None:
        self._client.publish(topic, b"x", qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def test_nobody_takes_another_ones_client_id(port: int) -> None:
    victims = {user: Client(port, user=user, client_id=user) for user in (SERVER, OTHER)}
    await asyncio.sleep(0.3)
    stolen = [SERVER, "plantroom-server-plantroom", OTHER, "plantroom-north-gw2"]
    thieves = [Client(port, user=GATEWAY, client_id=name) for name in stolen]
    await asyncio.sleep(1)
    for user, victim in victims.items():
        assert (victim.accepted, victim.ended) == ([True], 0), user
    for client in (*victims.values(), *thieves):
        client.close()


async def test_a_wrong_password_or_a_stranger_is_refused(port: int) -> None:
    for user, password in ((GATEWAY, "wrong"), ("stranger", PASSWORD), (SERVER, "")):
        client = Client(port, user=user, client_id="x", password=password)
        await asyncio.sleep(0.3)
        assert True not in client.accepted
        client.close()


async def test_a_gateway_speaks_for_itself_alone(port: int) -> None:
    server = Client(port, user=SERVER, client_id="s")
    gateway = Client(port, user=GATEWAY, client_id="g")
    await server.subscribe("spBv1.0/#")
    await gateway.subscribe("spBv1.0/#")
    own = [
        "spBv1.0/green-garden/NBIRTH/heating-plant",
        "spBv1.0/green-garden/DDATA/heating-plant/p",
    ]
    foreign = [
        "spBv1.0/north/NBIRTH/gw2",
        "spBv1.0/north/DDATA/gw2/pump",
        "spBv1.0/STATE/plantroom",
        "spBv1.0/north/NCMD/gw2",
        "spBv1.0/green-garden/NDATA/another",
    ]
    for topic in [*foreign, *own]:
        gateway.say(topic)
    server.say("spBv1.0/green-garden/NCMD/heating-plant")
    server.say("spBv1.0/north/NCMD/gw2")
    server.say("spBv1.0/STATE/plantroom")
    await asyncio.sleep(1)
    said = {topic for topic, _ in server.heard}
    assert said >= set(own)
    assert "spBv1.0/north/NBIRTH/gw2" not in said
    assert "spBv1.0/north/DDATA/gw2/pump" not in said
    assert "spBv1.0/green-garden/NDATA/another" not in said
    assert {topic for topic, _ in gateway.heard} == {
        "spBv1.0/green-garden/NCMD/heating-plant",
        "spBv1.0/STATE/plantroom",
    }
    assert [topic for topic, _ in server.heard].count("spBv1.0/STATE/plantroom") == 1
    for client in (server, gateway):
        client.close()


def test_the_examples_name_the_users_of_the_acl() -> None:
    users = set(re.findall(r"(?m)^user (.+)$", (ROOT / "deploy" / "mosquitto.acl").read_text()))
    named = {_uncommented(name)["mqtt"]["username"] for name in ("server", "agent")}
    assert named == users == {SERVER, GATEWAY}
    agent = _uncommented("agent")
    assert f"{agent['site']}.{agent['gateway']}" == GATEWAY


def _uncommented(name: str) -> dict[str, Any]:
    """Return the example with the section ``mqtt`` taken in."""
    text = (ROOT / "config" / "examples" / f"{name}.yaml").read_text()
    start = text.index("#mqtt:")
    section = text[start : text.index("\n\n", start)]
    lines = [line.removeprefix("#") for line in section.splitlines()]
    return yaml.safe_load(text) | yaml.safe_load("\n".join(lines))
